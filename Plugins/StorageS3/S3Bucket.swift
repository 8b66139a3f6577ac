import ObjectStoreKit
import PluginKit

/// The requests that a driver makes of one bucket: named, signed, sent, and their answers read.
final class S3Bucket: Sendable {
    let options: S3Options
    let host: Host
    let engine: HTTPEngine
    let credentials: AWSCredentialChain
    private let client: StoreClient
    private let signer: AWSSignatureV4
    private let address: S3Address

    init(_ options: S3Options, host: Host) {
        self.options = options
        self.host = host
        address = options.address
        signer = AWSSignatureV4(service: "s3", region: options.region)
        engine = HTTPEngine(S3Bucket.configuration(options), host: host)
        var source = AWSCredentialChain.Source()
        source.configured = options.credentials
        source.profile = options.profile
        source.region = options.region
        credentials = AWSCredentialChain(source, engine: engine, host: host)
        var retries = RetryPolicy()
        retries.maximumAttempts = options.maximumAttempts
        client = StoreClient(engine, retries: retries, host: host, refusal: S3Refusal.of)
    }

    private static func configuration(_ options: S3Options) -> HTTPConfiguration {
        var configuration = HTTPConfiguration(driver: "s3")
        if !options.userAgent.isEmpty { configuration.userAgent = options.userAgent }
        configuration.maximumConnections = options.maximumConnections
        configuration.timeouts.connect = Int64(options.connectSeconds) * 1000
        configuration.timeouts.firstByte = Int64(options.responseSeconds) * 1000
        configuration.caFile = options.caFile.isEmpty ? nil : options.caFile
        configuration.verifiesTLS = options.verifiesTLS
        return configuration
    }

    /// Names the bucket among those that a process may have open.
    var location: String { "\(address.endpoint.url)\(address.pathPrefix)" }

    /// Runs what nobody waits for.
    var executor: HostExecutor? { HostExecutor(host) }

    /// The key of a path; of "/" what all keys begin with.
    func key(_ path: String) -> String { options.root + path.dropFirst() }

    /// What the keys below a path begin with.
    func prefix(_ path: String) -> String { path == "/" ? options.root : key(path) + "/" }

    // MARK: Requests

    /// A request for an object, or without a key for the bucket.
    func request(_ operation: StaticString, _ method: HTTPRequest.Method, _ key: String = "") -> HTTPRequest {
        var path = address.pathPrefix + PercentEncoding.path(key)
        // The bucket itself has no slash behind its name, but the root of a host has one.
        if key.isEmpty, path.utf8.count > 1, path.hasSuffix("/") { path.removeLast() }
        var request = HTTPRequest(operation, method, address.endpoint, path: path)
        request.subject = key.isEmpty ? options.bucket : "\(options.bucket)/\(key)"
        return request
    }

    /// Sends a request, signed anew for each attempt.
    /// - Parameter payload: the SHA-256 of the body in hexadecimal, where it is known already.
    func send(
        _ request: HTTPRequest, _ deadline: Deadline, payload: String? = nil,
        check: ((StoreError) async throws -> StoreClient.Outcome)? = nil
    ) async throws -> HTTPResponse {
        try await client.send(deadline, check: check) { try await self.signed(request, $0, payload) }
    }

    /// Opens the body of an answer.
    func open(_ request: HTTPRequest, _ deadline: Deadline) async throws -> HTTPStream {
        try await client.open(deadline) { try await self.signed(request, $0, nil) }
    }

    private func signed(
        _ request: HTTPRequest, _ attempt: StoreClient.Attempt, _ payload: String?
    ) async throws -> HTTPRequest {
        let isRefused = attempt.previous?.retry == .credentials
        let credentials = try await credentials.current(refresh: isRefused)
        var request = request
        signer.sign(&request, credentials, at: .now(), payload.map { .hash($0) } ?? coverage(of: request))
        return request
    }

    /// TLS protects a body already; hashing large ones again would only cost time.
    private func coverage(of request: HTTPRequest) -> AWSSignatureV4.Payload {
        address.endpoint.scheme == .https && request.body.count > 65_536 ? .unsigned : .signed
    }

    /// What shows the store that a body came whole: nothing where its SHA-256 is signed.
    func addChecksum(to request: inout HTTPRequest, hasHash: Bool) {
        guard !hasHash, case .unsigned = coverage(of: request) else { return }
        request.headers["Content-MD5"] = Base64.encode(request.body.md5)
    }

    /// The URL at which a client gets an object itself.
    func presigned(_ method: HTTPRequest.Method, _ key: String, seconds: Int64, _ query: [QueryItem]) async throws
        -> String
    {
        var request = request("Redirect", method, key)
        request.query = query
        if let endpoint = options.redirectEndpoint { request.endpoint = endpoint }
        return signer.presigned(request, try await credentials.current(), at: .now(), seconds: seconds)
    }

    /// The `<Name>` that an answer begins with, as S3 says what is wrong with some requests in answers of status 200.
    func document(_ response: HTTPResponse) throws(StoreError) -> XMLElement { try XMLElement.parse(response.body) }
}

/// What makes an answer of S3 an error.
enum S3Refusal {
    /// Operations that may fail behind a status of 200.
    private static let late: Set<String> = ["CopyObject", "UploadPartCopy", "CompleteMultipartUpload", "DeleteObjects"]

    @Sendable static func of(_ request: HTTPRequest, _ response: HTTPResponse) -> StoreError? {
        guard response.isSuccess else { return error(request, response, try? XMLElement.parse(response.body)) }
        guard late.contains(request.operation) else { return nil }
        guard let root = try? XMLElement.parse(response.body) else {
            // The store keeps the connection alive with white space while it works, and may give up.
            var error = StoreError(
                .unavailable, "\(request.operation): the answer is no XML", cause: .response, retry: .server)
            error.status = response.status
            return error
        }
        return root.name == "Error" ? error(request, response, root) : nil
    }

    private static func error(_ request: HTTPRequest, _ response: HTTPResponse, _ root: XMLElement?) -> StoreError {
        let code = root?["Code"]?.text ?? ""
        var error = StoreError(
            response, operation: request.operation, vendorCode: code, vendorMessage: root?["Message"]?.text ?? "",
            requestID: response.headers["x-amz-request-id"] ?? root?["RequestId"]?.text ?? "")
        refine(&error, code)
        if let region = response.headers["x-amz-bucket-region"] ?? root?["Region"]?.text,
            isRedirect(response.status, code)
        {
            error.kind = .config
            error.message += "; the bucket is in region \(region.prefix(32))"
        }
        return error
    }

    private static func isRedirect(_ status: Int, _ code: String) -> Bool {
        (300..<400).contains(status) || code == "AuthorizationHeaderMalformed"
            || code == "IllegalLocationConstraintException"
    }

    /// What S3's words say that its status doesn't.
    private static func refine(_ error: inout StoreError, _ code: String) {
        switch code {
        case "SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequests":
            (error.kind, error.retry, error.noEffect) = (.throttled, .throttled, true)
        case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
            (error.kind, error.retry) = (.permission, .credentials)
        case "InternalError", "ServiceUnavailable", "OperationAborted", "ConditionalRequestConflict":
            (error.kind, error.retry) = (.unavailable, .server)
        case "RequestTimeout", "IncompleteBody":
            (error.kind, error.retry, error.noEffect) = (.unavailable, .connection, true)
        case "BadDigest", "XAmzContentSHA256Mismatch", "InvalidDigest":
            (error.kind, error.retry) = (.corrupt, .connection)
        case "NoSuchBucket": (error.kind, error.retry) = (.config, nil)
        case "QuotaExceeded", "XMinioStorageFull", "EntityTooLarge":
            error.kind = code == "EntityTooLarge" ? .range : .noSpace
        default: break
        }
    }
}
