import HTTPServer
import NIOCore
import NIOHTTP1
import Testing

@Suite("What goes wrong on an HTTP/2 connection")
struct HTTP2ErrorTests {
    private static let echo: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
        let body = (try? await request.collected()) ?? []
        let host = request.headers["host"].joined(separator: "|")
        return .text("\(host) \(String(decoding: body, as: UTF8.self))")
    }

    private static func withClient(
        _ test: (HTTP2Client) async throws -> Void
    ) async throws {
        try await withServer({ $0.h2c = true }, answering: echo) { port in
            try await test(HTTP2Client(port: port))
        }
    }

    /// Heads that are an error of their stream alone (RFC 9113 §8.1.1).
    static let malformed: [(String, [(String, String)])] = [
        ("upper case", [("Xx", "a")]),
        ("a line break in a value", [("x", "a\r\nb: c")]),
        ("a connection field", [("connection", "close")]),
        ("another length than announced", [("content-length", "5")]),
        ("a pseudo-field after others", [("x", "a"), (":method", "GET")]),
    ]

    @Test("A malformed stream is reset; others of its connection go on", arguments: malformed)
    func malformedStream(name: String, fields: [(String, String)]) async throws {
        try await Self.withClient { client in
            try await client.head(1, HTTP2Client.request("POST", "/"), ends: false)
            try await client.data(1, Array("hel".utf8), ends: false)
            try await client.head(3, HTTP2Client.request("GET", "/") + fields, ends: true)
            #expect(try await client.outcome(of: 3).reset != nil)
            try await client.data(1, Array("lo".utf8), ends: true)
            let outcome = try await client.outcome(of: 1)
            #expect(outcome.status == 200)
            #expect(outcome.body == "x hello")
            try await client.head(5, HTTP2Client.request("GET", "/"), ends: true)
            #expect(try await client.outcome(of: 5).status == 200)
        }
    }

    @Test(
        "A client that is uploading has time to take note of an early answer before its stream is reset",
        arguments: [true, false])
    func earlyAnswer(ends: Bool) async throws {
        try await withServer({ configuration in
            configuration.h2c = true
            configuration.timeouts.linger = ends ? .seconds(60) : .milliseconds(200)
        }) { _ in
            HTTPResponse(status: .unauthorized, body: .bytes(ByteBuffer(string: "no")))
        } test: { port in
            let client = try await HTTP2Client(port: port)
            try await client.ping()
            try await client.head(1, HTTP2Client.request("POST", "/"), ends: false)
            // More than the server reads to keep a connection.
            for _ in 0..<40 { try await client.data(1, [UInt8](repeating: 0x61, count: 16_384), ends: false) }
            let answer = try await client.outcome(of: 1)
            #expect(answer.status == 401 && answer.body == "no")
            if ends {
                try await client.ping()
                #expect(client.seen(of: 1).reset == nil)
                try await client.data(1, [], ends: true)
                try await client.ping()
                #expect(client.seen(of: 1).reset == nil)
            } else {
                try await eventually("the reset") {
                    try await client.ping()
                    return client.seen(of: 1).reset == 0
                }
            }
        }
    }

    @Test("An error of the connection ends it, streams included")
    func connectionError() async throws {
        try await Self.withClient { client in
            try await client.head(1, HTTP2Client.request("POST", "/"), ends: false)
            // DATA on stream 0.
            try await client.data(0, [1, 2, 3], ends: false)
            _ = try await client.client.rest()
        }
    }

    @Test("A request may name its host in `Host` alone")
    func hostOnly() async throws {
        try await Self.withClient { client in
            try await client.head(
                1, HTTP2Client.request("GET", "/", authority: nil) + [("host", "registry.test")], ends: true)
            let outcome = try await client.outcome(of: 1)
            #expect(outcome.status == 200)
            #expect(outcome.body == "registry.test ")
        }
    }

    /// Heads that NIO takes and that make no request.
    static let refused: [([(String, String)], Int)] = [
        (HTTP2Client.request("GET", "/", authority: nil), 400),
        ([(":method", "CONNECT"), (":authority", "x:1")], 501),
        (HTTP2Client.request("GET", "/a b"), 400),
        (HTTP2Client.request("G T", "/"), 400),
    ]

    @Test("A head that makes no request is answered, and the connection goes on", arguments: refused)
    func refusedHead(fields: [(String, String)], status: Int) async throws {
        try await Self.withClient { client in
            for (stream, ends) in [(UInt32(1), true), (3, false)] {
                try await client.head(stream, fields, ends: ends)
                let outcome = try await client.outcome(of: stream)
                #expect(outcome.status == status || (outcome.status == 0 && outcome.reset != nil))
            }
            try await client.head(5, HTTP2Client.request("GET", "/"), ends: true)
            #expect(try await client.outcome(of: 5).status == 200)
        }
    }
}
