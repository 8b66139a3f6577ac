public import RegistryModel
public import RegistryStorage

/// What a client is told when a request can't be done: a code of the wire with what it needs to go on.
public struct RegistryError: Error, Sendable {
    /// What `detail` holds in the JSON envelope.
    public enum Detail: Sendable, Hashable {
        case text(String)
        case fields([String: String])
        case number(name: String, Int)
    }

    /// The code; it decides the status, unless `status` does.
    public var code: RegistryErrorCode
    /// What is wrong, for a person.
    public var message: String
    /// More, for a program.
    public var detail: Detail?
    /// A status other than the code's usual one.
    public var status: Int?
    /// After how long the same request may succeed.
    public var retryAfter: Duration?
    /// For `RANGE_INVALID` on an upload: the session as it is, for the way on.
    public var upload: UploadProgress?
    /// Further errors for the same answer, such as one per missing layer.
    public var others: [RegistryError] = []
    /// What the operator should read in the log and the client should not see.
    public var cause: StorageError?

    /// An error with the code's usual message, or a better one.
    public init(_ code: RegistryErrorCode, _ message: String? = nil, detail: Detail? = nil) {
        self.code = code
        self.message = message ?? code.defaultMessage
        self.detail = detail
    }

    /// A failure of the storage, as a client should see it: 429 and 503 where waiting helps, 500 where it is our fault.
    public init(_ error: StorageError) {
        switch error.code {
        case .throttled:
            self.init(.tooManyRequests, "the storage asks to slow down")
            retryAfter = error.retryAfter ?? .seconds(1)
        case .unavailable, .timeout, .busy, .shutdown, .cancelled, .precondition:
            self.init(.unavailable, "the storage is not available now")
            retryAfter = error.retryAfter ?? .seconds(1)
        case .noSpace:
            // Not 507: clients and proxies know 503 as something that passes.
            self.init(.unavailable, "the storage has no space left")
            retryAfter = error.retryAfter ?? .seconds(10)
        case .permission, .unauthenticated:
            self.init(.unavailable, "the storage refuses the registry's access")
        case .unsupported:
            self.init(.unsupported, "the storage doesn't allow this")
        case .invalidArgument:
            // Every path is legal by the rules that all storages share: this one has narrower ones, such as for length.
            self.init(.nameInvalid, "the storage can't hold anything by this name")
        default:
            self.init(.unknown, "the storage failed")
        }
        cause = error
    }
}

extension Result where Failure == any Error {
    /// The failure as a `RegistryError`, whatever it was.
    static func registryError(_ error: any Error) -> RegistryError {
        if let error = error as? RegistryError { return error }
        if let error = error as? StorageError { return RegistryError(error) }
        if error is CancellationError {
            return RegistryError(StorageError(.cancelled, "the request was cancelled"))
        }
        return RegistryError(.unknown, "\(error)")
    }
}

/// Runs a use case on the driver's worker; every error comes out as a `RegistryError`.
func onWorker<Value: Sendable>(
    of driver: any StorageDriver, _ body: @escaping @Sendable () async throws -> Value
) async throws(RegistryError) -> Value {
    do {
        return try await driver.withWorker(body)
    } catch {
        throw Result<Value, any Error>.registryError(error)
    }
}

/// Runs a use case that only looks things up, where the driver does that best.
func onLookups<Value: Sendable>(
    of driver: any StorageDriver, _ body: @escaping @Sendable () async throws -> Value
) async throws(RegistryError) -> Value {
    do {
        return try await driver.withLookups(body)
    } catch {
        throw Result<Value, any Error>.registryError(error)
    }
}
