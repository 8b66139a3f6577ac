import Glibc
import HTTPServer
import NIOCore
import NIOHTTP1
import Testing

@Suite("Listening and shutting down")
struct LifecycleTests {
    private static func server(
        _ addresses: [HTTPServerConfiguration.Address],
        _ responder: @escaping @Sendable (HTTPRequest) async -> HTTPResponse = { .text($0.remoteAddress) }
    ) -> HTTPServer {
        var configuration = HTTPServerConfiguration(addresses: addresses, eventLoopThreads: 1)
        configuration.timeouts.linger = .milliseconds(500)
        return HTTPServer(configuration: configuration, logger: silent, responder: Closure(body: responder))
    }

    private static let get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

    @Test("TCP and unix sockets are served together; a stale socket file is replaced, and removed at the end")
    func severalListeners() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/socket"
        let stale = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8) + [0]) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(stale, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0)
        close(stale)

        let server = Self.server([
            .tcp(host: "127.0.0.1", port: 0), .unix(path: path), .tcp(host: "localhost", port: 0),
        ])
        let addresses = try await server.start()
        #expect(addresses.count == 3)
        #expect(addresses[1] == .unix(path: path))
        let local = try Client(path: path)
        try await local.send(Self.get)
        #expect(try await local.answer().text == "unix")
        guard case .tcp(_, let port) = addresses[0] else { throw Client.Failure(what: "no TCP address") }
        let client = try Client(port: port)
        try await client.send(Self.get)
        #expect(try await client.answer().text.hasPrefix("127.0.0.1:"))
        await #expect(throws: HTTPServer.StartError.alreadyStarted) { try await server.start() }
        await server.shutdown(drain: .seconds(1))
        #expect(access(path, F_OK) != 0)
    }

    @Test("A file that is no socket is left alone")
    func notASocket() async throws {
        let directory = try TemporaryDirectory()
        let path = try directory.file("precious", [1, 2, 3])
        let server = Self.server([.unix(path: path)])
        await #expect(throws: HTTPServer.StartError.notASocket(path: path)) { try await server.start() }
        #expect(access(path, F_OK) == 0)
    }

    @Test("A port in use keeps the server from starting")
    func portInUse() async throws {
        let first = Self.server([.tcp(host: "127.0.0.1", port: 0)])
        let addresses = try await first.start()
        let second = Self.server(addresses)
        await #expect(throws: (any Error).self) { try await second.start() }
        await first.shutdown(drain: .zero)
    }

    @Test("A drain closes idle connections, lets running exchanges finish, and accepts nothing new")
    func drain() async throws {
        let started = Shared(false)
        let go = Shared(false)
        let server = Self.server([.tcp(host: "127.0.0.1", port: 0)]) { request in
            guard request.target == "/slow" else { return .text("quick") }
            started.value = true
            while !go.value { try? await Task.sleep(for: .milliseconds(5)) }
            return .text("done \(Task.isCancelled)")
        }
        guard case .tcp(_, let port)? = try await server.start().first else { throw Client.Failure(what: "address") }
        let idle = try Client(port: port)
        try await idle.send(Self.get)
        _ = try await idle.answer()
        let busy = try Client(port: port)
        try await busy.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        try await eventually { started.value }
        let ended = Shared(false)
        let shutdown = Task {
            await server.shutdown(drain: .seconds(20))
            ended.value = true
        }
        #expect(try await idle.isClosed())
        #expect(throws: Client.Failure.self) { _ = try Client(port: port) }
        #expect(!ended.value)
        go.value = true
        let answer = try await busy.answer()
        #expect(answer.text == "done false")
        #expect(answer["connection"] == "close")
        #expect(try await busy.isClosed())
        await shutdown.value
    }

    @Test("After the drain the rest is cut and its tasks are cancelled")
    func drainEnds() async throws {
        let started = Shared(false)
        let cancelled = Shared(false)
        let server = Self.server([.tcp(host: "127.0.0.1", port: 0)]) { _ in
            started.value = true
            try? await Task.sleep(for: .seconds(30))
            cancelled.value = Task.isCancelled
            return .text("late")
        }
        guard case .tcp(_, let port)? = try await server.start().first else { throw Client.Failure(what: "address") }
        let client = try Client(port: port)
        try await client.send(Self.get)
        try await eventually { started.value }
        let start = ContinuousClock.now
        await server.shutdown(drain: .milliseconds(100))
        #expect(ContinuousClock.now - start < .seconds(5))
        #expect(cancelled.value)
        #expect(try await client.isClosed())
    }

    @Test("A drain tells HTTP/2 clients to go away and lets their streams finish")
    func drainHTTP2() async throws {
        let started = Shared(false)
        let go = Shared(false)
        var configuration = HTTPServerConfiguration(h2c: true, eventLoopThreads: 1)
        configuration.timeouts.linger = .milliseconds(500)
        let server = HTTPServer(
            configuration: configuration, logger: silent,
            responder: Closure { _ in
                started.value = true
                while !go.value { try? await Task.sleep(for: .milliseconds(5)) }
                return .text("done")
            })
        guard case .tcp(_, let port)? = try await server.start().first else { throw Client.Failure(what: "address") }
        let client = try Client(port: port)
        try await client.send(RawHTTP2.preface + RawHTTP2.get("/", stream: 1))
        try await eventually { started.value }
        let shutdown = Task { await server.shutdown(drain: .seconds(20)) }
        try await Self.expectFrame(7, client)
        go.value = true
        try await RawHTTP2.expectData("done", client)
        // A client that is told to go away goes.
        client.shutdownWrite()
        await shutdown.value
    }

    @Test("A socket that another server listens on is left to it")
    func liveSocket() async throws {
        let directory = try TemporaryDirectory()
        let path = directory.path + "/socket"
        let first = Self.server([.unix(path: path)]) { _ in .text("first") }
        _ = try await first.start()
        let second = Self.server([.unix(path: path)]) { _ in .text("second") }
        await #expect(throws: HTTPServer.StartError.socketInUse(path: path)) { try await second.start() }
        await second.shutdown(drain: .zero)
        let client = try Client(path: path)
        try await client.send(Self.get)
        #expect(try await client.answer().text == "first")

        // A socket that has taken the place of ours is not ours to remove.
        unlink(path)
        let third = Self.server([.unix(path: path)]) { _ in .text("third") }
        _ = try await third.start()
        await first.shutdown(drain: .zero)
        let other = try Client(path: path)
        try await other.send(Self.get)
        #expect(try await other.answer().text == "third")
        await third.shutdown(drain: .zero)
        #expect(access(path, F_OK) != 0)
        withExtendedLifetime(directory) {}
    }

    @Test("What keeps a server from starting is said in a person's words")
    func startErrors() async throws {
        let first = Self.server([.tcp(host: "127.0.0.1", port: 0)]) { _ in .text("") }
        guard case .tcp(_, let port)? = try await first.start().first else { throw Client.Failure(what: "address") }
        let cases: [(HTTPServerConfiguration.Address, String)] = [
            (.tcp(host: "127.0.0.1", port: port), "can't listen on 127.0.0.1:\(port): address already in use"),
            (.unix(path: "/nonexistent/s"), "can't listen on unix:/nonexistent/s: no such file or directory"),
        ]
        for (address, text) in cases {
            let server = Self.server([address]) { _ in .text("") }
            let error = await #expect(throws: HTTPServer.StartError.self) { try await server.start() }
            #expect(error.map { "\($0)" } == text)
        }
        let unknown = Self.server([.tcp(host: "host.invalid", port: 1)]) { _ in .text("") }
        let error = await #expect(throws: HTTPServer.StartError.self) { try await unknown.start() }
        #expect(error.map { "\($0)" }?.hasPrefix("can't listen on host.invalid:1: the host is unknown") == true)
        await first.shutdown(drain: .zero)
    }

    private static func expectFrame(_ type: UInt8, _ client: Client) async throws {
        while true {
            let head = try await client.bytes(9)
            _ = try await client.bytes(Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2]))
            if head[3] == type { return }
        }
    }
}
