/// Where the objects of a bucket are: which server, and what stands before a key in the path of a request.
public struct S3Address: Sendable, Hashable {
    /// The server.
    public let endpoint: Endpoint
    /// What stands before the key: "/" with the bucket in the host's name, "/bucket/" with path style. Encoded.
    public let pathPrefix: String

    /// How an address is chosen: options of the driver under their names in configurations.
    public struct Choice: Sendable {
        /// `bucket`
        public var bucket = ""
        /// `region`
        public var region = ""
        /// `regionendpoint`: a server that isn't Amazon's; empty: Amazon's.
        public var regionEndpoint = ""
        /// `forcepathstyle`
        public var forcesPathStyle = false
        /// `secure`: TLS, where the endpoint doesn't say.
        public var isSecure = true
        /// `usedualstack`
        public var usesDualStack = false
        /// `usefipsendpoint`
        public var usesFIPS = false
        /// `accelerate`
        public var accelerates = false

        /// The defaults.
        public init() {}
    }

    /// What can't be: the option, and why.
    public struct Mistake: Error, Hashable {
        /// The option's name.
        public let option: String
        /// One line.
        public let message: String

        /// A mistake in an option.
        public init(_ option: String, _ message: String) {
            self.option = option
            self.message = message
        }
    }

    /// The address that options describe.
    public init(_ choice: Choice) throws(Mistake) {
        try S3Address.check(bucket: choice.bucket)
        self = choice.regionEndpoint.isEmpty ? try S3Address(amazon: choice) : try S3Address(other: choice)
    }

    private init(endpoint: Endpoint, pathPrefix: String) {
        self.endpoint = endpoint
        self.pathPrefix = pathPrefix
    }

    // MARK: Amazon

    private init(amazon choice: Choice) throws(Mistake) {
        guard S3Address.isRegion(choice.region) else {
            throw Mistake("region", "\"\(choice.region)\" is no name of a region such as us-east-1")
        }
        let suffix = S3Address.suffix(of: choice.region)
        let isHostName = S3Address.isHostName(choice.bucket)
        let dualStack = choice.usesDualStack ? ".dualstack" : ""
        let scheme: Endpoint.Scheme = choice.isSecure ? .https : .http
        if choice.accelerates {
            guard isHostName, !choice.bucket.contains(".") else {
                throw Mistake("accelerate", "needs a bucket whose name is one label of a host name, without dots")
            }
            if choice.usesFIPS { throw Mistake("accelerate", "can't be combined with usefipsendpoint") }
            if choice.forcesPathStyle { throw Mistake("accelerate", "can't be combined with forcepathstyle") }
            let host = "\(choice.bucket).s3-accelerate\(dualStack).\(suffix)"
            self.init(endpoint: Endpoint(scheme, host: host), pathPrefix: "/")
            return
        }
        let host = "s3\(choice.usesFIPS ? "-fips" : "")\(dualStack).\(choice.region).\(suffix)"
        self.init(host, port: nil, scheme, basePath: "", choice)
    }

    /// Whether a text looks like a region. New ones come every year, so there is no list.
    static func isRegion(_ text: String) -> Bool {
        let labels = text.utf8.split(separator: UInt8(ascii: "-"), omittingEmptySubsequences: false)
        guard labels.count >= 3, text.utf8.count <= 32, let last = labels.last else { return false }
        return !last.isEmpty && last.allSatisfy(isDigit)
            && labels.dropLast().allSatisfy { !$0.isEmpty && $0.allSatisfy(isLetter) }
    }

    /// The domain of the partition that a region belongs to.
    static func suffix(of region: String) -> String {
        let partitions = [
            ("cn-", "amazonaws.com.cn"), ("us-iso-", "c2s.ic.gov"), ("us-isob-", "sc2s.sgov.gov"),
            ("us-isof-", "csp.hci.ic.gov"), ("eu-isoe-", "cloud.adc-e.uk"), ("eusc-", "amazonaws.eu"),
        ]
        return partitions.first { region.hasPrefix($0.0) }?.1 ?? "amazonaws.com"
    }

    // MARK: Others

    private init(other choice: Choice) throws(Mistake) {
        let scheme: Endpoint.Scheme = choice.isSecure ? .https : .http
        guard let (endpoint, basePath) = Endpoint.parse(choice.regionEndpoint, defaultScheme: scheme) else {
            throw Mistake("regionendpoint", "not a URL such as https://store.example.com:9000")
        }
        for (option, isSet) in [
            ("accelerate", choice.accelerates), ("usedualstack", choice.usesDualStack),
            ("usefipsendpoint", choice.usesFIPS),
        ] where isSet {
            throw Mistake(option, "is of Amazon's endpoints alone, and can't be combined with regionendpoint")
        }
        self.init(endpoint.host, port: endpoint.port, endpoint.scheme, basePath: basePath, choice)
    }

    /// With the bucket in the host's name where that can be: certificates of `*.host` don't cover buckets with dots, and an
    /// IP address has no subdomains.
    private init(_ host: String, port: Int?, _ scheme: Endpoint.Scheme, basePath: String, _ choice: Choice) {
        let bucket = choice.bucket
        let fits = S3Address.isHostName(bucket) && (scheme == .http || !bucket.contains("."))
        if choice.forcesPathStyle || !fits || S3Address.isAddress(host) {
            self.init(
                endpoint: Endpoint(scheme, host: host, port: port),
                pathPrefix: "\(basePath)/\(PercentEncoding.component(bucket))/")
        } else {
            self.init(
                endpoint: Endpoint(scheme, host: "\(bucket).\(host)", port: port), pathPrefix: basePath + "/")
        }
    }

    // MARK: Names

    private static func check(bucket: String) throws(Mistake) {
        if bucket.isEmpty { throw Mistake("bucket", "is required") }
        let isName = bucket.utf8.allSatisfy { isLetter($0) || isCapital($0) || isDigit($0) || "-._".utf8.contains($0) }
        guard isName, bucket.utf8.count <= 255, bucket != ".", bucket != ".." else {
            throw Mistake("bucket", "not the name of a bucket: letters, digits, - . and _ only")
        }
    }

    /// Whether a bucket's name can begin the name of a host.
    static func isHostName(_ bucket: String) -> Bool {
        guard (3...63).contains(bucket.utf8.count), !isAddress(bucket) else { return false }
        return bucket.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { label in
            guard let first = label.first, let last = label.last else { return false }
            return first != UInt8(ascii: "-") && last != UInt8(ascii: "-")
                && label.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "-") }
        }
    }

    /// Whether a host is an IP address.
    private static func isAddress(_ host: String) -> Bool {
        host.contains(":") || host.utf8.allSatisfy { isDigit($0) || $0 == UInt8(ascii: ".") }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
    private static func isCapital(_ byte: UInt8) -> Bool { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
}
