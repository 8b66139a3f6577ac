import PluginKit

/// The configuration of the driver; names and defaults are Distribution's where it has them.
public struct AzureOptions: Decodable, Sendable {
    /// How requests prove who sends them.
    public struct Credentials: Decodable, Sendable {
        /// The kinds by their names.
        public enum Kind: String, CaseIterable, Sendable {
            /// The account's key.
            case sharedKey = "shared_key"
            /// A shared access signature.
            case sasToken = "sas_token"
            /// An application with a secret.
            case clientSecret = "client_secret"
            /// An application with a token that the platform puts into a file.
            case workloadIdentity = "workload_identity"
            /// The identity of the machine or of the App Service.
            case managedIdentity = "managed_identity"
            /// What the environment offers first: secret, workload identity, managed identity.
            case defaultCredentials = "default_credentials"
        }

        /// Nil: not said.
        public var kind: Kind?
        /// The application, or a machine's identity if it has several.
        public var clientID = ""
        /// The directory.
        public var tenantID = ""
        /// The application's secret.
        public var secret = ""
        /// The shared access signature.
        public var sasToken = ""
        /// Where tokens are had; empty: what the realm has.
        public var authority = ""
        /// The file with the federated token; empty: what the environment says.
        public var tokenFile = ""

        enum CodingKeys: String, CodingKey {
            case kind = "type"
            case clientID = "clientid"
            case tenantID = "tenantid"
            case secret, authority
            case sasToken = "sastoken"
            case tokenFile = "tokenfile"
        }

        /// No credentials.
        public init() {}

        /// Reads the map `credentials`.
        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            func text(_ key: CodingKeys) throws -> String { try values.decodeIfPresent(String.self, forKey: key) ?? "" }
            let name = try text(.kind)
            kind = Kind(rawValue: name)
            if kind == nil, !name.isEmpty {
                let known = Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw PluginError.config(key: "credentials/type", "unknown; known are: \(known)")
            }
            clientID = try text(.clientID)
            tenantID = try text(.tenantID)
            secret = try text(.secret)
            sasToken = try text(.sasToken)
            authority = try text(.authority)
            tokenFile = try text(.tokenFile)
        }
    }

    /// The storage account.
    public var accountName = ""
    /// Its key, Base64.
    public var accountKey = ""
    /// The container.
    public var container = ""
    /// How requests prove who sends them.
    public var credentials = Credentials()
    /// Account, key, signature and endpoint in one text.
    public var connectionString = ""
    /// The cloud's domain.
    public var realm = "core.windows.net"
    /// The service; empty: `https://<account>.blob.<realm>`.
    public var serviceURL = ""
    /// What each blob's name begins with.
    public var rootDirectory = ""
    /// How often a pending copy is looked at before it is aborted; -1: aborted at once.
    public var maximumRetries = 5
    /// Milliseconds between two looks; they grow from here.
    public var retryDelay: Int64 = 100
    /// Whether the service's certificate isn't checked.
    public var skipsVerification = false
    /// PEM file of authorities instead of the system's.
    public var caFile = ""
    /// Bytes of a block of an upload, until the blob is large.
    public var chunkSize = 4 << 20
    /// Blocks of one upload on their way at once.
    public var concurrency = 4

    enum CodingKeys: String, CodingKey {
        case accountName = "accountname"
        case accountKey = "accountkey"
        case container, credentials, realm, concurrency
        case connectionString = "connectionstring"
        case serviceURL = "serviceurl"
        case rootDirectory = "rootdirectory"
        case maximumRetries = "max_retries"
        case retryDelay = "retry_delay"
        case skipsVerification = "skipverify"
        case caFile = "cafile"
        case chunkSize = "chunksize"
    }

    /// Reads the options; what is out of its range is `config` with the key's name.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        func text(_ key: CodingKeys, _ standard: String = "") throws -> String {
            try values.decodeIfPresent(String.self, forKey: key) ?? standard
        }
        func number(_ key: CodingKeys, _ standard: Int, _ range: ClosedRange<Int>) throws -> Int {
            let value = try values.decodeIfPresent(FlexibleInteger.self, forKey: key)?.value ?? standard
            guard range.contains(value) else {
                throw PluginError.config(
                    key: key.rawValue, "\(value) isn't from \(range.lowerBound) to \(range.upperBound)")
            }
            return value
        }
        accountName = try text(.accountName)
        accountKey = try text(.accountKey)
        container = try text(.container)
        credentials = try values.decodeIfPresent(Credentials.self, forKey: .credentials) ?? Credentials()
        connectionString = try text(.connectionString)
        realm = try text(.realm, realm)
        serviceURL = try text(.serviceURL)
        rootDirectory = try text(.rootDirectory)
        maximumRetries = try number(.maximumRetries, maximumRetries, -1...10_000)
        retryDelay = try AzureOptions.milliseconds(try text(.retryDelay, "100ms"))
        skipsVerification = try values.decodeIfPresent(Bool.self, forKey: .skipsVerification) ?? false
        caFile = try text(.caFile)
        chunkSize = try number(.chunkSize, chunkSize, 1 << 20...100 << 20)
        concurrency = try number(.concurrency, concurrency, 1...64)
    }

    /// Go's durations: `100ms`, `1.5s`, `1m30s`; a bare number counts nanoseconds.
    static func milliseconds(_ text: String) throws(PluginError) -> Int64 {
        let units: [String: Double] = [
            "ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000,
        ]
        var rest = text[...]
        var sum = 0.0
        if let number = Double(text), text.allSatisfy({ $0.isASCII && $0.isNumber }) {
            (sum, rest) = (number * 1e-6, "")
        }
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
            let unit = rest.dropFirst(digits.count).prefix { $0.isLetter }
            guard let number = Double(digits), let scale = units[String(unit)] else { sum = .infinity; break }
            sum += number * scale
            rest = rest.dropFirst(digits.count + unit.count)
        }
        guard !text.isEmpty, sum <= 3_600_000 else {
            throw .config(key: "retry_delay", "no duration like 100ms of at most an hour")
        }
        return Int64(sum)
    }
}
