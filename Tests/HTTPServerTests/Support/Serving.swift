import Glibc
import HTTPServer
import Logging
import NIOCore
import NIOHTTP1
import Synchronization
import Testing

/// A responder from a closure.
struct Closure: HTTPResponder {
    let body: @Sendable (HTTPRequest) async -> HTTPResponse

    func respond(to request: HTTPRequest) async -> HTTPResponse {
        await body(request)
    }
}

/// Runs a test against a server on a free port.
func withServer(
    _ change: (inout HTTPServerConfiguration) -> Void = { _ in },
    onExchange: (@Sendable (HTTPExchange) -> Void)? = nil,
    answering responder: @escaping @Sendable (HTTPRequest) async -> HTTPResponse,
    test: (Int) async throws -> Void
) async throws {
    var configuration = HTTPServerConfiguration(eventLoopThreads: 1, blockingThreads: 2)
    change(&configuration)
    let server = HTTPServer(
        configuration: configuration, logger: silent, responder: Closure(body: responder), onExchange: onExchange)
    let addresses = try await server.start()
    guard case .tcp(_, let port)? = addresses.first else { throw Client.Failure(what: "no address") }
    do {
        try await test(port)
    } catch {
        await server.shutdown(drain: .zero)
        throw error
    }
    // A connection or a task that is never released would make this take five seconds.
    let start = ContinuousClock.now
    await server.shutdown(drain: .zero)
    #expect(ContinuousClock.now - start < .seconds(4))
}

/// A logger that says nothing.
let silent: Logger = {
    var logger = Logger(label: "test")
    logger.logLevel = .critical
    return logger
}()

extension HTTPResponse {
    /// 200 with a text.
    static func text(_ text: String) -> HTTPResponse {
        HTTPResponse(status: .ok, body: .bytes(ByteBuffer(string: text)))
    }
}

extension HTTPRequest {
    /// The whole body.
    func collected() async throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let batch = try await body.next() {
            for buffer in batch { buffer.withUnsafeReadableBytes { bytes.append(contentsOf: $0) } }
        }
        return bytes
    }
}

/// Waits until a condition holds.
func eventually(
    _ what: String = "condition", within limit: Duration = .seconds(10), _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while try await !condition() {
        guard ContinuousClock.now < end else { throw Client.Failure(what: "\(what) did not come true") }
        try await Task.sleep(for: .milliseconds(5))
    }
}

/// A value that tests and responders share.
final class Shared<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: Value) {
        mutex = Mutex(value)
    }

    var value: Value {
        get { mutex.withLock { $0 } }
        set { mutex.withLock { $0 = newValue } }
    }

    func update(_ body: (inout Value) -> Void) {
        mutex.withLock { body(&$0) }
    }
}

/// A temporary directory, removed with its files.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/mooring-http-XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { $0.baseAddress.map { mkdtemp($0) != nil } ?? false }
        guard made else { throw Client.Failure(what: "mkdtemp: \(errno)") }
        path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    deinit {
        guard let directory = opendir(path) else { return }
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) {
                String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != "." && name != ".." { unlink("\(path)/\(name)") }
        }
        closedir(directory)
        rmdir(path)
    }

    /// Writes a file and returns its path.
    func file(_ name: String, _ bytes: [UInt8]) throws -> String {
        let target = "\(path)/\(name)"
        let descriptor = open(target, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        defer { close(descriptor) }
        guard descriptor >= 0, write(descriptor, bytes, bytes.count) == bytes.count else {
            throw Client.Failure(what: "write: \(errno)")
        }
        return target
    }
}

/// Owns a descriptor and tells when it is released.
final class OpenFile: Sendable {
    let descriptor: CInt
    let released: Shared<Int>

    init(_ path: String, released: Shared<Int> = Shared(0)) throws {
        descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Client.Failure(what: "open: \(errno)") }
        self.released = released
    }

    deinit {
        close(descriptor)
        released.update { $0 += 1 }
    }

    func body(offset: UInt64 = 0, length: UInt64) -> HTTPResponseBody {
        .file(HTTPFileBody(descriptor: descriptor, offset: offset, length: length, owner: self))
    }
}

/// Bytes in which a shifted, repeated or missing piece shows.
func pattern(_ count: Int) -> [UInt8] {
    let block = (0..<65_521).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count { bytes.append(contentsOf: block.prefix(count - bytes.count)) }
    return bytes
}
