public import NIOCore
public import NIOHTTP1

/// An answer. The server adds `Date`, the framing headers and, where needed, `Connection`.
public struct HTTPResponse: Sendable {
    /// The status. Informational ones are not for responders.
    public var status: HTTPResponseStatus
    /// The header fields. `Content-Length` is added for bodies of known length unless it is there; in an answer to
    /// `HEAD` it is sent as given. A field whose name or value is not legal is left out and logged.
    public var headers: HTTPHeaders
    /// The body; dropped (and released) where the method or status forbids one.
    public var body: HTTPResponseBody

    /// An answer.
    public init(status: HTTPResponseStatus, headers: HTTPHeaders = [:], body: HTTPResponseBody = .empty) {
        self.status = status
        self.headers = headers
        self.body = body
    }
}

/// What follows the head of an answer.
public enum HTTPResponseBody: Sendable {
    /// Nothing.
    case empty
    /// Bytes in memory.
    case bytes(ByteBuffer)
    /// A range of an open file.
    case file(HTTPFileBody)
    /// Bytes as they come. Without a length the answer is chunked; with one, a source that ends early or throws
    /// aborts the connection and one that goes on is cut.
    case stream(length: UInt64?, any HTTPBodySource)
}

/// A range of an open file. The descriptor is borrowed from `owner`, which is kept until the last byte is sent or the
/// connection is gone; the file's own position is neither used nor moved.
public struct HTTPFileBody: Sendable {
    let descriptor: CInt
    let offset: UInt64
    let length: UInt64
    let owner: any AnyObject & Sendable

    /// A range of an open file.
    ///
    /// - Parameters:
    ///   - descriptor: an open file, readable at any position
    ///   - offset: the first byte
    ///   - length: how many bytes; a file that is shorter aborts the connection
    ///   - owner: closes the descriptor when it is released
    public init(descriptor: CInt, offset: UInt64, length: UInt64, owner: any AnyObject & Sendable) {
        self.descriptor = descriptor
        self.offset = offset
        self.length = length
        self.owner = owner
    }
}

/// Produces a body piece by piece.
public protocol HTTPBodySource: AnyObject, Sendable {
    /// The next bytes, at most `maximum` of them; nil at the end. An empty buffer is allowed and skipped. One call at
    /// a time; the task is cancelled when the client goes away.
    func next(upTo maximum: Int) async throws -> ByteBuffer?

    /// Releases the source. Called exactly once, after the last `next` has returned, also if `next` was never called.
    func close()
}
