import PluginKit

/// Asks the services that give credentials.
struct AWSCredentialFetcher: Sendable {
    private let client: StoreClient
    private let environment: AWSEnvironment
    private let region: String

    init(engine: HTTPEngine, host: Host, environment: AWSEnvironment, region: String) {
        var retries = RetryPolicy()
        retries.maximumAttempts = 3
        retries.maximumTime = 10_000
        client = StoreClient(engine, retries: retries, host: host, refusal: Self.refusal)
        self.environment = environment
        self.region = region
    }

    /// The credentials of a place.
    func fetch(_ source: AWSCredentialSource) async throws -> AWSCredentials {
        switch source {
        case .fixed(let credentials): return credentials
        case .webIdentity(let role, let file, let session): return try await webIdentity(role, file, session)
        case .role(let role, let base, let session, let externalID):
            return try await assume(role, with: try await fetch(base), session, externalID)
        case .container(let url, let token, let tokenFile): return try await container(url, token, tokenFile)
        case .instance(let endpoint): return try await instance(endpoint)
        }
    }

    private static let refusal: @Sendable (HTTPRequest, HTTPResponse) -> StoreError? = { request, response in
        if response.isSuccess { return nil }
        let root = try? XMLElement.parse(response.body)
        return StoreError(
            response, operation: request.operation, vendorCode: root?.find("Error", "Code")?.text ?? "",
            vendorMessage: root?.find("Error", "Message")?.text ?? "", requestID: root?["RequestId"]?.text ?? "")
    }

    private var deadline: Deadline { .after(milliseconds: 15_000) }

    // MARK: STS

    private func webIdentity(_ role: String, _ file: String, _ session: String) async throws -> AWSCredentials {
        // The file is replaced from time to time.
        guard let token = environment.file(file).map({ $0.filter { !$0.isWhitespace } }), !token.isEmpty else {
            throw StoreError(.config, "the token of the web identity can't be read from \(file)")
        }
        let request = try stsRequest(
            "AssumeRoleWithWebIdentity",
            [
                ("RoleArn", role), ("RoleSessionName", session), ("WebIdentityToken", token),
            ])
        return try credentials(in: try await client.send(deadline) { _ in request })
    }

    private func assume(
        _ role: String, with credentials: AWSCredentials, _ session: String, _ externalID: String
    ) async throws -> AWSCredentials {
        var fields = [("RoleArn", role), ("RoleSessionName", session)]
        if !externalID.isEmpty { fields.append(("ExternalId", externalID)) }
        let request = try stsRequest("AssumeRole", fields)
        let signer = AWSSignatureV4(service: "sts", region: region.isEmpty ? "us-east-1" : region)
        let response = try await client.send(deadline) { _ in
            var request = request
            signer.sign(&request, credentials, at: .now())
            return request
        }
        return try self.credentials(in: response)
    }

    private func stsRequest(_ action: StaticString, _ fields: [(String, String)]) throws(StoreError) -> HTTPRequest {
        let suffix = S3Address.suffix(of: region)
        let url =
            environment.variable("AWS_ENDPOINT_URL_STS") ?? environment.variable("AWS_ENDPOINT_URL")
            ?? "https://sts.\(region.isEmpty ? "us-east-1" : region).\(suffix)"
        guard let (endpoint, basePath) = Endpoint.parse(url) else {
            throw StoreError(.config, "AWS_ENDPOINT_URL_STS is no URL")
        }
        var request = HTTPRequest(action, .post, endpoint, path: basePath + "/")
        let all = [("Action", "\(action)"), ("Version", "2011-06-15")] + fields
        request.body = .text(
            all.map { "\(PercentEncoding.component($0.0))=\(PercentEncoding.component($0.1))" }.joined(separator: "&"))
        request.headers["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8"
        // A second set of credentials does no harm.
        request.isIdempotent = true
        return request
    }

    private func credentials(in response: HTTPResponse) throws(StoreError) -> AWSCredentials {
        let root = try XMLElement.parse(response.body)
        let found = root.children.first { $0.name.hasSuffix("Result") }?["Credentials"]
        return try Self.checked(
            found?["AccessKeyId"]?.text, found?["SecretAccessKey"]?.text, found?["SessionToken"]?.text,
            found?["Expiration"]?.text)
    }

    // MARK: Containers and instances

    /// What agents and the metadata service answer.
    private struct Answer: Decodable {
        var accessKeyID: String?
        var secretAccessKey: String?
        var token: String?
        var expiration: String?

        enum CodingKeys: String, CodingKey {
            case accessKeyID = "AccessKeyId"
            case secretAccessKey = "SecretAccessKey"
            case token = "Token"
            case expiration = "Expiration"
        }
    }

    private func container(_ url: String, _ token: String, _ tokenFile: String) async throws -> AWSCredentials {
        var request = try localRequest("ContainerCredentials", .get, url)
        let text = tokenFile.isEmpty ? token : environment.file(tokenFile)?.filter { !$0.isWhitespace } ?? ""
        if !text.isEmpty { request.headers["Authorization"] = text }
        return try await answer(to: request)
    }

    private func instance(_ endpoint: String) async throws -> AWSCredentials {
        let base = endpoint.hasSuffix("/") ? String(endpoint.dropLast()) : endpoint
        var ask = try localRequest("MetadataToken", .put, base + "/latest/api/token")
        ask.headers["X-aws-ec2-metadata-token-ttl-seconds"] = "21600"
        let token: String
        do {
            token = try await send(ask).body.text
        } catch let error as StoreError where error.status == 0 {
            throw StoreError(
                .config,
                "no credentials: none are configured, and not in the environment, the shared files, a container or "
                    + "an EC2 instance (\(error.message))")
        }
        let path = base + "/latest/meta-data/iam/security-credentials/"
        var list = try localRequest("MetadataRole", .get, path)
        list.headers["X-aws-ec2-metadata-token"] = token
        let role = try await send(list).body.text.prefix { !$0.isNewline }
        guard !role.isEmpty else { throw StoreError(.config, "no credentials: this EC2 instance has no role") }
        var request = try localRequest("MetadataCredentials", .get, path + PercentEncoding.component(String(role)))
        request.headers["X-aws-ec2-metadata-token"] = token
        return try await answer(to: request)
    }

    private func answer(to request: HTTPRequest) async throws -> AWSCredentials {
        let answer = try JSON.decode(Answer.self, try await send(request).body)
        return try Self.checked(answer.accessKeyID, answer.secretAccessKey, answer.token, answer.expiration)
    }

    private func send(_ request: HTTPRequest) async throws -> HTTPResponse {
        try await client.send(deadline) { _ in request }
    }

    /// A request to a service on the machine or its network: never through a proxy, and soon given up.
    private func localRequest(
        _ operation: StaticString, _ method: HTTPRequest.Method, _ url: String
    ) throws(StoreError) -> HTTPRequest {
        let (base, query) = (url.prefixBeforeQuery, url.drop { $0 != "?" }.dropFirst())
        guard let (endpoint, path) = Endpoint.parse(base) else {
            throw StoreError(.config, "the address of the service that gives credentials is no URL")
        }
        // What `parse` calls a base has no slash at its end.
        let slash = base.hasSuffix("/") && !path.hasSuffix("/") ? "/" : ""
        var request = HTTPRequest(operation, method, endpoint, path: path.isEmpty ? "/" : path + slash)
        request.query = query.split(separator: "&").map { item in
            let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? PercentEncoding.decode(String(parts[1])) : nil
            return QueryItem(PercentEncoding.decode(String(parts[0])) ?? "", value)
        }
        request.usesProxy = false
        request.responseLimit = 64 << 10
        var timeouts = HTTPTimeouts()
        (timeouts.connect, timeouts.firstByte, timeouts.total) = (1_000, 3_000, 5_000)
        request.timeouts = timeouts
        return request
    }

    private static func checked(
        _ key: String?, _ secret: String?, _ token: String?, _ expiration: String?
    ) throws(StoreError) -> AWSCredentials {
        guard let key, let secret, !key.isEmpty, !secret.isEmpty else {
            throw StoreError(.corrupt, "the service that gives credentials gave none")
        }
        return AWSCredentials(
            accessKeyID: key, secretAccessKey: secret, sessionToken: token,
            expiration: expiration.flatMap { Timestamp(iso8601: $0) })
    }
}
