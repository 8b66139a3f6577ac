import HTTPServer
import NIOCore
import NIOHTTP1
import Testing

@Suite("Time-outs", .serialized)
struct TimeoutTests {
    private static func short(_ configuration: inout HTTPServerConfiguration) {
        configuration.timeouts.header = .milliseconds(1500)
        configuration.timeouts.keepAlive = .milliseconds(1500)
        configuration.timeouts.bodyStall = .milliseconds(1500)
        configuration.timeouts.writeStall = .milliseconds(1500)
        configuration.timeouts.linger = .milliseconds(1500)
    }

    @Test("A head that trickles in is answered 408")
    func slowLoris() async throws {
        try await withServer(Self.short, answering: { _ in .text("ok") }) { port in
            let client = try Client(port: port)
            try await client.send("GET / HTTP/1.1\r\n")
            let trickle = Task {
                while !Task.isCancelled {
                    _ = try? await client.trySend(Array("A: b\r\n".utf8))
                    try? await Task.sleep(for: .milliseconds(40))
                }
            }
            let start = ContinuousClock.now
            #expect(try await client.answer().status == 408)
            trickle.cancel()
            #expect(ContinuousClock.now - start < .seconds(5))
        }
    }

    @Test("A connection that never says anything is closed")
    func silence() async throws {
        try await withServer(Self.short, answering: { _ in .text("ok") }) { port in
            let client = try Client(port: port)
            #expect(try await client.isClosed())
        }
    }

    @Test("An idle connection is closed, one in use is not")
    func idle() async throws {
        try await withServer(Self.short, answering: { _ in .text("ok") }) { port in
            let client = try Client(port: port)
            for _ in 0..<20 {
                try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try await client.answer().status == 200)
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(try await client.isClosed())
        }
    }

    @Test("A responder may take longer than every time-out")
    func slowResponder() async throws {
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            try? await Task.sleep(for: .milliseconds(3500))
            return .text("late")
        }
        try await withServer(Self.short, answering: responder) { port in
            let client = try Client(port: port)
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.answer().text == "late")
        }
    }

    @Test("A body that stalls fails, one that trickles does not")
    func stalledBody() async throws {
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            do {
                return .text("\(try await request.collected().count)")
            } catch {
                return HTTPResponse(
                    status: error as? HTTPRequestBodyError == .stalled ? .requestTimeout : .internalServerError)
            }
        }
        try await withServer(Self.short, answering: responder) { port in
            let trickling = try Client(port: port)
            try await trickling.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n")
            for _ in 0..<20 {
                try await trickling.send("x")
                try await Task.sleep(for: .milliseconds(80))
            }
            #expect(try await trickling.answer().text == "20")

            let stalling = try Client(port: port)
            try await stalling.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc")
            let answer = try await stalling.answer()
            #expect(answer.status == 408)
            #expect(answer["connection"] == "close")
        }
    }

    @Test("A busy HTTP/2 connection is kept, an idle one is told to go and closed")
    func idleHTTP2() async throws {
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            try? await Task.sleep(for: .milliseconds(3500))
            return .text("late")
        }
        try await withServer(
            { configuration in
                Self.short(&configuration)
                configuration.h2c = true
            }, answering: responder
        ) { port in
            let client = try Client(port: port)
            try await client.send(RawHTTP2.preface + RawHTTP2.get("/", stream: 1))
            try await RawHTTP2.expectData("late", client)
            // GOAWAY, then the end.
            #expect(try await client.rest().count >= 17)
        }
    }

    @Test("A client that takes nothing is dropped, one that takes little is not")
    func stalledWrite() async throws {
        let seen = Shared<[HTTPExchange]>([])
        let directory = try TemporaryDirectory()
        let path = try directory.file("blob", pattern(8 << 20))
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            guard let file = try? OpenFile(path) else { return HTTPResponse(status: .internalServerError) }
            return HTTPResponse(status: .ok, body: file.body(length: 8 << 20))
        }
        try await withServer(
            Self.short, onExchange: { exchange in seen.update { $0.append(exchange) } }, answering: responder
        ) { port in
            let slow = try Client(port: port, receiveBuffer: 16384)
            try await slow.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            _ = try await slow.head()
            for _ in 0..<20 {
                _ = try await slow.bytes(16384)
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(seen.value.isEmpty)
            try await eventually("the stalled client is dropped") { seen.value.count == 1 }
            #expect(seen.value.first?.isComplete == false)
        }
    }
}
