/// The texts of the requests that get an access token, and of their answers. No I/O.
enum GoogleTokens {
    /// What a token service answers.
    struct Answer: Decodable, Sendable {
        let token: String
        let lifetimeSeconds: Int64

        enum CodingKeys: String, CodingKey {
            case token = "access_token"
            case lifetimeSeconds = "expires_in"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            token = try container.decode(String.self, forKey: .token)
            lifetimeSeconds = try container.decodeIfPresent(Int64.self, forKey: .lifetimeSeconds) ?? 3600
        }
    }

    /// What `generateAccessToken` answers.
    struct ImpersonatedAnswer: Decodable, Sendable {
        let accessToken: String
        let expireTime: String
    }

    /// What is wrong, as OAuth 2.0 (RFC 6749, section 5.2) says it.
    struct Refusal: Decodable, Sendable {
        let error: String
        let description: String

        enum CodingKeys: String, CodingKey {
            case error
            case description = "error_description"
        }

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            error = try container.decode(String.self, forKey: .error)
            description = try container.decodeIfPresent(String.self, forKey: .description) ?? ""
        }
    }

    /// RFC 7523: a signed assertion for a token.
    static func exchange(assertion: String) -> String {
        form([("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"), ("assertion", assertion)])
    }

    /// RFC 6749, section 6: a refresh token for a token.
    static func refresh(_ user: GoogleIdentity.AuthorizedUser) -> String {
        form([
            ("grant_type", "refresh_token"), ("client_id", user.clientID), ("client_secret", user.clientSecret),
            ("refresh_token", user.refreshToken),
        ])
    }

    /// RFC 8693: another provider's token for one of Google's.
    static func exchange(_ subjectToken: String, of account: GoogleIdentity.ExternalAccount, scope: String) -> String {
        var fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"), ("audience", account.audience),
            ("scope", scope), ("requested_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("subject_token", subjectToken), ("subject_token_type", account.subjectTokenType),
        ]
        if !account.userProject.isEmpty, account.clientID.isEmpty {
            fields.append(("options", "{\"userProject\":\(JSONObjectText.quoted(account.userProject))}"))
        }
        return form(fields)
    }

    /// The body of `generateAccessToken`.
    static func impersonation(_ impersonation: GoogleIdentity.Impersonation, scope: String) -> String {
        var body = JSONObjectText()
        body.add("scope", raw: "[\(JSONObjectText.quoted(scope))]")
        body.add("lifetime", "\(impersonation.lifetimeSeconds)s")
        if !impersonation.delegates.isEmpty {
            let list = impersonation.delegates.map(JSONObjectText.quoted).joined(separator: ",")
            body.add("delegates", raw: "[\(list)]")
        }
        return body.text
    }

    /// The provider's token in what a file or a URL holds; nil if it isn't there.
    static func subjectToken(in bytes: SharedBytes, field: String?) -> String? {
        guard let field else {
            let text = bytes.text.split { $0.isWhitespace }
            return text.count == 1 ? String(text[0]) : nil
        }
        let members = try? JSON.decode([String: LenientText].self, bytes)
        return members?[field]?.text
    }

    /// A text; members of other types are as if they weren't there.
    private struct LenientText: Decodable {
        let text: String?
        init(from decoder: any Decoder) throws { text = try? decoder.singleValueContainer().decode(String.self) }
    }

    private static func form(_ fields: [(String, String)]) -> String {
        fields.map { "\(PercentEncoding.component($0.0))=\(PercentEncoding.component($0.1))" }.joined(separator: "&")
    }
}
