public import PluginKit

/// What went wrong between the driver and its store. Thrown out of a driver's method it becomes the right `PluginError`.
///
/// Texts that come from the store are cleaned and cut; none holds a credential, a header or a query.
public struct StoreError: Error, Sendable {
    /// The class of the failure.
    public enum Kind: Sendable {
        /// Nothing there.
        case notFound
        /// Something is there that shouldn't be.
        case alreadyExists
        /// A condition doesn't hold.
        case precondition
        /// The store refuses these credentials.
        case permission
        /// Slow down.
        case throttled
        /// The store can't be reached or can't serve now.
        case unavailable
        /// The deadline of the call passed.
        case timeout
        /// The caller gave up.
        case cancelled
        /// A quota is reached.
        case noSpace
        /// What came isn't what was promised.
        case corrupt
        /// Beyond the end, or larger than a limit.
        case range
        /// Malformed in the eyes of the store.
        case invalid
        /// The store doesn't offer this.
        case unsupported
        /// The configuration is wrong.
        case config
        /// A limit of the driver's own is reached; nothing was started.
        case busy
        /// The engine was stopped.
        case shutdown
        /// A failure with no better name.
        case internalFailure
    }

    /// Where it went wrong, for messages that name a parameter.
    public enum Cause: String, Sendable {
        /// The host's name has no address.
        case resolve
        /// Nobody answers there, or too late.
        case connect
        /// The certificate or the handshake.
        case tls
        /// The answer didn't begin in time.
        case firstByte = "first_byte"
        /// Bytes came or went too slowly.
        case lowSpeed = "low_speed"
        /// The deadline of the call.
        case deadline
        /// The connection broke.
        case reset
        /// The body ended before its end.
        case truncated
        /// The body is larger than the request allows.
        case tooLarge = "too_large"
        /// The head of the response is too large or malformed.
        case header
        /// The store's answer.
        case response
        /// The task was cancelled.
        case cancelled
        /// Anything else.
        case other
    }

    /// Why a repetition may help.
    public enum Retry: String, Sendable {
        /// The store wants less.
        case throttled
        /// The store failed.
        case server
        /// The connection failed.
        case connection
        /// It took too long.
        case timeout
        /// The credentials have expired: fetch new ones first. Tried once.
        case credentials
    }

    /// The class.
    public var kind: Kind
    /// One line for an operator.
    public var message: String
    /// Where it went wrong.
    public var cause: Cause
    /// The status of the response; 0: there was none.
    public var status = 0
    /// The store's own code, such as `SlowDown`; may be empty.
    public var vendorCode = ""
    /// The store's name for the request; may be empty.
    public var requestID = ""
    /// Nanoseconds that the store wants to be left alone for.
    public var retryAfter: Int64?
    /// Why a repetition may help; nil: it won't.
    public var retry: Retry?
    /// It is certain that nothing was changed.
    public var noEffect: Bool

    /// A failure without a response, or one that the driver found itself.
    public init(
        _ kind: Kind, _ message: String, cause: Cause = .other, retry: Retry? = nil, noEffect: Bool = false
    ) {
        self.kind = kind
        self.message = Self.clean(message, limit: 512)
        self.cause = cause
        self.retry = retry
        self.noEffect = noEffect
    }
}

extension StoreError {
    /// The text as one line of printable characters, at most `limit` bytes.
    static func clean(_ text: String, limit: Int) -> String {
        let isClean = text.utf8.count <= limit && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }
        if isClean { return text }
        var line = String.UnicodeScalarView()
        var count = 0
        for scalar in text.unicodeScalars {
            let isControl = scalar.properties.generalCategory == .control
            let kept: Unicode.Scalar = isControl ? " " : scalar
            count += UTF8.width(kept)
            if count > limit { break }
            line.append(kept)
        }
        return String(line)
    }
}

extension StoreError: PluginErrorConvertible {
    /// The same for the host: class, hint, vendor code, and a message that names the request.
    public var pluginError: PluginError {
        var error = PluginError(kind.code, requestID.isEmpty ? message : "\(message) (request \(requestID))")
        error.noEffect = noEffect
        error.vendorCode = vendorCode
        error.isRetryable = error.isRetryable || retry != nil
        if let retryAfter { error.retryAfterMilliseconds = max(0, retryAfter / 1_000_000) }
        return error
    }
}

extension StoreError.Kind {
    /// The class of the same name at the boundary.
    var code: PluginError.Code {
        switch self {
        case .notFound: .notFound
        case .alreadyExists: .alreadyExists
        case .precondition: .precondition
        case .permission: .permission
        case .throttled: .throttled
        case .unavailable: .unavailable
        case .timeout: .timeout
        case .cancelled: .cancelled
        case .noSpace: .noSpace
        case .corrupt: .corrupt
        case .range: .range
        case .invalid: .invalidArgument
        case .unsupported: .unsupported
        case .config: .config
        case .busy: .busy
        case .shutdown: .shutdown
        case .internalFailure: .internalFailure
        }
    }
}
