import Glibc
import ObjectStoreKit
import PluginKit

/// Requests to one container, with proof of who sends them.
final class BlobService: Sendable {
    /// The version of the service that is spoken.
    static let version = AzureBlobSignature.version

    let address: AzureAddress
    let host: Host
    private let credentials: AzureCredentials
    private let client: StoreClient
    private let tokens: TokenSource?
    private let delegation: ExpiringCache<AzureUserDelegationKey>

    init(_ plan: AzureCredentials.Plan, _ options: AzureOptions, host: Host) {
        address = plan.address
        credentials = plan.credentials
        self.host = host
        var configuration = HTTPConfiguration(driver: "azure")
        configuration.verifiesTLS = !options.skipsVerification
        configuration.caFile = options.caFile.isEmpty ? nil : options.caFile
        configuration.userAgent = "\(host.product)/\(host.version)"
        let engine = HTTPEngine(configuration, host: host)
        client = StoreClient(engine, host: host, refusal: AzureRefusal.error)
        if case .tokens(let identities) = plan.credentials {
            tokens = TokenSource(identities, engine: engine, host: host)
        } else {
            tokens = nil
        }
        delegation = ExpiringCache(host: host, refreshAhead: 1800)
    }

    func start() throws(StoreError) { try client.engine.start() }

    func stop() async { await client.engine.stop() }

    // MARK: Requests

    /// A request for a blob.
    func request(_ operation: StaticString, _ method: HTTPRequest.Method, blob: String) -> HTTPRequest {
        var request = HTTPRequest(operation, method, address.endpoint, path: address.path(ofBlob: blob))
        request.subject = "\(address.container)/\(blob)"
        return request
    }

    /// A request for the container.
    func containerRequest(_ operation: StaticString, _ query: [QueryItem]) -> HTTPRequest {
        var request = HTTPRequest(operation, .get, address.endpoint, path: address.containerPath)
        request.query = [QueryItem("restype", "container")] + query
        request.subject = address.container
        return request
    }

    /// Sends a request until it is answered; what the service refuses is thrown.
    func send(
        _ request: HTTPRequest, _ deadline: Deadline,
        check: (@Sendable (StoreError) async throws -> StoreClient.Outcome)? = nil
    ) async throws -> HTTPResponse {
        try await client.send(deadline, check: check) { attempt in
            try await self.proved(request, refresh: attempt.previous?.retry == .credentials)
        }
    }

    /// Sends a request whose answer is read piece by piece.
    func open(_ request: HTTPRequest, _ deadline: Deadline) async throws -> HTTPStream {
        try await client.open(deadline) { attempt in
            try await self.proved(request, refresh: attempt.previous?.retry == .credentials)
        }
    }

    private func proved(_ request: HTTPRequest, refresh: Bool) async throws -> HTTPRequest {
        var request = request
        request.headers["x-ms-version"] = Self.version
        request.headers["x-ms-date"] = Timestamp.now().rfc1123
        switch credentials {
        case .sharedKey(let key): key.sign(&request)
        case .signature(let items): request.query += items
        case .tokens: request.headers["Authorization"] = try await authorization(refresh: refresh)
        }
        return request
    }

    private func authorization(refresh: Bool) async throws -> String {
        guard let tokens else { throw StoreError(.internalFailure, "no token source") }
        return "Bearer \(try await tokens.current(refresh: refresh))"
    }

    // MARK: Rights for others

    /// Whether URLs can be made that give clients a right to a blob and to nothing else.
    var canSign: Bool { if case .signature = credentials { false } else { true } }

    /// The URL of a blob with the right to read it.
    func signedURL(_ signature: AzureBlobSignature, _ deadline: Deadline) async throws -> String {
        let query: [QueryItem]
        switch credentials {
        case .sharedKey(let key): query = signature.query(signedBy: key)
        case .signature: throw PluginError.unsupported
        case .tokens: query = signature.query(signedBy: try await delegationKey())
        }
        return url(ofBlob: signature.blob, query)
    }

    private func url(ofBlob blob: String, _ query: [QueryItem]) -> String {
        var request = request("Sign", .get, blob: blob)
        request.query = query
        return request.url
    }

    /// A key lives 48 hours and is replaced half an hour before its end.
    private func delegationKey() async throws -> AzureUserDelegationKey {
        try await delegation.current { [self] in
            var path = address.basePath
            if path.isEmpty { path = "/" }
            var request = HTTPRequest("GetUserDelegationKey", .post, address.endpoint, path: path)
            request.query = [QueryItem("restype", "service"), QueryItem("comp", "userdelegationkey")]
            request.isIdempotent = true
            let now = Timestamp.now()
            // The service's clock may be behind.
            request.body = .bytes(
                AzureUserDelegationKey.request(from: now.adding(seconds: -300), to: now.adding(seconds: 48 * 3600)))
            request.headers["Content-Type"] = "application/xml"
            let answer = try await send(request, .after(milliseconds: 30_000))
            let key = try AzureUserDelegationKey(try XMLElement.parse(answer.body))
            return (key, key.expires)
        }
    }

    /// Lets the service read a blob of its own as the source of a request.
    func addSource(_ blob: String, to request: inout HTTPRequest) async throws {
        switch credentials {
        case .sharedKey(let key):
            let signature = AzureBlobSignature(
                account: address.account, container: address.container, blob: blob, permissions: "r",
                expiry: Timestamp.now().adding(seconds: 3600), requiresTLS: address.endpoint.scheme == .https)
            request.headers["x-ms-copy-source"] = url(ofBlob: blob, signature.query(signedBy: key))
        case .signature(let items):
            request.headers["x-ms-copy-source"] = url(ofBlob: blob, items)
        case .tokens:
            request.headers["x-ms-copy-source"] = address.url(ofBlob: blob)
            request.headers["x-ms-copy-source-authorization"] = try await authorization(refresh: false)
        }
    }

    /// As above for Copy Blob, which believes the sender of the request where it can.
    func addCopySource(_ blob: String, to request: inout HTTPRequest) {
        if case .signature(let items) = credentials {
            request.headers["x-ms-copy-source"] = url(ofBlob: blob, items)
        } else {
            request.headers["x-ms-copy-source"] = address.url(ofBlob: blob)
        }
    }
}
