/// Answers requests.
public protocol HTTPResponder: Sendable {
    /// The answer to a request. Runs on the event loop of the request's connection and must not block it. The task is
    /// cancelled when the client goes away; the answer is then released unsent.
    func respond(to request: HTTPRequest) async -> HTTPResponse
}
