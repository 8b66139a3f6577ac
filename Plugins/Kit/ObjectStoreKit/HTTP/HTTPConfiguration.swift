/// How an engine behaves.
public struct HTTPConfiguration: Sendable {
    /// The driver's name, a label of its metrics: `s3`.
    public var driver: String
    /// The header `User-Agent`.
    public var userAgent = "mooring"
    /// The most connections to one endpoint for `send`; requests beyond it wait their turn.
    public var maximumConnections = 64
    /// The most open streams of one endpoint. They are counted apart, so that slow readers don't hold up the others.
    public var maximumStreams = 512
    /// When to give up.
    public var timeouts = HTTPTimeouts()
    /// PEM file of the authorities to trust instead of the system's.
    public var caFile: String?
    /// Whether certificates are checked. False is for experiments.
    public var verifiesTLS = true
    /// The most bytes of a response's head.
    public var headerLimit = 64 << 10

    /// The defaults.
    public init(driver: String) { self.driver = driver }
}

/// When to give up, in milliseconds.
public struct HTTPTimeouts: Sendable {
    /// Name, connection and TLS.
    public var connect: Int64 = 10_000
    /// From the last byte sent to the first received. 0: no limit.
    public var firstByte: Int64 = 60_000
    /// Less than this many bytes a second, either way, over `lowSpeedTime`, is an end. 0: it may be slow, but not silent.
    /// While a stream's reader is slow nothing is measured.
    public var lowSpeedBytesPerSecond: Int64 = 1024
    /// How long it may be slow or silent. 0: for ever.
    public var lowSpeedTime: Int64 = 30_000
    /// All of one attempt; of a stream up to its head. Nil: no limit but the call's deadline.
    public var total: Int64?

    /// The defaults.
    public init() {}
}
