public import NIOHTTP1

/// A request as it came over the wire. Nothing is decoded: the target may hold percent escapes, a query, or an
/// absolute URI.
public struct HTTPRequest: Sendable {
    /// The method.
    public var method: HTTPMethod
    /// The raw request target.
    public var target: String
    /// The header fields, in order. HTTP/2's `:authority` is `host`.
    public var headers: HTTPHeaders
    /// The version: 1.0, 1.1 or 2.0.
    public var version: HTTPVersion
    /// Whether the connection is TLS.
    public var isSecure: Bool
    /// The peer as `address:port`, or `unix`.
    public var remoteAddress: String
    /// The local TCP port, if there is one.
    public var localPort: Int?
    /// The body.
    public let body: HTTPRequestBody

    /// A request; mostly for tests of responders.
    public init(
        method: HTTPMethod, target: String, headers: HTTPHeaders = [:], version: HTTPVersion = .http1_1,
        isSecure: Bool = false, remoteAddress: String = "unix", localPort: Int? = nil,
        body: HTTPRequestBody = .none
    ) {
        self.method = method
        self.target = target
        self.headers = headers
        self.version = version
        self.isSecure = isSecure
        self.remoteAddress = remoteAddress
        self.localPort = localPort
        self.body = body
    }
}
