import HTTPServer
import NIOCore
import NIOHTTP1
import Testing

@Suite("TLS and HTTP/2")
struct TLSAndHTTP2Tests {
    private static let size = 3 << 20

    /// Answers with what was asked for in all the ways there are.
    private static func responder(_ path: String) -> @Sendable (HTTPRequest) async -> HTTPResponse {
        { request in
            switch request.target {
            case "/file":
                guard let file = try? OpenFile(path) else { return HTTPResponse(status: .notFound) }
                return HTTPResponse(status: .ok, body: file.body(length: UInt64(size)))
            case "/short":
                guard let file = try? OpenFile(path) else { return HTTPResponse(status: .notFound) }
                return HTTPResponse(status: .ok, body: file.body(length: UInt64(size + 1)))
            case "/early":
                return HTTPResponse(status: .unauthorized, body: .bytes(ByteBuffer(string: "no")))
            case "/echo":
                let body = (try? await request.collected()) ?? []
                return HTTPResponse(status: .ok, body: .bytes(ByteBuffer(bytes: body)))
            default:
                return .text(
                    "\(request.version) \(request.isSecure) \(request.method) \(request.headers["host"].count)")
            }
        }
    }

    enum Mode: String, CaseIterable, Sendable {
        case http1 = "--http1.1"
        case http2 = "--http2"
        case h2c = "--http2-prior-knowledge"

        var version: String { self == .http1 ? "HTTP/1.1" : "HTTP/2.0" }
        var scheme: String { self == .h2c ? "http" : "https" }
    }

    private static func withCurl(
        _ mode: Mode,
        _ test: (
            _ curl: ([String]) async throws -> (status: Int32, output: String), _ base: String,
            _ directory: TemporaryDirectory
        ) async throws -> Void
    ) async throws {
        let certificate = try await Certificate()
        let path = try certificate.directory.file("blob", pattern(size))
        try await withServer(
            { configuration in
                if mode == .h2c {
                    configuration.h2c = true
                } else {
                    configuration.tls = .init(
                        certificateFile: certificate.certificate, privateKeyFile: certificate.key,
                        minimumVersion: .tls13)
                }
            }, answering: responder(path)
        ) { port in
            let curl = { (arguments: [String]) in
                try await run(["curl", "-sS", "-k", "--max-time", "20", mode.rawValue] + arguments)
            }
            try await test(curl, "\(mode.scheme)://127.0.0.1:\(port)", certificate.directory)
        }
    }

    @Test("Requests, HEAD, and several on one connection", arguments: Mode.allCases)
    func requests(mode: Mode) async throws {
        try await Self.withCurl(mode) { curl, base, _ in
            let secure = mode != .h2c
            let line = "\(mode.version) \(secure) GET 1"
            // curl 7.88 cannot reuse a connection that began with prior knowledge.
            let targets = secure ? [base + "/a", base + "/b"] : [base + "/a"]
            let get = try await curl(targets + ["-w", "|%{num_connects}|"])
            #expect(get.output == (secure ? "\(line)|1|\(line)|0|" : "\(line)|1|"))
            let head = try await curl(["-I", base + "/a"])
            #expect(head.output.lowercased().contains("content-length:"))
            #expect(head.output.lowercased().contains("date:"))
            #expect(head.status == 0)
        }
    }

    @Test("Files and uploads come whole", arguments: Mode.allCases)
    func bodies(mode: Mode) async throws {
        try await Self.withCurl(mode) { curl, base, directory in
            let download = try await curl(["-o", "\(directory.path)/down", base + "/file"])
            #expect(download.status == 0, "\(download.output)")
            #expect(try await run(["cmp", "\(directory.path)/blob", "\(directory.path)/down"]).status == 0)
            for expect in ["Expect: 100-continue", "Expect:"] {
                let echo = try await curl([
                    "-H", expect, "-T", "\(directory.path)/blob", "-o", "\(directory.path)/echo", base + "/echo",
                ])
                #expect(echo.status == 0, "\(echo.output)")
                #expect(try await run(["cmp", "\(directory.path)/blob", "\(directory.path)/echo"]).status == 0)
            }
        }
    }

    @Test("An early answer is seen by a client that is uploading", arguments: Mode.allCases)
    func earlyAnswer(mode: Mode) async throws {
        try await Self.withCurl(mode) { curl, base, directory in
            let early = try await curl([
                "-H", "Expect:", "-T", "\(directory.path)/blob", "-w", "%{http_code}", base + "/early",
            ])
            #expect(early.output.hasPrefix("no401"), "\(early.output)")
        }
    }

    @Test("An answer that cannot be completed is an error for the client", arguments: Mode.allCases)
    func shortFile(mode: Mode) async throws {
        try await Self.withCurl(mode) { curl, base, directory in
            let short = try await curl(["-o", "\(directory.path)/down", base + "/short"])
            #expect(short.status != 0)
            let next = try await curl([base + "/a"])
            #expect(next.status == 0)
        }
    }

    @Test("A clear-text port with HTTP/2 enabled serves HTTP/1 too, however the bytes are cut")
    func prefaceSniffing() async throws {
        try await withServer({ $0.h2c = true }, answering: { .text($0.target) }) { port in
            let client = try Client(port: port)
            for piece in ["P", "UT ", "/x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"] {
                try await client.send(piece)
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(try await client.answer().text == "/x")
            try await client.send("GET /y HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try await client.answer().text == "/y")
        }
    }

    @Test("Without HTTP/2 a TLS listener negotiates HTTP/1.1; an old protocol version is refused")
    func negotiation() async throws {
        let certificate = try await Certificate()
        try await withServer(
            { configuration in
                configuration.http2 = false
                configuration.tls = .init(
                    certificateFile: certificate.certificate, privateKeyFile: certificate.key, minimumVersion: .tls13)
            }, answering: { .text("\($0.version)") }
        ) { port in
            let url = "https://127.0.0.1:\(port)/"
            let current = try await run(["curl", "-sS", "-k", "--http2", url])
            #expect(current.output == "HTTP/1.1")
            let old = try await run(["curl", "-sS", "-k", "--tls-max", "1.2", url])
            #expect(old.status != 0)
        }
    }

    @Test("A certificate that is not there keeps the server from starting")
    func missingCertificate() async throws {
        var configuration = HTTPServerConfiguration(eventLoopThreads: 1)
        configuration.tls = .init(certificateFile: "/nonexistent/c.pem", privateKeyFile: "/nonexistent/k.pem")
        let server = HTTPServer(configuration: configuration, logger: silent, responder: Closure { _ in .text("") })
        let error = await #expect(throws: HTTPServer.StartError.self) { try await server.start() }
        #expect(error.map { "\($0)" } == "can't use /nonexistent/c.pem: no such file or directory")
        await server.shutdown(drain: .zero)
    }

    @Test("Header limits hold for HTTP/2 too")
    func headerLimits() async throws {
        try await withServer({ $0.h2c = true }, answering: { _ in .text("ok") }) { port in
            let base = ["curl", "-sS", "--http2-prior-knowledge", "-w", "%{http_code}", "http://127.0.0.1:\(port)/"]
            let many = (0..<120).flatMap { ["-H", "X-\($0): a"] }
            let tooMany = try await run(base + many)
            #expect(tooMany.output == "431")
            let fine = try await run(base + many.prefix(160))
            #expect(fine.output == "ok200")
            let large = (0..<8).flatMap { ["-H", "X-\($0): \(String(repeating: "a", count: 8000))"] }
            let tooLarge = try await run(base + large)
            #expect(!tooLarge.output.contains("200"))
        }
    }

    @Test("A stream that the client resets cancels its task; the connection serves others")
    func streamReset() async throws {
        let cancelled = Shared(false)
        let started = Shared(false)
        try await withServer(
            { $0.h2c = true },
            answering: { request in
                guard request.target == "/slow" else { return .text("quick") }
                started.value = true
                try? await Task.sleep(for: .seconds(30))
                cancelled.value = Task.isCancelled
                return .text("late")
            }
        ) { port in
            let client = try Client(port: port)
            try await client.send(RawHTTP2.preface + RawHTTP2.get("/slow", stream: 1))
            try await eventually { started.value }
            try await client.send(RawHTTP2.reset(stream: 1))
            try await eventually { cancelled.value }
            try await client.send(RawHTTP2.get("/quick", stream: 3))
            try await RawHTTP2.expectData("quick", client)
        }
    }

    @Test("A client that floods with resets is disconnected")
    func resetFlood() async throws {
        try await withServer(
            { configuration in
                configuration.h2c = true
                configuration.limits.streamResets = 20
            },
            answering: { _ in
                try? await Task.sleep(for: .seconds(30))
                return .text("late")
            }
        ) { port in
            let client = try Client(port: port)
            var bytes = RawHTTP2.preface
            for number in 0..<200 {
                let stream = UInt32(number * 2 + 1)
                bytes += RawHTTP2.get("/", stream: stream) + RawHTTP2.reset(stream: stream)
            }
            _ = try await client.trySend(bytes)
            _ = try? await client.rest()
            try await eventually { try await client.trySend(RawHTTP2.get("/", stream: 1001)) <= 0 }
        }
    }
}

/// Frames of HTTP/2, by hand.
enum RawHTTP2 {
    /// Preface and empty settings.
    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + frame(type: 4, flags: 0, stream: 0, [])

    static func frame(type: UInt8, flags: UInt8, stream: UInt32, _ payload: [UInt8]) -> [UInt8] {
        let count = UInt32(payload.count)
        let length = [
            UInt8(truncatingIfNeeded: count >> 16), UInt8(truncatingIfNeeded: count >> 8),
            UInt8(truncatingIfNeeded: count),
        ]
        let id = (0..<4).map { UInt8(truncatingIfNeeded: stream >> (24 - 8 * UInt32($0))) }
        return length + [type, flags] + id + payload
    }

    /// A GET that ends its stream. Static-table fields, literals without Huffman.
    static func get(_ path: String, stream: UInt32) -> [UInt8] {
        let fields: [UInt8] = [0x82, 0x86, 0x04, UInt8(path.utf8.count)] + Array(path.utf8) + [0x01, 0x01, 0x78]
        return frame(type: 1, flags: 5, stream: stream, fields)
    }

    static func reset(stream: UInt32) -> [UInt8] {
        frame(type: 3, flags: 0, stream: stream, [0, 0, 0, 8])
    }

    /// Reads frames until one carries this text.
    static func expectData(_ text: String, _ client: Client) async throws {
        while true {
            let head = try await client.bytes(9)
            let count = Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2])
            let payload = try await client.bytes(count)
            if head[3] == 0, String(decoding: payload, as: UTF8.self) == text { return }
        }
    }
}
