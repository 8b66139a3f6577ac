public import PluginKit

/// Access tokens for Google's APIs, and signatures in the name of the account that gets them.
///
/// A token is kept until shortly before its end and fetched once for all who wait. Nothing here ends up in a log line:
/// messages tell which service refused and its error code.
public final class GoogleCredentials: Sendable {
    /// Read and write objects and their access rules.
    public static let storageScope = "https://www.googleapis.com/auth/devstorage.full_control"
    /// What the account's own rights allow; needed to act for other accounts.
    public static let platformScope = "https://www.googleapis.com/auth/cloud-platform"

    /// Who asks.
    public let identity: GoogleIdentity
    private let client: StoreClient
    private let metadata: Endpoint
    private let iam: Endpoint
    private let tokens: ExpiringCache<String>
    private let emails: ExpiringCache<String>
    /// A fetch doesn't hang longer than this, whoever waits for it.
    private static let fetchMilliseconds: Int64 = 30_000

    /// - Parameters:
    ///   - iam: where blobs are signed; `https://iamcredentials.googleapis.com` for most.
    public init(
        _ identity: GoogleIdentity, engine: HTTPEngine, retries: RetryPolicy, host: Host, metadata: Endpoint,
        iam: Endpoint
    ) {
        self.identity = identity
        self.metadata = metadata
        self.iam = iam
        client = StoreClient(engine, retries: retries, host: host) { GoogleCredentials.refusal($0, $1) }
        tokens = ExpiringCache(host: host)
        emails = ExpiringCache(host: host)
    }

    /// The value of the header `Authorization`; nil for nobody.
    /// - Parameter refresh: the last token was refused.
    public func authorization(refresh: Bool) async throws -> String? {
        if case .anonymous = identity { return nil }
        let token = try await tokens.current(refresh: refresh) { [self] in
            let scope: String
            if case .serviceAccount = identity { scope = Self.storageScope } else { scope = Self.platformScope }
            return try await fetch(identity, scope: scope)
        }
        return "Bearer " + token
    }

    /// The account whose signature counts, if there is one.
    public func signer(_ deadline: Deadline) async throws -> String? {
        if let email = identity.email { return email }
        guard case .metadataServer = identity else { return nil }
        return try await emails.current { [self] in
            let body = try await read("Identity", "/computeMetadata/v1/instance/service-accounts/default/email")
            return (String(body.text.split { $0.isWhitespace }.first ?? ""), nil)
        }
    }

    /// A signature of the account (RSA, SHA-256): with the key that is here, else by the IAM service.
    public func sign(_ text: String, as email: String, _ deadline: Deadline) async throws -> [UInt8] {
        if case .serviceAccount(let key) = identity { return try key.sign(text.utf8) }
        let account = PercentEncoding.component(email)
        var body = JSONObjectText()
        body.add("payload", Base64.encode(Array(text.utf8)))
        let payload = body.text
        let response = try await client.send(deadline) { [self] attempt in
            let refresh = attempt.previous?.retry == .credentials
            let path = "/v1/projects/-/serviceAccounts/\(account):signBlob"
            var request = HTTPRequest("SignBlob", .post, iam, path: path)
            request.isIdempotent = true
            request.headers["Authorization"] = try await authorization(refresh: refresh)
            request.headers["Content-Type"] = "application/json"
            request.body = .text(payload)
            return request
        }
        let answer = try JSON.decode(SignedBlob.self, response.body)
        guard let signature = Base64.decode(answer.signedBlob) else {
            throw StoreError(.corrupt, "SignBlob: the signature isn't base64")
        }
        return signature
    }

    private struct SignedBlob: Decodable { let signedBlob: String }

    // MARK: Tokens

    private func fetch(
        _ identity: GoogleIdentity, scope: String
    ) async throws -> ExpiringCache<String>.Fetched {
        switch identity {
        case .serviceAccount(let key):
            return try await token("Token", at: key.tokenURL) {
                GoogleTokens.exchange(assertion: try key.assertion(scope: scope, at: .now()))
            }
        case .authorizedUser(let user):
            return try await token("Token", at: user.tokenURL) { GoogleTokens.refresh(user) }
        case .metadataServer:
            let body = try await read("Token", "/computeMetadata/v1/instance/service-accounts/default/token")
            return try fetched(body)
        case .externalAccount(let account):
            let subject = try await subjectToken(of: account)
            return try await token("TokenExchange", at: account.tokenURL, client: account) {
                GoogleTokens.exchange(subject, of: account, scope: scope)
            }
        case .impersonated(let impersonation, let source):
            return try await impersonate(impersonation, from: source, scope: scope)
        case .anonymous: throw StoreError(.internalFailure, "nobody has no token", noEffect: true)
        }
    }

    private func fetched(_ body: SharedBytes) throws -> ExpiringCache<String>.Fetched {
        let answer = try JSON.decode(GoogleTokens.Answer.self, body)
        return (answer.token, Timestamp.now().adding(seconds: max(answer.lifetimeSeconds, 0)))
    }

    private func token(
        _ operation: StaticString, at url: String, client account: GoogleIdentity.ExternalAccount? = nil,
        _ form: @escaping @Sendable () throws -> String
    ) async throws -> ExpiringCache<String>.Fetched {
        let (endpoint, path) = try Self.address(url)
        let response = try await client.send(.after(milliseconds: Self.fetchMilliseconds)) { _ in
            var request = HTTPRequest(operation, .post, endpoint, path: path)
            request.isIdempotent = true
            request.headers["Content-Type"] = "application/x-www-form-urlencoded"
            if let account, !account.clientID.isEmpty {
                let pair = Base64.encode(Array("\(account.clientID):\(account.clientSecret)".utf8))
                request.headers["Authorization"] = "Basic " + pair
            }
            request.body = .text(try form())
            return request
        }
        return try fetched(response.body)
    }

    private func impersonate(
        _ impersonation: GoogleIdentity.Impersonation, from source: GoogleIdentity, scope: String
    ) async throws -> ExpiringCache<String>.Fetched {
        let (endpoint, path) = try Self.address(impersonation.url)
        let own = try await fetch(source, scope: Self.platformScope).value
        let response = try await client.send(.after(milliseconds: Self.fetchMilliseconds)) { _ in
            var request = HTTPRequest("GenerateAccessToken", .post, endpoint, path: path)
            request.isIdempotent = true
            request.headers["Authorization"] = "Bearer " + own
            request.headers["Content-Type"] = "application/json"
            request.body = .text(GoogleTokens.impersonation(impersonation, scope: scope))
            return request
        }
        let answer = try JSON.decode(GoogleTokens.ImpersonatedAnswer.self, response.body)
        return (answer.accessToken, Timestamp(iso8601: answer.expireTime) ?? Timestamp.now().adding(seconds: 600))
    }

    private func subjectToken(of account: GoogleIdentity.ExternalAccount) async throws -> String {
        let bytes: SharedBytes
        switch account.source {
        case .file(let path): bytes = try SmallFile.read(path)
        case .url(let url, let headers):
            let (endpoint, path) = try Self.address(url)
            bytes = try await client.send(.after(milliseconds: Self.fetchMilliseconds)) { _ in
                var request = HTTPRequest("SubjectToken", .get, endpoint, path: path)
                for (name, value) in headers { request.headers.add(name, value) }
                return request
            }.body
        }
        guard let token = GoogleTokens.subjectToken(in: bytes, field: account.field) else {
            throw StoreError.credentials("credential_source holds no token in the given format")
        }
        return token
    }

    private func read(_ operation: StaticString, _ path: String) async throws -> SharedBytes {
        try await client.send(.after(milliseconds: Self.fetchMilliseconds)) { [metadata] _ in
            var request = HTTPRequest(operation, .get, metadata, path: path)
            request.headers["Metadata-Flavor"] = "Google"
            request.usesProxy = false
            var timeouts = HTTPTimeouts()
            timeouts.connect = 2_000
            timeouts.total = 5_000
            request.timeouts = timeouts
            return request
        }.body
    }

    /// Endpoint and path of a URL out of a file of credentials, query included.
    private static func address(_ url: String) throws(StoreError) -> (Endpoint, String) {
        let query = url.firstIndex(of: "?") ?? url.endIndex
        guard let (endpoint, path) = Endpoint.parse(String(url[..<query])) else {
            throw .credentials("a URL in the credentials is malformed")
        }
        return (endpoint, (path.isEmpty ? "/" : path) + url[query...])
    }

    /// What an answer that isn't 200 means: OAuth's form, or that of Google's APIs.
    private static func refusal(_ request: HTTPRequest, _ response: HTTPResponse) -> StoreError? {
        if response.isSuccess { return nil }
        if let refusal = try? JSON.decode(GoogleTokens.Refusal.self, response.body) {
            var error = StoreError(
                response, operation: request.operation, vendorCode: refusal.error, vendorMessage: refusal.description)
            // A grant that is refused is a matter of the credentials, with status 400 in OAuth.
            if response.status == 400 { error.kind = .permission }
            return error
        }
        var error = GCSFailure.error(request, response)
        if response.status == 404 { error.kind = .permission }
        return error
    }
}
