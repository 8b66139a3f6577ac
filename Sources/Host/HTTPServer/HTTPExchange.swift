public import NIOHTTP1

/// A request and its answer, after the fact, for access logs and metrics.
public struct HTTPExchange: Sendable {
    /// The method.
    public let method: HTTPMethod
    /// The raw request target.
    public let target: String
    /// The version of the request.
    public let version: HTTPVersion
    /// The header fields of the request: `Referer`, `User-Agent` and the like.
    public let requestHeaders: HTTPHeaders
    /// The peer as `address:port`, or `unix`.
    public let remoteAddress: String
    /// Whether the connection was TLS.
    public let isSecure: Bool
    /// The status of the answer; 499 if the client went away before there was one.
    public let status: HTTPResponseStatus
    /// The header fields of the answer, as the responder gave them.
    public let responseHeaders: HTTPHeaders
    /// Bytes of the response body that were handed to the connection.
    public let bytesSent: UInt64
    /// Bytes of the request body that arrived.
    public let bytesReceived: UInt64
    /// From the complete request head to the end of the answer.
    public let duration: Duration
    /// Whether the whole answer was sent.
    public let isComplete: Bool
}
