/// How requests to Azure Storage prove who sends them, with everything that the configuration or the environment says.
public enum AzureCredentials: Sendable {
    /// The account's key signs each request.
    case sharedKey(AzureSharedKey)
    /// The parameters of a shared access signature go with each request.
    case signature([QueryItem])
    /// A token of the directory goes with each request; the first of these that gives one counts.
    case tokens([AzureIdentity])

    /// What a driver is told to do: where the container is, and how to prove itself.
    public struct Plan: Sendable {
        /// Where the blobs are.
        public let address: AzureAddress
        /// How requests are proved.
        public let credentials: AzureCredentials
    }

    /// Reads the options, the connection string and the environment. No I/O.
    /// - Throws: `config` with the key's name first.
    public static func plan(
        _ options: AzureOptions, environment: [String: String]
    ) throws(StoreError) -> Plan {
        var connection: AzureConnectionString?
        if !options.connectionString.isEmpty {
            do {
                connection = try AzureConnectionString(options.connectionString)
            } catch {
                throw StoreError(.config, "connectionstring: \(error.message)", noEffect: true)
            }
        }
        let account = options.accountName.isEmpty ? connection?.account ?? "" : options.accountName
        guard isName(account) else {
            throw fault("accountname", account.isEmpty ? "the storage account is missing" : "no account's name")
        }
        guard !options.container.isEmpty, !options.container.contains("/") else {
            throw fault("container", options.container.isEmpty ? "the container is missing" : "no container's name")
        }
        let text =
            options.serviceURL.isEmpty
            ? connection?.blobEndpoint ?? "https://\(account).blob.\(options.realm)" : options.serviceURL
        guard let (endpoint, basePath) = Endpoint.parse(text) else {
            throw fault(
                options.serviceURL.isEmpty ? "realm" : "serviceurl", "no URL like https://host[:port][/account]")
        }
        let address = AzureAddress(
            endpoint: endpoint, basePath: basePath, account: account, container: options.container,
            rootDirectory: options.rootDirectory)
        return Plan(
            address: address, credentials: try credentials(options, connection, account, address, environment))
    }

    private static func credentials(
        _ options: AzureOptions, _ connection: AzureConnectionString?, _ account: String, _ address: AzureAddress,
        _ environment: [String: String]
    ) throws(StoreError) -> AzureCredentials {
        let key = options.accountKey.isEmpty ? connection?.key ?? "" : options.accountKey
        let signature =
            options.credentials.sasToken.isEmpty ? connection?.signature ?? "" : options.credentials.sasToken
        let implied: AzureOptions.Credentials.Kind =
            !key.isEmpty ? .sharedKey : !signature.isEmpty ? .sasToken : .defaultCredentials
        let kind = options.credentials.kind ?? implied
        switch kind {
        case .sharedKey:
            if key.isEmpty { throw fault("accountkey", "credentials of type shared_key need it") }
            guard let shared = AzureSharedKey(account: account, base64Key: key) else {
                throw fault("accountkey", "not Base64")
            }
            return .sharedKey(shared)
        case .sasToken:
            let items = parameters(signature)
            guard items.contains(where: { $0.name == "sig" }), items.contains(where: { $0.name == "sv" }) else {
                throw fault("credentials/sastoken", signature.isEmpty ? "type sas_token needs it" : "no sv=…&sig=…")
            }
            return .signature(items)
        case .clientSecret, .workloadIdentity, .managedIdentity, .defaultCredentials:
            if address.endpoint.scheme == .http, !isLoopback(address.endpoint.host) {
                throw fault("serviceurl", "tokens of the directory are sent over https alone")
            }
            return .tokens(try AzureIdentity.all(options, kind, environment))
        }
    }

    static func fault(_ key: String, _ message: String) -> StoreError {
        StoreError(.config, "\(key): \(message)", noEffect: true)
    }

    /// The parameters of a signature as a query holds them, with or without `?`.
    static func parameters(_ text: String) -> [QueryItem] {
        text.drop { $0 == "?" }.split(separator: "&").compactMap { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = PercentEncoding.decode(String(parts[0])), !name.isEmpty else { return nil }
            guard parts.count == 2 else { return QueryItem(name) }
            return PercentEncoding.decode(String(parts[1])).map { QueryItem(name, $0) }
        }
    }

    private static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }

    private static func isName(_ text: String) -> Bool {
        (1...63).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "-")
            }
    }
}
