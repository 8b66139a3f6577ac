/// Why a storage operation failed. The codes are those of the plugin ABI, so that translation is a table.
public struct StorageError: Error, Sendable, CustomStringConvertible {
    /// What the caller can decide on.
    public enum Code: Int32, Sendable, CaseIterable {
        case `internal` = 1
        case invalidArgument = 2
        case unsupported = 3
        case notFound = 4
        case alreadyExists = 5
        case precondition = 6
        case permission = 7
        case unauthenticated = 8
        case throttled = 9
        case unavailable = 10
        case timeout = 11
        case cancelled = 12
        case noSpace = 13
        case corrupt = 14
        case range = 15
        case busy = 16
        case config = 17
        case version = 18
        case offset = 19
        case shutdown = 20
    }

    /// What happened.
    public var code: Code
    /// One line for an operator; no credential.
    public var message: String
    /// The driver that reports it, as the configuration names it; empty when the host itself does.
    public var driver: String
    /// How long to wait before the same call may succeed.
    public var retryAfter: Duration?
    /// The backend's own code, such as `SlowDown`; may be empty.
    public var vendorCode: String
    /// Whether the same call may succeed later.
    public var isRetryable: Bool
    /// Whether it is certain that nothing was changed.
    public var hadNoEffect: Bool
    /// With `offset`: where the writer's durable content ends.
    public var durableOffset: UInt64?
    /// `errno` of the failed call, or 0.
    public var systemError: Int32

    /// An error with everything but the code and the message at its default.
    public init(_ code: Code, _ message: String, driver: String = "") {
        self.code = code
        self.message = message
        self.driver = driver
        self.retryAfter = nil
        self.vendorCode = ""
        self.isRetryable = false
        self.hadNoEffect = false
        self.durableOffset = nil
        self.systemError = 0
    }

    /// Driver, code and message, for a log.
    public var description: String {
        let vendor = vendorCode.isEmpty ? "" : " (\(vendorCode))"
        return driver.isEmpty ? "\(code): \(message)\(vendor)" : "\(driver): \(code): \(message)\(vendor)"
    }
}
