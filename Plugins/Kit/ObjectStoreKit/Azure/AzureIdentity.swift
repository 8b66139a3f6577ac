/// One way to get a token of the directory (Microsoft Entra ID) for Azure Storage.
public enum AzureIdentity: Sendable, Equatable {
    /// An application with a secret.
    case clientSecret(authority: Endpoint, tenant: String, client: String, secret: String)
    /// An application with a token from a file, which the platform renews.
    case workload(authority: Endpoint, tenant: String, client: String, tokenFile: String)
    /// The machine's own identity, by its metadata service. `client` may be empty.
    case machine(Endpoint, client: String)
    /// The App Service's own identity.
    case appService(Endpoint, path: String, header: String, client: String)

    /// What tokens are asked for.
    static let resource = "https://storage.azure.com/"
    static let scope = "https://storage.azure.com/.default"

    /// For messages.
    public var name: String {
        switch self {
        case .clientSecret: "client_secret"
        case .workload: "workload_identity"
        case .machine, .appService: "managed_identity"
        }
    }

    /// The ways that a kind of credentials stands for, the first one first.
    /// - Throws: `config` with the key's name first.
    static func all(
        _ options: AzureOptions, _ kind: AzureOptions.Credentials.Kind, _ environment: [String: String]
    ) throws(StoreError) -> [AzureIdentity] {
        switch kind {
        case .clientSecret: return [try clientSecret(options, [:])]
        case .workloadIdentity: return [try workload(options, environment)]
        case .managedIdentity: return [try managed(options, environment)]
        default:
            var found: [AzureIdentity] = []
            if environment["AZURE_CLIENT_SECRET"].map({ !$0.isEmpty }) == true {
                found.append(try clientSecret(options, environment))
            }
            if let file = environment["AZURE_FEDERATED_TOKEN_FILE"], !file.isEmpty {
                found.append(try workload(options, environment))
            }
            return found + [try managed(options, environment)]
        }
    }

    private static func clientSecret(
        _ options: AzureOptions, _ environment: [String: String]
    ) throws(StoreError) -> AzureIdentity {
        let given = options.credentials
        return .clientSecret(
            authority: try authority(options, environment),
            tenant: try identifier(given.tenantID, environment["AZURE_TENANT_ID"], "credentials/tenantid"),
            client: try identifier(given.clientID, environment["AZURE_CLIENT_ID"], "credentials/clientid"),
            secret: try required(given.secret, environment["AZURE_CLIENT_SECRET"], "credentials/secret"))
    }

    private static func workload(
        _ options: AzureOptions, _ environment: [String: String]
    ) throws(StoreError) -> AzureIdentity {
        let given = options.credentials
        return .workload(
            authority: try authority(options, environment),
            tenant: try identifier(given.tenantID, environment["AZURE_TENANT_ID"], "credentials/tenantid"),
            client: try identifier(given.clientID, environment["AZURE_CLIENT_ID"], "credentials/clientid"),
            tokenFile: try required(
                given.tokenFile, environment["AZURE_FEDERATED_TOKEN_FILE"], "credentials/tokenfile"))
    }

    private static func managed(
        _ options: AzureOptions, _ environment: [String: String]
    ) throws(StoreError) -> AzureIdentity {
        let client =
            options.credentials.clientID.isEmpty ? environment["AZURE_CLIENT_ID"] ?? "" : options.credentials.clientID
        if let text = environment["IDENTITY_ENDPOINT"], let header = environment["IDENTITY_HEADER"] {
            guard let (endpoint, path) = Endpoint.parse(text) else {
                throw StoreError(.config, "IDENTITY_ENDPOINT: no URL", noEffect: true)
            }
            return .appService(endpoint, path: path.isEmpty ? "/" : path, header: header, client: client)
        }
        let text = environment["AZURE_POD_IDENTITY_AUTHORITY_HOST"] ?? "http://169.254.169.254"
        guard let (endpoint, _) = Endpoint.parse(text) else {
            throw StoreError(.config, "AZURE_POD_IDENTITY_AUTHORITY_HOST: no URL", noEffect: true)
        }
        return .machine(endpoint, client: client)
    }

    private static func required(
        _ given: String, _ other: String?, _ key: String
    ) throws(StoreError) -> String {
        let value = given.isEmpty ? other ?? "" : given
        guard !value.isEmpty else { throw AzureCredentials.fault(key, "the credentials need it") }
        return value
    }

    /// A name that becomes a part of a path or of a form.
    private static func identifier(_ given: String, _ other: String?, _ key: String) throws(StoreError) -> String {
        let value = try required(given, other, key)
        guard value.utf8.count <= 256, !value.contains("/") else { throw AzureCredentials.fault(key, "no identifier") }
        return value
    }

    private static func authority(
        _ options: AzureOptions, _ environment: [String: String]
    ) throws(StoreError) -> Endpoint {
        let hosts = [
            "core.chinacloudapi.cn": "login.chinacloudapi.cn", "core.usgovcloudapi.net": "login.microsoftonline.us",
        ]
        let standard = "https://" + (hosts[options.realm] ?? "login.microsoftonline.com")
        let given = options.credentials.authority
        let text = given.isEmpty ? environment["AZURE_AUTHORITY_HOST"] ?? standard : given
        guard let (endpoint, path) = Endpoint.parse(text, defaultScheme: .https), path.isEmpty,
            endpoint.scheme == .https
        else { throw AzureCredentials.fault("credentials/authority", "no URL like https://login.microsoftonline.com") }
        return endpoint
    }
}
