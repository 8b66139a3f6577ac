import PluginKit

/// A JSON file of Google credentials, of any type that Application Default Credentials know, or the same as a map inside
/// a configuration. Numbers count as text: YAML reads `private_key_id: 12345` as one.
public struct GoogleCredentialsFile: Decodable, Sendable {
    var type = ""
    // service_account
    var projectID = ""
    var privateKeyID = ""
    var privateKey = ""
    var clientEmail = ""
    var tokenURI = ""
    var universeDomain = ""
    // authorized_user, and the client of external accounts
    var clientID = ""
    var clientSecret = ""
    var refreshToken = ""
    var quotaProject = ""
    // external_account
    var audience = ""
    var subjectTokenType = ""
    var tokenURL = ""
    var impersonationURL = ""
    var impersonation = Impersonation()
    var credentialSource: CredentialSource?
    var userProject = ""
    // impersonated_service_account
    var sourceCredentials: [GoogleCredentialsFile] = []
    var delegates: [String] = []

    struct Impersonation: Decodable, Sendable {
        var lifetimeSeconds = 3600

        init() {}

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            lifetimeSeconds =
                try container.decodeIfPresent(FlexibleInteger.self, forKey: Key("token_lifetime_seconds"))?.value
                ?? 3600
        }
    }

    /// Where the token of another identity provider comes from.
    struct CredentialSource: Decodable, Sendable {
        var file = ""
        var url = ""
        var headers: [String: String] = [:]
        /// `json` or `text`.
        var format = "text"
        /// In JSON: the member that holds the token.
        var field = ""
        var environmentID = ""
        var isExecutable = false

        init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: Key.self)
            file = try container.text("file")
            url = try container.text("url")
            headers = try container.decodeIfPresent([String: String].self, forKey: Key("headers")) ?? [:]
            environmentID = try container.text("environment_id")
            isExecutable = container.contains(Key("executable"))
            guard container.contains(Key("format")) else { return }
            let nested = try container.nestedContainer(keyedBy: Key.self, forKey: Key("format"))
            format = try nested.text("type", else: "text")
            field = try nested.text("subject_token_field_name")
        }
    }

    /// Reads a file's or a map's members.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        type = try container.text("type")
        projectID = try container.text("project_id")
        privateKeyID = try container.text("private_key_id")
        privateKey = try container.text("private_key")
        clientEmail = try container.text("client_email")
        tokenURI = try container.text("token_uri")
        universeDomain = try container.text("universe_domain")
        clientID = try container.text("client_id")
        clientSecret = try container.text("client_secret")
        refreshToken = try container.text("refresh_token")
        quotaProject = try container.text("quota_project_id")
        audience = try container.text("audience")
        subjectTokenType = try container.text("subject_token_type")
        tokenURL = try container.text("token_url")
        impersonationURL = try container.text("service_account_impersonation_url")
        userProject = try container.text("workforce_pool_user_project")
        impersonation =
            try container.decodeIfPresent(Impersonation.self, forKey: Key("service_account_impersonation"))
            ?? Impersonation()
        credentialSource = try container.decodeIfPresent(CredentialSource.self, forKey: Key("credential_source"))
        if let source = try container.decodeIfPresent(GoogleCredentialsFile.self, forKey: Key("source_credentials")) {
            sourceCredentials = [source]
        }
        delegates = try container.decodeIfPresent([String].self, forKey: Key("delegates")) ?? []
    }

    /// Reads a file's text. The message of a failure holds nothing of it.
    public static func parse(_ bytes: SharedBytes) throws(StoreError) -> GoogleCredentialsFile {
        do throws(StoreError) {
            return try JSON.decode(GoogleCredentialsFile.self, bytes)
        } catch {
            throw StoreError(.config, "this isn't a JSON file of Google credentials", noEffect: true)
        }
    }

    struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }

        init(_ name: String) { stringValue = name }
        init?(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

extension KeyedDecodingContainer where K == GoogleCredentialsFile.Key {
    /// A text, or a number as text; missing or null: `fallback`.
    fileprivate func text(_ name: String, else fallback: String = "") throws -> String {
        let key = GoogleCredentialsFile.Key(name)
        guard contains(key), try !decodeNil(forKey: key) else { return fallback }
        if let text = try? decode(String.self, forKey: key) { return text }
        return String(try decode(Int64.self, forKey: key))
    }
}
