import PluginABI

/// What went wrong, in the words of the ABI (`moor_error`). Texts never hold a credential.
///
/// Literal messages cost no allocation: a driver may throw `.notFound` on its hot path.
public struct PluginError: Error, Sendable {
    /// The class of a failure; the values are those of `MOOR_E_*`.
    public enum Code: Int32, Sendable {
        /// A bug, or a failure with no better name.
        case internalFailure = 1
        /// The caller asked for something malformed.
        case invalidArgument = 2
        /// Not implemented, and never will be by this object.
        case unsupported = 3
        /// Nothing at that path.
        case notFound = 4
        /// Asked to create, and something is there.
        case alreadyExists = 5
        /// The entity tag differs, or a writer was replaced.
        case precondition = 6
        /// The backend refuses these credentials.
        case permission = 7
        /// Wrong or missing credential.
        case unauthenticated = 8
        /// Slow down; `retryAfterMilliseconds` says how long.
        case throttled = 9
        /// The backend can't be reached now.
        case unavailable = 10
        /// The deadline passed.
        case timeout = 11
        /// The caller cancelled.
        case cancelled = 12
        /// Disk full or quota reached.
        case noSpace = 13
        /// Stored bytes or a given checksum don't agree.
        case corrupt = 14
        /// An offset beyond the end, or larger than the limit given.
        case range = 15
        /// A local limit is reached; nothing was started.
        case busy = 16
        /// The configuration is wrong.
        case config = 17
        /// This host and this plugin can't work together.
        case version = 18
        /// A writer can't go on there.
        case offset = 19
        /// The object was stopped.
        case shutdown = 20

        /// Whether the same call may succeed later.
        public var isTransient: Bool {
            switch self {
            case .throttled, .unavailable, .timeout, .busy: true
            default: false
            }
        }
    }

    /// The class of the failure.
    public var code: Code
    /// One line for an operator. Longer texts are cut at 1024 bytes, line breaks become spaces.
    public var message: String
    /// The backend's own code, such as "SlowDown"; may be empty.
    public var vendorCode = ""
    /// A JSON object with more, or empty.
    public var detailsJSON = ""
    /// `errno`, or 0.
    public var osErrno: Int32 = 0
    /// When to try again; -1: no hint.
    public var retryAfterMilliseconds: Int64 = -1
    /// It is certain that nothing was changed.
    public var noEffect = false
    /// The same call may succeed later.
    public var isRetryable: Bool

    /// An error of a class; whether it is worth a retry follows from the class unless you say otherwise.
    public init(_ code: Code, _ message: String, noEffect: Bool = false, osErrno: Int32 = 0) {
        self.code = code
        self.message = message
        self.noEffect = noEffect
        self.osErrno = osErrno
        self.isRetryable = code.isTransient
    }
}

extension PluginError {
    /// Nothing stands at the path.
    public static var notFound: PluginError { PluginError(.notFound, "nothing stands at this path", noEffect: true) }

    /// The answer isn't in memory, and the caller must not wait.
    public static var wouldWait: PluginError { PluginError(.busy, "the answer is not in memory", noEffect: true) }

    /// The driver doesn't offer this operation.
    public static var unsupported: PluginError {
        PluginError(.unsupported, "the driver doesn't offer this operation", noEffect: true)
    }

    /// A writer can't continue where it was asked to: its bytes end at `durable`.
    public static func offset(durable: UInt64) -> PluginError {
        var error = PluginError(.offset, "the written bytes end at another offset", noEffect: true)
        error.detailsJSON = "{\"durable_offset\":\(durable)}"
        return error
    }

    /// A configuration error that names the key.
    public static func config(key: String, _ message: String) -> PluginError {
        var error = PluginError(.config, key.isEmpty ? message : "\(key): \(message)", noEffect: true)
        error.detailsJSON = "{\"pointer\":\(JSONText.quote(key.isEmpty ? "" : "/" + key))}"
        return error
    }

    /// What an untyped error becomes at the boundary.
    public init(wrapping error: any Error) {
        if let known = error as? PluginError {
            self = known
        } else if let convertible = error as? any PluginErrorConvertible {
            self = convertible.pluginError
        } else if error is CancellationError {
            self.init(.cancelled, "the call was cancelled")
        } else {
            self.init(.internalFailure, "\(error)")
        }
    }
}

/// An error that knows what it is to the host; a driver may throw it as it is.
public protocol PluginErrorConvertible: Error {
    /// The same in the words of the ABI.
    var pluginError: PluginError { get }
}

extension PluginError {
    /// Lends the error as the ABI wants it, for one completion.
    func withCError(_ body: (UnsafePointer<moor_error>) -> Void) {
        var message = PluginError.oneLine(message)
        var vendor = vendorCode
        var details = detailsJSON
        message.withUTF8 { message in
            vendor.withUTF8 { vendor in
                details.withUTF8 { details in
                    var error = moor_error()
                    error.struct_size = UInt32(MemoryLayout<moor_error>.size)
                    error.code = code.rawValue
                    if isRetryable { error.flags |= MOOR_ERR_RETRYABLE }
                    if noEffect { error.flags |= MOOR_ERR_NO_EFFECT }
                    error.os_errno = osErrno
                    error.retry_after_ms = retryAfterMilliseconds
                    error.message = moor_str(message)
                    error.vendor_code = moor_str(vendor)
                    error.details_json = moor_bytes(details)
                    body(&error)
                }
            }
        }
    }

    /// The text as one line of at most 1024 bytes; texts that are so already come back untouched.
    static func oneLine(_ text: String) -> String {
        if text.isEmpty { return "no message" }
        guard text.utf8.count > 1024 || text.utf8.contains(where: { $0 < 0x20 }) else { return text }
        var line = ""
        var count = 0
        for scalar in text.unicodeScalars {
            let kept: Unicode.Scalar = scalar.value < 0x20 ? " " : scalar
            count += UTF8.width(kept)
            if count > 1024 { break }
            line.unicodeScalars.append(kept)
        }
        return line
    }
}
