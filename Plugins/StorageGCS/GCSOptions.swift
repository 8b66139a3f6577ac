import ObjectStoreKit
import PluginKit

/// The configuration of the driver; the first seven names and defaults are Distribution's.
struct GCSOptions: Decodable, Sendable {
    var bucket = ""
    var keyFile = ""
    /// Given in the configuration itself.
    var identity: GoogleIdentity?
    /// Without slashes at its ends.
    var rootDirectory = ""
    var chunkSize = 16 << 20
    var maximumConcurrency = 50
    var userAgent = ""
    var endpoint = Endpoint(.https, host: "storage.googleapis.com")
    /// What stands before every path of the API.
    var basePath = ""
    var iamEndpoint = Endpoint(.https, host: "iamcredentials.googleapis.com")
    var isAnonymous = false
    var storageClass = ""
    var kmsKey = ""
    var userProject = ""
    var predefinedACL = ""
    var caFile = ""
    var skipsVerification = false
    var timeouts = HTTPTimeouts()
    var maximumRetries = 4

    /// Sessions take chunks of multiples of this.
    static let quantum = 256 << 10
    /// Lower values are raised to this, as in Distribution.
    static let leastConcurrency = 25

    enum CodingKeys: String, CodingKey {
        case bucket
        case keyFile = "keyfile"
        case credentials
        case rootDirectory = "rootdirectory"
        case chunkSize = "chunksize"
        case maximumConcurrency = "maxconcurrency"
        case userAgent = "useragent"
        case endpoint
        case iamEndpoint = "iamendpoint"
        case isAnonymous = "anonymous"
        case storageClass = "storageclass"
        case kmsKey = "kmskey"
        case userProject = "userproject"
        case predefinedACL = "predefinedacl"
        case caFile = "cafile"
        case skipsVerification = "skipverify"
        case connectTimeout = "connecttimeout"
        case responseTimeout = "responsetimeout"
        case stallTimeout = "stalltimeout"
        case maximumRetries = "maxretries"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        bucket = try container.text(.bucket) ?? ""
        if !GCSOptions.isBucket(bucket) {
            let what = bucket.isEmpty ? "a name is required" : "not the name of a bucket, such as registry-images"
            throw PluginError.config(key: "bucket", what)
        }
        keyFile = try container.text(.keyFile) ?? ""
        identity = try GCSOptions.identity(container)
        let root = try container.text(.rootDirectory) ?? ""
        rootDirectory = root.split(separator: "/").joined(separator: "/")
        userAgent = try container.text(.userAgent) ?? ""
        storageClass = try container.text(.storageClass) ?? ""
        kmsKey = try container.text(.kmsKey) ?? ""
        userProject = try container.text(.userProject) ?? ""
        predefinedACL = try container.text(.predefinedACL) ?? ""
        caFile = try container.text(.caFile) ?? ""
        isAnonymous = try container.flag(.isAnonymous)
        skipsVerification = try container.flag(.skipsVerification)
        try decodeNumbers(container)
        try decodeEndpoints(container)
        try checkCombinations()
    }

    private mutating func decodeNumbers(_ container: KeyedDecodingContainer<CodingKeys>) throws {
        chunkSize = try container.number(.chunkSize, 0...(1 << 30)) ?? chunkSize
        guard chunkSize >= GCSOptions.quantum, chunkSize % GCSOptions.quantum == 0 else {
            throw PluginError.config(key: "chunksize", "not a multiple of 262144 (256 KiB), or none of it")
        }
        let asked = try container.number(.maximumConcurrency, 0...10_000) ?? maximumConcurrency
        maximumConcurrency = max(asked, GCSOptions.leastConcurrency)
        maximumRetries = try container.number(.maximumRetries, 0...20) ?? maximumRetries
        let seconds = 1...3600
        if let value = try container.number(.connectTimeout, seconds) { timeouts.connect = Int64(value) * 1000 }
        if let value = try container.number(.responseTimeout, seconds) { timeouts.firstByte = Int64(value) * 1000 }
        if let value = try container.number(.stallTimeout, seconds) { timeouts.lowSpeedTime = Int64(value) * 1000 }
    }

    private mutating func decodeEndpoints(_ container: KeyedDecodingContainer<CodingKeys>) throws {
        if let text = try container.text(.endpoint), !text.isEmpty {
            guard let parsed = Endpoint.parse(text) else {
                throw PluginError.config(key: "endpoint", "not a URL, as https://storage.googleapis.com")
            }
            (endpoint, basePath) = parsed
        }
        if let text = try container.text(.iamEndpoint), !text.isEmpty {
            guard let parsed = Endpoint.parse(text), parsed.basePath.isEmpty else {
                throw PluginError.config(key: "iamendpoint", "not a URL, as https://iamcredentials.googleapis.com")
            }
            iamEndpoint = parsed.endpoint
        }
    }

    private func checkCombinations() throws {
        if isAnonymous, identity != nil || !keyFile.isEmpty {
            throw PluginError.config(key: "anonymous", "there are credentials too; give one of them")
        }
        if identity != nil, !keyFile.isEmpty {
            throw PluginError.config(key: "keyfile", "there are credentials too; give one of them")
        }
        if rootDirectory.utf8.count > 500 { throw PluginError.config(key: "rootdirectory", "longer than 500 bytes") }
        let texts = [
            ("useragent", userAgent), ("storageclass", storageClass), ("kmskey", kmsKey), ("userproject", userProject),
            ("predefinedacl", predefinedACL), ("rootdirectory", rootDirectory),
        ]
        for (key, text) in texts where text.utf8.contains(where: { $0 < 0x20 || $0 == 0x7f }) {
            throw PluginError.config(key: key, "holds a control character")
        }
    }

    /// A map, or JSON as text.
    private static func identity(_ container: KeyedDecodingContainer<CodingKeys>) throws -> GoogleIdentity? {
        guard container.contains(.credentials), try !container.decodeNil(forKey: .credentials) else { return nil }
        do {
            if let text = try? container.decode(String.self, forKey: .credentials) {
                return text.isEmpty ? nil : try GoogleIdentity(GoogleCredentialsFile.parse(SharedBytes(text)))
            }
            return try GoogleIdentity(container.decode(GoogleCredentialsFile.self, forKey: .credentials))
        } catch let error as StoreError {
            throw PluginError.config(key: "credentials", error.message)
        }
    }

    /// 3 to 222 lower-case letters, digits, `-`, `_` and `.`.
    private static func isBucket(_ name: String) -> Bool {
        (3...222).contains(name.utf8.count)
            && name.utf8.allSatisfy { "abcdefghijklmnopqrstuvwxyz0123456789-_.".utf8.contains($0) }
    }
}

extension KeyedDecodingContainer where K == GCSOptions.CodingKeys {
    fileprivate func text(_ key: K) throws -> String? { try decodeIfPresent(String.self, forKey: key) }

    fileprivate func number(_ key: K, _ range: ClosedRange<Int>) throws -> Int? {
        guard let value = try decodeIfPresent(FlexibleInteger.self, forKey: key)?.value else { return nil }
        guard range.contains(value) else {
            throw PluginError.config(key: key.stringValue, "not within \(range.lowerBound) and \(range.upperBound)")
        }
        return value
    }

    /// A truth value, or its word as environment variables bring it.
    fileprivate func flag(_ key: K) throws -> Bool {
        guard contains(key) else { return false }
        if let word = try? decode(String.self, forKey: key) {
            guard let value = Bool(word.lowercased()) else {
                throw PluginError.config(key: key.stringValue, "neither true nor false")
            }
            return value
        }
        return try decodeIfPresent(Bool.self, forKey: key) ?? false
    }
}
