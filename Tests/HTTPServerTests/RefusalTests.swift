import HTTPServer
import NIOHTTP1
import Testing

@Suite("Requests that are refused")
struct RefusalTests {
    private static let ok: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
        _ = try? await request.collected()
        return .text("ok")
    }

    struct Malformed: CustomTestStringConvertible, Sendable {
        let name: String
        let request: String
        let status: Int
        var testDescription: String { name }
    }

    static let malformed: [Malformed] = [
        Malformed(name: "no HTTP at all", request: "hello\r\n\r\n", status: 400),
        Malformed(name: "binary", request: "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", status: 400),
        Malformed(name: "unknown method", request: "FROB / HTTP/1.1\r\nHost: x\r\n\r\n", status: 400),
        Malformed(name: "version 3", request: "GET / HTTP/3.0\r\nHost: x\r\n\r\n", status: 505),
        Malformed(name: "version 2", request: "GET / HTTP/2.0\r\nHost: x\r\n\r\n", status: 505),
        Malformed(name: "no host", request: "GET / HTTP/1.1\r\n\r\n", status: 400),
        Malformed(name: "two hosts", request: "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", status: 400),
        Malformed(
            name: "length and chunked",
            request: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            status: 400),
        Malformed(
            name: "chunked and length",
            request: "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
            status: 400),
        Malformed(
            name: "two lengths",
            request: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd", status: 400),
        Malformed(
            name: "length list", request: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3, 3\r\n\r\nabc", status: 400),
        Malformed(
            name: "negative length", request: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n", status: 400),
        Malformed(
            name: "signed length", request: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc", status: 400),
        Malformed(
            name: "huge length",
            request: "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n", status: 400),
        Malformed(
            name: "other coding", request: "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n", status: 501),
        Malformed(
            name: "two codings",
            request: "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", status: 501),
        Malformed(
            name: "chunked in 1.0", request: "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            status: 400),
        Malformed(name: "space before colon", request: "GET / HTTP/1.1\r\nHost : x\r\n\r\n", status: 400),
        Malformed(name: "empty field name", request: "GET / HTTP/1.1\r\nHost: x\r\n: y\r\n\r\n", status: 400),
        Malformed(name: "folded field", request: "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n", status: 400),
        Malformed(name: "bare CR", request: "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n", status: 400),
        Malformed(name: "NUL in a field", request: "GET / HTTP/1.1\r\nHost: x\r\nA: b\u{0}c\r\n\r\n", status: 400),
        Malformed(name: "HTTP/2 preface", request: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", status: 505),
    ]

    @Test("Malformed requests are answered once and the connection ends", arguments: malformed)
    func malformedRequests(_ sample: Malformed) async throws {
        try await withServer(answering: Self.ok) { port in
            let client = try Client(port: port)
            try await client.send(sample.request)
            let answer = try await client.answer()
            #expect(answer.status == sample.status || (sample.status == 505 && answer.status == 400))
            #expect(answer["connection"] == "close")
            client.shutdownWrite()
            #expect(try await client.rest().isEmpty)
        }
    }

    @Test("What came before a malformed request is answered first")
    func orderOfRefusal() async throws {
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            try? await Task.sleep(for: .milliseconds(20))
            return .text(request.target)
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            try await client.send(
                "GET /1 HTTP/1.1\r\nHost: x\r\n\r\nGET /2 HTTP/1.1\r\nHost: x\r\n\r\nnonsense\r\n\r\n")
            #expect(try await client.answer().text == "/1")
            #expect(try await client.answer().text == "/2")
            #expect(try await client.answer().status == 400)
        }
    }

    @Test("A chunk that is malformed fails the body and ends the connection")
    func malformedChunk() async throws {
        let failure = Shared<HTTPRequestBodyError?>(nil)
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            do {
                _ = try await request.collected()
                return .text("ok")
            } catch {
                failure.value = error as? HTTPRequestBodyError
                return HTTPResponse(status: .badRequest)
            }
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            try await client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nzz\r\n")
            let answer = try await client.answer()
            #expect(answer.status == 400)
            #expect(answer["connection"] == "close")
            #expect(failure.value == .malformed)
            client.shutdownWrite()
            #expect(try await client.isClosed())
        }
    }

    static let oversized: [(String, String, Int)] = [
        ("target", "GET /\(String(repeating: "a", count: 3000)) HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        ("endless target", "GET /\(String(repeating: "a", count: 9000))", 414),
        ("field", "GET / HTTP/1.1\r\nHost: x\r\nA: \(String(repeating: "a", count: 5000))\r\n\r\n", 431),
        ("endless field", "GET / HTTP/1.1\r\nHost: x\r\nAbc: \(String(repeating: "a", count: 9000))", 431),
        ("large field", "GET / HTTP/1.1\r\nHost: x\r\nAbc: \(String(repeating: "a", count: 100_000))\r\n\r\n", 431),
        ("large target", "GET /\(String(repeating: "a", count: 100_000)) HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (
            "fields together",
            "GET / HTTP/1.1\r\nHost: x\r\n\((0..<9).map { "F\($0): \(String(repeating: "a", count: 900))\r\n" }.joined())\r\n",
            431
        ),
        ("field count", "GET / HTTP/1.1\r\nHost: x\r\n\((0..<20).map { "F\($0): a\r\n" }.joined())\r\n", 431),
    ]

    @Test("Heads beyond the limits are answered 414 or 431", arguments: oversized)
    func oversizedHeads(name: String, request: String, status: Int) async throws {
        try await withServer(
            { configuration in
                configuration.limits.headerBytes = 4096
                configuration.limits.targetBytes = 2048
                configuration.limits.headerCount = 20
            }, answering: Self.ok
        ) { port in
            let client = try Client(port: port)
            // In pieces: the parser sees a long line come.
            let bytes = Array(request.utf8)
            try await client.send(Array(bytes.prefix(1000)))
            try await Task.sleep(for: .milliseconds(10))
            _ = try await client.trySend(Array(bytes.dropFirst(1000)))
            let answer = try await client.answer()
            #expect(answer.status == status, "\(name)")
            #expect(answer["connection"] == "close")
        }
    }

    private static let chunked = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"

    static let overheads: [(String, String)] = [
        ("trailers", "3\r\nabc\r\n0\r\n" + (0..<150).map { "T\($0): a\r\n" }.joined() + "\r\n"),
        ("one extension", "3;a=" + String(repeating: "x", count: 500_000) + "\r\nabc\r\n0\r\n\r\n"),
        ("extensions", String(repeating: "1;a=" + String(repeating: "x", count: 2000) + "\r\na\r\n", count: 200)),
    ]

    @Test("Trailers and extensions of chunks are bounded; what comes behind them is dropped", arguments: overheads)
    func overhead(name: String, body: String) async throws {
        try await withServer(answering: Self.ok) { port in
            let client = try Client(port: port)
            try await client.send(Self.chunked)
            let piece = 60_000
            var rest = Array(body.utf8)[...]
            while !rest.isEmpty {
                guard try await client.trySend(Array(rest.prefix(piece))) == min(piece, rest.count) else { break }
                rest = rest.dropFirst(piece)
                try await Task.sleep(for: .milliseconds(5))
            }
            let answer = try await client.answer()
            #expect(answer.status == 431, "\(name)")
            #expect(answer["connection"] == "close")
        }
    }

    @Test("Small chunks are no overhead")
    func smallChunks() async throws {
        try await withServer(answering: { .text("\((try? await $0.collected())?.count ?? -1)") }) { port in
            let client = try Client(port: port)
            try await client.send(Self.chunked)
            for _ in 0..<20 {
                try await client.send(String(repeating: "1\r\na\r\n", count: 10_000))
                try await Task.sleep(for: .milliseconds(2))
            }
            try await client.send("0\r\n\r\n")
            #expect(try await client.answer().text == "200000")
        }
    }

    static let closing: [String] = [
        "Upgrade: foo\r\nConnection: keep-alive, upgrade", "Connection: keep-alive, upgrade\r\nUpgrade: foo",
        "Connection: close\r\nConnection: keep-alive", "Connection: keep-alive\r\nConnection: close",
    ]

    @Test("What ends a connection does so wherever it stands", arguments: closing)
    func closingFields(fields: String) async throws {
        try await withServer(answering: Self.ok) { port in
            let client = try Client(port: port)
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\(fields)\r\n\r\n")
            let answer = try await client.answer()
            #expect(answer.status == 200)
            #expect(answer["connection"] == "close")
            #expect(try await client.isClosed())
        }
    }

    /// Answers refusals with a text.
    private struct Wordy: HTTPResponder {
        func respond(to request: HTTPRequest) async -> HTTPResponse { .text("ok") }
        func refusal(_ status: HTTPResponseStatus) -> HTTPResponse {
            var response = HTTPResponse.text("refused \(status.code)")
            response.status = status
            return response
        }
    }

    @Test("The responder words refusals, and the observer sees them")
    func refusalBody() async throws {
        let seen = Shared<[String]>([])
        let server = HTTPServer(
            configuration: HTTPServerConfiguration(h2c: true, eventLoopThreads: 1), logger: silent, responder: Wordy(),
            onExchange: { exchange in
                seen.update { $0.append("\(exchange.method.rawValue) \(exchange.target) \(exchange.status.code)") }
            })
        guard case .tcp(_, let port)? = try await server.start().first else { throw Client.Failure(what: "address") }
        for (request, status) in [("nonsense\r\n\r\n", 400), ("HEAD /x HTTP/1.1\r\n\r\n", 400)] {
            let client = try Client(port: port)
            try await client.send(request)
            let answer = try await client.answer(toHead: request.hasPrefix("HEAD"))
            #expect(answer.status == status)
            #expect(answer["content-length"] == "11")
            #expect(answer.text == (request.hasPrefix("HEAD") ? "" : "refused 400"))
        }
        let client = try await HTTP2Client(port: port)
        try await client.head(1, [(":method", "CONNECT"), (":authority", "x:1")], ends: true)
        #expect(try await client.outcome(of: 1).body == "refused 501")
        #expect(seen.value == ["- - 400", "HEAD /x 400", "- - 501"])
        await server.shutdown(drain: .zero)
    }

    @Test("A connection too many gets the responder's words")
    func connectionLimitBody() async throws {
        var configuration = HTTPServerConfiguration(eventLoopThreads: 1)
        configuration.limits.connections = 1
        let server = HTTPServer(configuration: configuration, logger: silent, responder: Wordy())
        guard case .tcp(_, let port)? = try await server.start().first else { throw Client.Failure(what: "address") }
        let first = try Client(port: port)
        try await first.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(try await first.answer().status == 200)
        let second = try await Client(port: port).answer()
        #expect(second.status == 503)
        #expect(second.text == "refused 503")
        await server.shutdown(drain: .zero)
    }

    @Test("Heads at the limits are served")
    func headsAtTheLimit() async throws {
        try await withServer(
            { configuration in
                configuration.limits.headerBytes = 4096
                configuration.limits.targetBytes = 2048
                configuration.limits.headerCount = 20
            }, answering: Self.ok
        ) { port in
            let client = try Client(port: port)
            let fields = (0..<18).map { "F\($0): a\r\n" }.joined()
            let target = "/" + String(repeating: "a", count: 2047)
            try await client.send("GET \(target) HTTP/1.1\r\nHost: x\r\n\(fields)\r\n")
            #expect(try await client.answer().status == 200)
        }
    }

    @Test("A connection too many is answered 503; a freed place is given again")
    func connectionLimit() async throws {
        let seen = Shared<[String]>([])
        try await withServer(
            { $0.limits.connections = 2 },
            onExchange: { exchange in seen.update { $0.append("\(exchange.target) \(exchange.status.code)") } },
            answering: Self.ok
        ) { port in
            var clients = [try Client(port: port), try Client(port: port)]
            for client in clients {
                try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                #expect(try await client.answer().status == 200)
            }
            let third = try Client(port: port)
            let answer = try await third.answer()
            #expect(answer.status == 503)
            #expect(answer["connection"] == "close")
            #expect(answer["retry-after"] == "1")
            #expect(try await third.isClosed())
            #expect(seen.value == ["/ 200", "/ 200", "- 503"])
            clients.removeLast()
            try await eventually("a free place") {
                let next = try Client(port: port)
                _ = try? await next.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                return (try? await next.answer().status) == 200
            }
        }
    }
}
