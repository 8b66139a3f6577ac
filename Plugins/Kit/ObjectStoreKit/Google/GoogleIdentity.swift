/// Who asks for access to Google's APIs, and how that is proved.
public indirect enum GoogleIdentity: Sendable {
    /// A service account whose private key is here.
    case serviceAccount(ServiceAccountKey)
    /// A user that logged in with gcloud.
    case authorizedUser(AuthorizedUser)
    /// What the machine says it is: Compute Engine, GKE, Cloud Run.
    case metadataServer
    /// Workload identity federation: the token of another identity provider.
    case externalAccount(ExternalAccount)
    /// A service account that another identity may act for.
    case impersonated(Impersonation, of: GoogleIdentity)
    /// Nobody: public buckets and emulators.
    case anonymous

    /// A user's refresh token.
    public struct AuthorizedUser: Sendable {
        let clientID: String
        let clientSecret: String
        let refreshToken: String
        let tokenURL: String
    }

    /// A service account that is acted for.
    public struct Impersonation: Sendable {
        /// `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/EMAIL:generateAccessToken`
        let url: String
        let delegates: [String]
        let lifetimeSeconds: Int

        /// The account's name, which stands in the URL.
        var email: String? {
            guard let name = url.split(separator: "/").last, name.hasSuffix(":generateAccessToken") else { return nil }
            return PercentEncoding.decode(String(name.dropLast(":generateAccessToken".count)))
        }
    }

    /// What is known of the account of another identity provider.
    public struct ExternalAccount: Sendable {
        /// Where the provider's token comes from.
        enum Source: Sendable {
            case file(String)
            case url(String, headers: [String: String])
        }

        let audience: String
        let subjectTokenType: String
        let tokenURL: String
        let source: Source
        /// Name of the member that holds the token; nil: the token is all there is.
        let field: String?
        let clientID: String
        let clientSecret: String
        let userProject: String
    }

    /// The service account's name, if it is known without asking anybody: signatures name it.
    public var email: String? {
        switch self {
        case .serviceAccount(let key): key.email
        case .impersonated(let impersonation, _): impersonation.email
        default: nil
        }
    }

    /// The account that such a file describes.
    /// - Throws: `config`, naming what is missing; never a value.
    public init(_ file: GoogleCredentialsFile) throws(StoreError) {
        switch file.type {
        case "service_account": self = .serviceAccount(try ServiceAccountKey(file))
        case "authorized_user": self = .authorizedUser(try AuthorizedUser(file))
        case "external_account":
            let account = GoogleIdentity.externalAccount(try ExternalAccount(file))
            self = file.impersonationURL.isEmpty ? account : .impersonated(Impersonation(file), of: account)
        case "impersonated_service_account":
            guard let source = file.sourceCredentials.first, !file.impersonationURL.isEmpty else {
                throw .credentials("source_credentials or service_account_impersonation_url is missing")
            }
            self = .impersonated(Impersonation(file), of: try GoogleIdentity(source))
        case "": throw .credentials("type is missing")
        default:
            throw .credentials(
                "type must be service_account, authorized_user, external_account or impersonated_service_account")
        }
    }
}

extension GoogleIdentity.AuthorizedUser {
    fileprivate init(_ file: GoogleCredentialsFile) throws(StoreError) {
        guard !file.clientID.isEmpty, !file.clientSecret.isEmpty, !file.refreshToken.isEmpty else {
            throw .credentials("client_id, client_secret or refresh_token is missing")
        }
        clientID = file.clientID
        clientSecret = file.clientSecret
        refreshToken = file.refreshToken
        tokenURL = file.tokenURI.isEmpty ? GoogleIdentity.defaultTokenURL : file.tokenURI
    }
}

extension GoogleIdentity.Impersonation {
    fileprivate init(_ file: GoogleCredentialsFile) {
        url = file.impersonationURL
        delegates = file.delegates
        lifetimeSeconds = min(max(file.impersonation.lifetimeSeconds, 600), 43_200)
    }
}

extension GoogleIdentity.ExternalAccount {
    fileprivate init(_ file: GoogleCredentialsFile) throws(StoreError) {
        guard !file.audience.isEmpty, !file.subjectTokenType.isEmpty, !file.tokenURL.isEmpty else {
            throw .credentials("audience, subject_token_type or token_url is missing")
        }
        guard let source = file.credentialSource else { throw .credentials("credential_source is missing") }
        if source.isExecutable { throw .credentials("credential_source: a program is never run; use a file or a url") }
        if !source.environmentID.isEmpty {
            throw .credentials("credential_source: AWS is not supported; use a file or a url")
        }
        if !source.file.isEmpty {
            self.source = .file(source.file)
        } else if !source.url.isEmpty {
            self.source = .url(source.url, headers: source.headers)
        } else {
            throw .credentials("credential_source has neither file nor url")
        }
        guard source.format != "json" || !source.field.isEmpty else {
            throw .credentials("credential_source.format.subject_token_field_name is missing")
        }
        field = source.format == "json" ? source.field : nil
        audience = file.audience
        subjectTokenType = file.subjectTokenType
        tokenURL = file.tokenURL
        clientID = file.clientID
        clientSecret = file.clientSecret
        userProject = file.userProject
    }
}

extension GoogleIdentity {
    static let defaultTokenURL = "https://oauth2.googleapis.com/token"
}

extension StoreError {
    /// What is wrong with a file or map of credentials.
    static func credentials(_ message: String) -> StoreError { StoreError(.config, message, noEffect: true) }
}
