import Glibc
import HTTPServer
import NIOCore
import NIOHTTP1
import Testing

/// Yields prepared pieces.
private final class Pieces: HTTPBodySource {
    struct Broken: Error {}

    private let pieces: Shared<[ByteBuffer]>
    private let fails: Bool
    let closed: Shared<Int>

    init(_ pieces: [[UInt8]], fails: Bool = false, closed: Shared<Int> = Shared(0)) {
        self.pieces = Shared(pieces.map { ByteBuffer(bytes: $0) })
        self.fails = fails
        self.closed = closed
    }

    func next(upTo maximum: Int) async throws -> ByteBuffer? {
        await Task.yield()
        var piece: ByteBuffer?
        pieces.update { if !$0.isEmpty { piece = $0.removeFirst() } }
        if piece == nil, fails { throw Broken() }
        return piece
    }

    func close() {
        closed.update { $0 += 1 }
    }
}

/// Yields for ever.
private final class Endless: HTTPBodySource {
    let closed: Shared<Int>
    let yielded: Shared<Int>

    init(closed: Shared<Int>, yielded: Shared<Int>) {
        self.closed = closed
        self.yielded = yielded
    }

    func next(upTo maximum: Int) async throws -> ByteBuffer? {
        yielded.update { $0 += maximum }
        return ByteBuffer(repeating: 65, count: maximum)
    }

    func close() {
        closed.update { $0 += 1 }
    }
}

@Suite("Response bodies")
struct ResponseBodyTests {
    private static func fetch(_ port: Int, _ target: String = "/") async throws -> Client {
        let client = try Client(port: port)
        try await client.send("GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n")
        return client
    }

    @Test("Bytes of every size come whole", arguments: [0, 1, 1000, 16 * 1024, 16 * 1024 + 1, 5 << 20])
    func bytes(size: Int) async throws {
        let bytes = pattern(size)
        try await withServer(answering: { _ in HTTPResponse(status: .ok, body: .bytes(ByteBuffer(bytes: bytes))) }) {
            port in
            let client = try await Self.fetch(port)
            #expect(try await client.answer().body == bytes)
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.answer().body == bytes)
        }
    }

    @Test(
        "File ranges come whole and their owner is released",
        arguments: [(0, 0), (0, 1), (5, 1000), (1, 65536), (3, 65537), (0, 5 << 20), (1234, 3 << 20)])
    func files(offset: Int, length: Int) async throws {
        let bytes = pattern(5 << 20)
        let directory = try TemporaryDirectory()
        let path = try directory.file("blob", bytes)
        let released = Shared(0)
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            guard let file = try? OpenFile(path, released: released) else { return HTTPResponse(status: .notFound) }
            return HTTPResponse(status: .ok, body: file.body(offset: UInt64(offset), length: UInt64(length)))
        }
        try await withServer(answering: responder) { port in
            let client = try await Self.fetch(port)
            let answer = try await client.answer()
            #expect(answer["content-length"] == "\(length)")
            #expect(answer.body == Array(bytes[offset..<offset + length]))
            try await eventually { released.value == 1 }
            // The connection is still in step.
            try await client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.answer(toHead: true)["content-length"] == "\(length)")
            try await eventually { released.value == 2 }
        }
    }

    @Test("A file that is shorter than its range ends the connection before the declared length")
    func shortFile() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.file("blob", pattern(100_000))
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            guard let file = try? OpenFile(path) else { return HTTPResponse(status: .notFound) }
            return HTTPResponse(status: .ok, body: file.body(length: request.target == "/a" ? 200_000 : UInt64.max - 5))
        }
        try await withServer(answering: responder) { port in
            for target in ["/a", "/b"] {
                let client = try await Self.fetch(port, target)
                await #expect(throws: Client.Failure.self) { try await client.answer() }
            }
        }
    }

    @Test("A client that leaves in the middle of a file frees its descriptor")
    func abortedFile() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.file("blob", pattern(32 << 20))
        let released = Shared(0)
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            guard let file = try? OpenFile(path, released: released) else { return HTTPResponse(status: .notFound) }
            return HTTPResponse(status: .ok, body: file.body(length: 32 << 20))
        }
        try await withServer(answering: responder) { port in
            var clients: [Client] = []
            for _ in 0..<8 {
                let client = try Client(port: port, receiveBuffer: 65536)
                try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                _ = try await client.head()
                clients.append(client)
            }
            #expect(released.value == 0)
            for client in clients.prefix(4) { client.reset() }
            clients.removeAll()
            try await eventually { released.value == 8 }
        }
    }

    @Test("While a slow reader is fed a file, other connections of the loop are served")
    func fairness() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.file("blob", pattern(16 << 20))
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            guard request.target == "/blob", let file = try? OpenFile(path) else { return .text("small") }
            return HTTPResponse(status: .ok, body: file.body(length: 16 << 20))
        }
        try await withServer(answering: responder) { port in
            let slow = try Client(port: port, receiveBuffer: 32768)
            try await slow.send("GET /blob HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = try await slow.head()
            for _ in 0..<20 {
                _ = try await slow.bytes(10000)
                let other = try await Self.fetch(port)
                #expect(try await other.answer().text == "small")
            }
            let rest = try await slow.bytes((16 << 20) - 200_000)
            #expect(rest == Array(pattern(16 << 20)[200_000...]))
        }
    }

    @Test("A stream with a length is framed by it, one without is chunked")
    func streams() async throws {
        let closed = Shared(0)
        let pieces = [pattern(1000), [], pattern(300_000), pattern(7)]
        let whole = pieces.flatMap { $0 }
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            let length: UInt64? = request.target == "/length" ? UInt64(whole.count) : nil
            return HTTPResponse(status: .ok, body: .stream(length: length, Pieces(pieces, closed: closed)))
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            for target in ["/length", "/chunked", "/length"] {
                try await client.send("GET \(target) HTTP/1.1\r\nHost: x\r\n\r\n")
                let answer = try await client.answer()
                #expect(answer.body == whole)
                #expect(answer["content-length"] == (target == "/length" ? "\(whole.count)" : nil))
            }
            try await client.send("HEAD /length HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.answer(toHead: true)["content-length"] == "\(whole.count)")
            try await eventually { closed.value == 4 }

            let old = try Client(port: port)
            try await old.send("GET /chunked HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            let answer = try await old.answer()
            #expect(answer["connection"] == "close")
            #expect(answer.body == whole)
        }
    }

    @Test("A stream that fails or ends early ends the connection without a proper end", arguments: [true, false])
    func brokenStreams(fails: Bool) async throws {
        let closed = Shared(0)
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            let source = Pieces([pattern(1000)], fails: fails, closed: closed)
            let length: UInt64? = request.target == "/length" ? 5000 : nil
            return HTTPResponse(status: .ok, body: .stream(length: length, source))
        }
        try await withServer(answering: responder) { port in
            let declared = try await Self.fetch(port, "/length")
            await #expect(throws: Client.Failure.self) { try await declared.answer() }
            if fails {
                let chunked = try await Self.fetch(port, "/chunked")
                await #expect(throws: Client.Failure.self) { try await chunked.answer() }
                let old = try Client(port: port)
                try await old.send("GET /chunked HTTP/1.0\r\n\r\n")
                await #expect(throws: Client.Failure.self) { try await old.answer() }
            }
            try await eventually { closed.value == (fails ? 3 : 1) }
        }
    }

    @Test("A stream that is too long is cut, and the connection stays in step")
    func longStream() async throws {
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            HTTPResponse(status: .ok, body: .stream(length: 1500, Pieces([pattern(1000), pattern(1000), pattern(10)])))
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            for _ in 0..<2 {
                try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try await client.answer().body == pattern(1000) + pattern(500))
            }
        }
    }

    @Test("A source is asked for no more than its client takes, and closed when the client leaves")
    func streamBackPressure() async throws {
        let closed = Shared(0)
        let yielded = Shared(0)
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            HTTPResponse(status: .ok, body: .stream(length: nil, Endless(closed: closed, yielded: yielded)))
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port, receiveBuffer: 65536)
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = try await client.head()
            var last = -1
            try await eventually("the source rests") {
                defer { last = yielded.value }
                try await Task.sleep(for: .milliseconds(100))
                return yielded.value == last
            }
            #expect(yielded.value < 16 << 20)
            #expect(closed.value == 0)
            client.reset()
            try await eventually { closed.value == 1 }
        }
    }

    @Test("A file that becomes shorter while it is sent ends the answer, although its reader is slow")
    func shrinkingFile() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.file("blob", pattern(8 << 20))
        let isComplete = Shared<Bool?>(nil)
        try await withServer(
            onExchange: { isComplete.value = $0.isComplete },
            answering: { _ in
                guard let file = try? OpenFile(path) else { return HTTPResponse(status: .notFound) }
                return HTTPResponse(status: .ok, body: file.body(length: 8 << 20))
            }
        ) { port in
            let client = try Client(port: port, receiveBuffer: 16 * 1024)
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = try await client.head()
            truncate(path, 1000)
            try await eventually("the answer ends", within: .seconds(8)) { isComplete.value == false }
        }
        withExtendedLifetime(directory) {}
    }
}
