import ObjectStoreKit
import PluginKit

/// The configuration of the driver; names and defaults are Distribution's where it has them.
struct S3Options: Decodable, Sendable {
    /// Where the bucket is.
    var address: S3Address
    /// Which region signatures are for.
    var region = ""
    var bucket = ""
    /// Whether `regionendpoint` names the server, so that a server that can't be reached is its fault.
    var hasEndpoint = false
    /// What stands before every key: empty, or ends with "/".
    var root = ""

    /// From the configuration; nil: the chain of sources is asked.
    var credentials: AWSCredentials?
    /// A profile of the shared files; empty: `AWS_PROFILE`, else "default".
    var profile = ""

    var encrypts = false
    var keyID = ""
    var storageClass = "STANDARD"
    var acl = "private"

    var chunkSize: UInt64 = 10 << 20
    var equalParts = false
    var uploadConcurrency = 4
    var uploadMemory = 256 << 20
    var copyChunkSize: UInt64 = 32 << 20
    var copyConcurrency = 100
    var copyThreshold: UInt64 = 32 << 20

    /// What presigned URLs begin with instead of the endpoint.
    var redirectEndpoint: Endpoint?

    var verifiesTLS = true
    var caFile = ""
    var userAgent = ""
    var maximumConnections = 64
    var maximumAttempts = 5
    var connectSeconds = 10
    var responseSeconds = 60
    var logLevel = "off"

    init(from decoder: any Decoder) throws {
        let values = try S3OptionValues(decoder)
        var choice = S3Address.Choice()
        choice.bucket = try values.text("bucket") ?? ""
        choice.regionEndpoint = try values.text("regionendpoint") ?? ""
        // A server that isn't Amazon's often has no regions, but its signatures name one.
        choice.region = try values.text("region") ?? (choice.regionEndpoint.isEmpty ? "" : "us-east-1")
        choice.forcesPathStyle = try values.flag("forcepathstyle") ?? false
        choice.isSecure = try values.flag("secure") ?? true
        choice.usesDualStack = try values.flag("usedualstack") ?? false
        choice.usesFIPS = try values.flag("usefipsendpoint") ?? false
        choice.accelerates = try values.flag("accelerate") ?? false
        do throws(S3Address.Mistake) {
            if choice.region.isEmpty { throw S3Address.Mistake("region", "is required") }
            address = try S3Address(choice)
        } catch {
            throw PluginError.config(key: error.option, error.message)
        }
        (region, bucket, hasEndpoint) = (choice.region, choice.bucket, !choice.regionEndpoint.isEmpty)
        try readIdentity(values)
        try readObjects(values)
        try readSizes(values)
        try readConnection(values)
    }

    private mutating func readIdentity(_ values: S3OptionValues) throws {
        let key = try values.text("accesskey") ?? ""
        let secret = try values.text("secretkey") ?? ""
        let token = try values.text("sessiontoken")
        if key.isEmpty != secret.isEmpty {
            let missing = key.isEmpty ? "accesskey" : "secretkey"
            throw PluginError.config(key: missing, "accesskey and secretkey come together, or not at all")
        }
        if key.isEmpty, token != nil {
            throw PluginError.config(key: "sessiontoken", "means nothing without accesskey and secretkey")
        }
        if !key.isEmpty {
            credentials = AWSCredentials(accessKeyID: key, secretAccessKey: secret, sessionToken: token)
        }
        profile = try values.text("profile") ?? ""
        if try values.flag("v4auth") == false {
            throw PluginError.config(key: "v4auth", "signatures of version 2 are not offered; leave it out")
        }
    }

    private mutating func readObjects(_ values: S3OptionValues) throws {
        let folder = try values.text("rootdirectory") ?? ""
        let names = folder.split(separator: "/", omittingEmptySubsequences: true)
        guard names.allSatisfy({ $0 != "." && $0 != ".." }), folder.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }),
            folder.utf8.count <= 512
        else { throw PluginError.config(key: "rootdirectory", "not a path of at most 512 bytes") }
        root = names.isEmpty ? "" : names.joined(separator: "/") + "/"
        encrypts = try values.flag("encrypt") ?? false
        keyID = try values.text("keyid") ?? ""
        if !keyID.isEmpty, !encrypts { throw PluginError.config(key: "keyid", "needs encrypt: true") }
        let known = S3Schema.storageClasses
        storageClass = try values.choice("storageclass", known) { $0.uppercased() } ?? storageClass
        acl = try values.choice("objectacl", S3Schema.acls) { $0 } ?? acl
        logLevel = try values.logLevel() ?? logLevel
    }

    private mutating func readSizes(_ values: S3OptionValues) throws {
        let (least, most) = (Int(S3PartSizes.least), Int(S3PartSizes.most))
        chunkSize = UInt64(try values.integer("chunksize", least...most) ?? Int(chunkSize))
        equalParts = try values.flag("equalparts") ?? equalParts
        uploadConcurrency = try values.integer("uploadconcurrency", 1...256) ?? uploadConcurrency
        uploadMemory = try values.integer("uploadmemory", least...(1 << 40)) ?? uploadMemory
        copyChunkSize = UInt64(try values.integer("multipartcopychunksize", least...most) ?? Int(copyChunkSize))
        copyConcurrency = try values.integer("multipartcopymaxconcurrency", 1...10_000) ?? copyConcurrency
        copyThreshold = UInt64(try values.integer("multipartcopythresholdsize", 0...most) ?? Int(copyThreshold))
    }

    private mutating func readConnection(_ values: S3OptionValues) throws {
        verifiesTLS = try !(values.flag("skipverify") ?? false)
        caFile = try values.text("cafile") ?? ""
        userAgent = try values.text("useragent") ?? ""
        if !userAgent.utf8.allSatisfy({ (0x20..<0x7F).contains($0) }) {
            throw PluginError.config(key: "useragent", "not plain text")
        }
        maximumConnections = try values.integer("maxconnections", 1...10_000) ?? maximumConnections
        maximumAttempts = try values.integer("maxattempts", 1...20) ?? maximumAttempts
        connectSeconds = try values.integer("connecttimeout", 1...3600) ?? connectSeconds
        responseSeconds = try values.integer("responsetimeout", 1...3600) ?? responseSeconds
        guard let text = try values.text("redirectendpoint"), !text.isEmpty else { return }
        guard let (endpoint, basePath) = Endpoint.parse(text), basePath.isEmpty || basePath == "/" else {
            throw PluginError.config(
                key: "redirectendpoint", "not a scheme and a host, such as https://cdn.example.com")
        }
        redirectEndpoint = endpoint
    }
}

/// The values of a configuration by their names, whatever form they come in: environment variables bring text.
struct S3OptionValues {
    private struct Key: CodingKey {
        let stringValue: String
        var intValue: Int? { nil }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    private let container: KeyedDecodingContainer<Key>

    init(_ decoder: any Decoder) throws { container = try decoder.container(keyedBy: Key.self) }

    func text(_ name: String) throws -> String? {
        let key = Key(stringValue: name)
        guard container.contains(key), try !container.decodeNil(forKey: key) else { return nil }
        return try container.decode(String.self, forKey: key)
    }

    func integer(_ name: String, _ range: ClosedRange<Int>) throws -> Int? {
        let key = Key(stringValue: name)
        guard container.contains(key), try !container.decodeNil(forKey: key) else { return nil }
        let number = try container.decode(FlexibleInteger.self, forKey: key).value
        guard range.contains(number) else {
            throw PluginError.config(key: name, "must be from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func flag(_ name: String) throws -> Bool? {
        let key = Key(stringValue: name)
        guard container.contains(key), try !container.decodeNil(forKey: key) else { return nil }
        if let flag = try? container.decode(Bool.self, forKey: key) { return flag }
        switch (try? container.decode(String.self, forKey: key))?.lowercased() {
        case "true", "1", "yes", "on": return true
        case "false", "0", "no", "off", "": return false
        default: throw PluginError.config(key: name, "must be true or false")
        }
    }

    func choice(_ name: String, _ known: [String], _ normalised: (String) -> String) throws -> String? {
        guard let text = try text(name).map(normalised) else { return nil }
        guard known.contains(text) else {
            throw PluginError.config(
                key: name, "must be one of: \(known.filter { !$0.isEmpty }.joined(separator: ", "))")
        }
        return text
    }

    /// YAML reads `off` as false.
    func logLevel() throws -> String? {
        let key = Key(stringValue: "loglevel")
        guard container.contains(key), try !container.decodeNil(forKey: key) else { return nil }
        if let flag = try? container.decode(Bool.self, forKey: key) { return flag ? "debug" : "off" }
        return try choice("loglevel", S3Schema.logLevels) { $0.lowercased() }
    }
}
