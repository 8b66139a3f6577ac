public import NIOHTTP1

/// Answers requests.
public protocol HTTPResponder: Sendable {
    /// The answer to a request. Runs on the event loop of the request's connection and must not block it. The task is
    /// cancelled when the client goes away; the answer is then released unsent.
    func respond(to request: HTTPRequest) async -> HTTPResponse

    /// The answer to a request that the server refuses itself, since it is malformed, too large or too slow; with a body
    /// in memory or none. Runs on the event loop.
    func refusal(_ status: HTTPResponseStatus) -> HTTPResponse
}

extension HTTPResponder {
    /// The status alone.
    public func refusal(_ status: HTTPResponseStatus) -> HTTPResponse { HTTPResponse(status: status) }
}
