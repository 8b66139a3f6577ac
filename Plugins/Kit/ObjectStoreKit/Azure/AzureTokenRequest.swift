extension AzureIdentity {
    /// The request for a token.
    /// - Parameter assertion: what the token file holds; used by workload identities.
    public func tokenRequest(assertion: String = "") -> HTTPRequest {
        switch self {
        case .clientSecret(let authority, let tenant, let client, let secret):
            return Self.form(authority, tenant, client, [QueryItem("client_secret", secret)])
        case .workload(let authority, let tenant, let client, _):
            let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            return Self.form(
                authority, tenant, client,
                [QueryItem("client_assertion_type", kind), QueryItem("client_assertion", assertion)])
        case .machine(let endpoint, let client):
            var request = Self.query(endpoint, "/metadata/identity/oauth2/token", "2018-02-01", client)
            request.headers["Metadata"] = "true"
            return request
        case .appService(let endpoint, let path, let header, let client):
            var request = Self.query(endpoint, path, "2019-08-01", client)
            request.headers["X-IDENTITY-HEADER"] = header
            return request
        }
    }

    private static func form(
        _ authority: Endpoint, _ tenant: String, _ client: String, _ proof: [QueryItem]
    ) -> HTTPRequest {
        var request = HTTPRequest(
            "GetToken", .post, authority, path: "/\(PercentEncoding.component(tenant))/oauth2/v2.0/token")
        request.headers["Content-Type"] = "application/x-www-form-urlencoded"
        let items = [QueryItem("grant_type", "client_credentials"), QueryItem("client_id", client)]
        let form = (items + [QueryItem("scope", scope)] + proof).map { item in
            "\(item.name)=\(PercentEncoding.component(item.value ?? ""))"
        }
        request.body = .text(form.joined(separator: "&"))
        // A token that is made twice does no harm.
        request.isIdempotent = true
        request.subject = "the token endpoint"
        return request
    }

    /// These services answer within the machine, or not at all.
    private static func query(_ endpoint: Endpoint, _ path: String, _ version: String, _ client: String) -> HTTPRequest
    {
        var request = HTTPRequest("GetToken", .get, endpoint, path: path)
        request.query = [QueryItem("api-version", version), QueryItem("resource", resource)]
        if !client.isEmpty { request.query.append(QueryItem("client_id", client)) }
        var timeouts = HTTPTimeouts()
        timeouts.connect = 2000
        timeouts.firstByte = 10_000
        request.timeouts = timeouts
        request.usesProxy = false
        request.subject = "the identity endpoint"
        return request
    }
}

/// A token of the directory.
public struct AzureToken: Sendable {
    /// What goes behind `Bearer`.
    public let value: String
    /// When it ends.
    public let expires: Timestamp

    private struct Answer: Decodable {
        let token: String
        let lifetime: Number?
        let end: Number?

        enum CodingKeys: String, CodingKey {
            case token = "access_token"
            case lifetime = "expires_in"
            case end = "expires_on"
        }
    }

    /// Digits, as a number or as a text.
    private struct Number: Decodable {
        let value: Int64

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let number = try? container.decode(Int64.self) {
                value = number
            } else {
                guard let number = Int64(try container.decode(String.self)) else {
                    throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a number")
                }
                value = number
            }
        }
    }

    private struct Refusal: Decodable {
        let error: String?
        let description: String?
        let message: String?

        enum CodingKeys: String, CodingKey {
            case error, message
            case description = "error_description"
        }
    }

    /// Reads the answer of a token endpoint.
    public init(_ body: SharedBytes, at now: Timestamp) throws(StoreError) {
        let answer: Answer
        do {
            answer = try JSON.decode(Answer.self, body)
        } catch {
            // What was answered may hold a token, so it isn't shown.
            throw StoreError(.corrupt, "the answer of the token endpoint can't be read")
        }
        // A header is made of it.
        guard !answer.token.isEmpty, answer.token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw StoreError(.corrupt, "the token endpoint gave no token")
        }
        value = answer.token
        if let seconds = answer.lifetime?.value, seconds > 0 {
            expires = now.adding(seconds: min(seconds, 7 * 86_400))
        } else {
            expires = Timestamp(unixSeconds: answer.end?.value ?? now.adding(seconds: 300).unixSeconds)
        }
    }

    /// What the endpoint said when it refused, on one line: `invalid_client: AADSTS7000215: …`.
    public static func refusal(_ body: SharedBytes) -> (code: String, message: String) {
        guard let refusal = try? JSON.decode(Refusal.self, body) else { return ("", "") }
        let text = refusal.description ?? refusal.message ?? ""
        let line = text.split(whereSeparator: \.isNewline).first.map(String.init) ?? ""
        return (refusal.error ?? "", line)
    }
}
