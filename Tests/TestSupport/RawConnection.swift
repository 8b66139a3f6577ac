import Dispatch
public import Foundation
import Synchronization

/// A response as it came over the wire.
public struct RawResponse: Sendable {
    /// For example `HTTP/1.1`.
    public let version: String
    /// The three-digit code.
    public let status: Int
    /// Names as sent, in the order sent.
    public let headers: [(name: String, value: String)]
    /// The body, without its transfer coding.
    public let body: Data

    /// A response that some other client received.
    public init(version: String, status: Int, headers: [(name: String, value: String)], body: Data) {
        self.version = version
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// The first value of a header; names are compared without regard to case.
    public subscript(_ name: String) -> String? { values(of: name).first }

    /// All values of a header.
    public func values(of name: String) -> [String] {
        headers.filter { $0.name.lowercased() == name.lowercased() }.map(\.value)
    }

    /// The body as text.
    public var text: String { String(decoding: body, as: UTF8.self) }

    /// The body as a JSON object; empty when it is none.
    public var json: [String: Any] { (try? JSONSerialization.jsonObject(with: body)) as? [String: Any] ?? [:] }

    /// The `code` of the first error in a registry's error envelope.
    public var errorCode: String? { (json["errors"] as? [[String: Any]])?.first?["code"] as? String }
}

/// What went wrong on a raw connection.
public enum RawConnectionError: Error, Equatable {
    /// The peer closed before a whole response had come.
    case closed
    /// Nothing came or could be sent in time.
    case timedOut
    /// What came is no HTTP/1 response.
    case malformed(String)
    /// A system call failed.
    case system(Int32)
}

/// One HTTP/1 connection, byte by byte: for assertions about what is on the wire.
///
/// Nothing is added to a request but what ``request(_:_:headers:body:)`` says; ``send(_:)-(String)`` sends what it is
/// given. Calls do not block the cooperative threads.
public final class RawConnection: Sendable {
    private let wire: Mutex<Wire>
    private let queue = DispatchQueue(label: "mooring.test.connection")

    private init(_ wire: consuming sending Wire) { self.wire = Mutex(wire) }

    deinit { wire.withLock { $0.close() } }

    /// Connects to a port on loopback; every later call fails when it has waited for `timeout`.
    public static func open(port: Int, timeout: Duration = .seconds(30)) async throws -> RawConnection {
        RawConnection(try await onItsOwnThread { try Wire(port: port, timeout: timeout) })
    }

    /// Connects to a unix socket.
    public static func open(unixSocket path: String, timeout: Duration = .seconds(30)) async throws -> RawConnection {
        RawConnection(try await onItsOwnThread { try Wire(path: path, timeout: timeout) })
    }

    /// Sends text as it is.
    public func send(_ text: String) async throws { try await send(Data(text.utf8)) }

    /// Sends bytes as they are.
    public func send(_ bytes: Data) async throws { try await onQueue { try $0.send(bytes) } }

    /// Reads one response; `toHead` says that the request was a HEAD, whose response has no body.
    public func response(toHead: Bool = false) async throws -> RawResponse {
        try await onQueue { try $0.response(toHead: toHead) }
    }

    /// Sends a request with `Host`, the given headers and, when there is a body, `Content-Length`; reads the response.
    public func request(
        _ method: String, _ target: String, headers: [(String, String)] = [], body: Data? = nil
    ) async throws -> RawResponse {
        var head = "\(method) \(target) HTTP/1.1\r\n"
        if !headers.contains(where: { $0.0.lowercased() == "host" }) { head += "Host: localhost\r\n" }
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        if let body { head += "Content-Length: \(body.count)\r\n" }
        try await send(Data((head + "\r\n").utf8) + (body ?? Data()))
        return try await response(toHead: method == "HEAD")
    }

    /// Reads exactly `count` bytes, for bodies that a test takes slowly.
    public func read(_ count: Int) async throws -> Data { try await onQueue { try $0.take(count) } }

    /// Reads and throws away until the peer closes; false when `timeout` passes first.
    public func isClosedByPeer(within timeout: Duration = .seconds(10)) async -> Bool {
        (try? await onQueue { try $0.drain(within: timeout) }) ?? false
    }

    /// Says that nothing more will be sent (a half close).
    public func finishSending() async throws { try await onQueue { $0.finishSending() } }

    /// Closes at once.
    public func close() { wire.withLock { $0.close() } }

    private func onQueue<Value: Sendable>(
        _ work: @escaping @Sendable (inout Wire) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in
                continuation.resume(
                    with: Result { try wire.withLock { wire in try work(&wire) } })
            }
        }
    }
}
