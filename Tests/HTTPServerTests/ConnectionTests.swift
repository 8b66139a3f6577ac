import HTTPServer
import NIOCore
import NIOHTTP1
import Testing

@Suite("HTTP/1 connections")
struct ConnectionTests {
    private static let echo: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
        let body = (try? await request.collected()) ?? []
        return .text("\(request.method) \(request.target) \(String(decoding: body, as: UTF8.self))")
    }

    @Test("A connection serves one request after the other")
    func keepAlive() async throws {
        try await withServer(answering: Self.echo) { port in
            let client = try Client(port: port)
            for number in 0..<3 {
                try await client.send("GET /\(number) HTTP/1.1\r\nHost: x\r\n\r\n")
                let answer = try await client.answer()
                #expect(answer.status == 200)
                #expect(answer.text == "GET /\(number) ")
                #expect(answer["connection"] == nil)
                #expect(answer["server"] == nil)
                #expect(answer["date"]?.hasSuffix(" GMT") == true)
            }
        }
    }

    @Test("Pipelined requests are answered in order, also when the first takes longest")
    func pipelining() async throws {
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            if request.target == "/0" { try? await Task.sleep(for: .milliseconds(50)) }
            return await Self.echo(request)
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            var burst = ""
            for number in 0..<200 {
                burst +=
                    number % 3 == 1
                    ? "POST /\(number) HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
                    : "GET /\(number) HTTP/1.1\r\nHost: x\r\n\r\n"
            }
            try await client.send(burst)
            for number in 0..<200 {
                let answer = try await client.answer()
                #expect(answer.text == (number % 3 == 1 ? "POST /\(number) abc" : "GET /\(number) "))
            }
        }
    }

    @Test("A client that pipelines and never reads is not served without bound")
    func pipeliningWithoutReading() async throws {
        let served = Shared(0)
        let page = ByteBuffer(repeating: 65, count: 1 << 20)
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            served.update { $0 += 1 }
            return HTTPResponse(status: .ok, body: .bytes(page))
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port, receiveBuffer: 65536)
            let request = Array("GET / HTTP/1.1\r\nHost: x\r\n\r\n".utf8)
            for _ in 0..<100 {
                if try await client.trySend(request) < request.count { break }
            }
            try await eventually { served.value > 0 }
            try await Task.sleep(for: .milliseconds(200))
            #expect(served.value < 20)
        }
    }

    @Test("HTTP/1.0 closes unless the client asks to keep the connection")
    func oldClients() async throws {
        try await withServer(answering: Self.echo) { port in
            let closing = try Client(port: port)
            try await closing.send("GET / HTTP/1.0\r\n\r\n")
            let answer = try await closing.answer()
            #expect(answer["connection"] == "close")
            #expect(answer.text == "GET / ")
            #expect(try await closing.isClosed())

            let keeping = try Client(port: port)
            for _ in 0..<2 {
                try await keeping.send("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
                #expect(try await keeping.answer()["connection"] == "keep-alive")
            }
        }
    }

    @Test("Connection: close of the client or of the responder ends the connection after the answer")
    func closing() async throws {
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            var response = await Self.echo(request)
            if request.target == "/close" { response.headers.add(name: "Connection", value: "close") }
            return response
        }
        try await withServer(answering: responder) { port in
            for head in ["GET / HTTP/1.1\r\nConnection: foo, Close", "GET /close HTTP/1.1"] {
                let client = try Client(port: port)
                try await client.send("\(head)\r\nHost: x\r\n\r\n")
                #expect(try await client.answer()["connection"] == "close")
                #expect(try await client.isClosed())
            }
        }
    }

    @Test("100 Continue is sent when the responder first asks for the body")
    func continues() async throws {
        let asked = Shared(false)
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            try? await Task.sleep(for: .milliseconds(30))
            asked.value = true
            return await Self.echo(request)
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            for _ in 0..<2 {
                asked.value = false
                try await client.send("PUT /u HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
                #expect(try await client.answer().status == 100)
                #expect(asked.value)
                try await client.send("hello")
                #expect(try await client.answer().text == "PUT /u hello")
            }
        }
    }

    @Test("An answer without reading an expected body is final, and the connection closes")
    func refusesExpectedBody() async throws {
        try await withServer(answering: { _ in HTTPResponse(status: .unauthorized) }) { port in
            let client = try Client(port: port)
            try await client.send("PUT /u HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
            let answer = try await client.answer()
            #expect(answer.status == 401)
            #expect(answer["connection"] == "close")
            #expect(try await client.isClosed())
        }
    }

    @Test("Chunked bodies come whole, with extensions and trailers")
    func chunkedRequest() async throws {
        try await withServer(answering: Self.echo) { port in
            let client = try Client(port: port)
            for _ in 0..<2 {
                try await client.send("POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
                try await client.send("3;a=b\r\nabc\r\n")
                try await client.send("0004\r\ndefg\r\n0\r\nX-Trailer: 1\r\n\r\n")
                #expect(try await client.answer().text == "POST /c abcdefg")
            }
        }
    }

    @Test("HEAD has no body and keeps the length of the answer")
    func heads() async throws {
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            switch request.target {
            case "/given": HTTPResponse(status: .ok, headers: ["content-length": "12345"])
            case "/bytes": .text("four")
            default: HTTPResponse(status: .ok)
            }
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            for (target, length) in [("/given", "12345"), ("/bytes", "4"), ("/none", nil)] {
                try await client.send("HEAD \(target) HTTP/1.1\r\nHost: x\r\n\r\n")
                let answer = try await client.answer(toHead: true)
                #expect(answer["content-length"] == length)
                #expect(answer["transfer-encoding"] == nil)
            }
        }
    }

    @Test("204 and 304 have no body, and the connection stays in step")
    func bodiless() async throws {
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            let status: HTTPResponseStatus = request.target == "/204" ? .noContent : .notModified
            return HTTPResponse(status: status, body: .bytes(ByteBuffer(string: "surplus")))
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            for status in [204, 304, 204] {
                try await client.send("GET /\(status) HTTP/1.1\r\nHost: x\r\n\r\n")
                let answer = try await client.answer()
                #expect(answer.status == status)
                #expect(status == 304 || answer["content-length"] == nil)
            }
        }
    }

    @Test("An answer before a small body came keeps the connection")
    func earlyAnswerSmall() async throws {
        try await withServer(answering: { _ in HTTPResponse(status: .notFound) }) { port in
            let client = try Client(port: port)
            try await client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\nbegin")
            let answer = try await client.answer()
            #expect(answer.status == 404)
            #expect(answer["connection"] == nil)
            try await client.send([UInt8](repeating: 65, count: 199_995))
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.answer().status == 404)
        }
    }

    @Test(
        "A client that is sending a large body sees the early answer and no reset",
        arguments: ["Content-Length: 50000000", "Transfer-Encoding: chunked"])
    func earlyAnswerLarge(framing: String) async throws {
        try await withServer(answering: { _ in HTTPResponse(status: .payloadTooLarge) }) { port in
            let client = try Client(port: port)
            try await client.send("PUT / HTTP/1.1\r\nHost: x\r\n\(framing)\r\n\r\n")
            var piece = [UInt8](repeating: 65, count: 1 << 20)
            if framing.hasPrefix("Transfer") { piece = Array("100000\r\n".utf8) + piece + Array("\r\n".utf8) }
            for _ in 0..<5 { _ = try await client.trySend(piece) }
            #expect(try await client.answer().status == 413)
            client.shutdownWrite()
            #expect(try await client.isClosed())
        }
    }

    @Test("Header fields that would split the answer are left out")
    func responseSplitting() async throws {
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { _ in
            var response = HTTPResponse.text("ok")
            response.headers.add(name: "X-Bad", value: "1\r\nX-Evil: 1")
            response.headers.add(name: "X-Bad\r\nX-Evil", value: "1")
            response.headers.add(name: "Content-Length", value: "7")
            response.headers.add(name: "Transfer-Encoding", value: "chunked")
            response.headers.add(name: "X-Good", value: "1")
            return response
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            try await client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            let answer = try await client.answer()
            #expect(answer.text == "ok")
            #expect(answer["x-evil"] == nil)
            #expect(answer["x-bad"] == nil)
            #expect(answer["x-good"] == "1")
            #expect(answer["content-length"] == "2")
        }
    }

    @Test("The request tells its peer, port, version and headers")
    func requestFacts() async throws {
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            .text(
                "\(request.remoteAddress.hasPrefix("127.0.0.1:")) \(request.localPort ?? 0) \(request.isSecure) "
                    + "\(request.version) \(request.headers["x-a"]) \(request.body.isEmpty)")
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            try await client.send("GET /a%2Fb?c HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nx-a: 2\r\n\r\n")
            #expect(try await client.answer().text == "true \(port) false HTTP/1.1 [\"1\", \"2\"] true")
        }
    }

    @Test("The observer sees each exchange once, and those that the client left")
    func observer() async throws {
        let seen = Shared<[HTTPExchange]>([])
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            if request.target == "/slow" { try? await Task.sleep(for: .seconds(20)) }
            return await Self.echo(request)
        }
        try await withServer(onExchange: { exchange in seen.update { $0.append(exchange) } }, answering: responder) {
            port in
            let client = try Client(port: port)
            try await client.send("POST /a HTTP/1.1\r\nHost: x\r\nUser-Agent: t\r\nContent-Length: 3\r\n\r\nabc")
            _ = try await client.answer()
            try await client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            try await Task.sleep(for: .milliseconds(50))
            client.reset()
            try await eventually { seen.value.count == 2 }
            let exchanges = seen.value
            #expect(exchanges[0].status == .ok)
            #expect(exchanges[0].bytesReceived == 3)
            #expect(exchanges[0].bytesSent == 11)
            #expect(exchanges[0].isComplete)
            #expect(exchanges[0].requestHeaders["user-agent"] == ["t"])
            #expect(exchanges[1].target == "/slow")
            #expect(exchanges[1].status.code == 499)
            #expect(!exchanges[1].isComplete)
        }
    }
}
