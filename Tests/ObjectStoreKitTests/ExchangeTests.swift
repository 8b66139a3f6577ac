import Foundation
import PluginKit
import TestSupport
import Testing

@testable import ObjectStoreKit

@Suite("What an engine sends and receives")
struct ExchangeTests {
    private func echo(_ response: HTTPResponse) throws -> FakeStore.Echo {
        try JSON.decode(FakeStore.Echo.self, response.body)
    }

    @Test("A request goes out to the letter, with nothing added")
    func verbatim() async throws {
        try await withEngine { engine, store in
            var request = store.request(.get, "/echo/a%20b/../c//d", [QueryItem("a b", "1&2"), QueryItem("flag")])
            request.headers["X-Amz-Date"] = "20130524T000000Z"
            request.headers["X-Empty"] = ""
            let told = try echo(try await engine.send(request, .soon))
            #expect(told.target == "/echo/a%20b/../c//d?a%20b=1%262&flag")
            #expect(
                told.headers == [
                    "Host": store.endpoint.authority, "User-Agent": "mooring", "X-Amz-Date": "20130524T000000Z",
                    "X-Empty": "",
                ])
        }
    }

    @Test("Every method, with a body and without", arguments: ["GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"])
    func methods(name: String) async throws {
        try await withEngine { engine, store in
            let method = try #require(HTTPRequest.Method(rawValue: name))
            let plain = try await engine.send(store.request(method, "/echo"), .soon)
            if method == .head {
                #expect(plain.body.isEmpty && (plain.contentLength ?? 0) > 0)
                return
            }
            let told = try echo(plain)
            #expect(told.method == name)
            #expect((told.headers["Content-Length"] == "0") == ["PUT", "POST", "PATCH"].contains(name))
            var request = store.request(method, "/echo")
            request.body = .pieces([.text("one "), .none, .shared(SharedBytes("two "))])
            let more = try echo(try await engine.send(request, .soon))
            #expect((more.method, more.length, more.headers["Transfer-Encoding"]) == (name, 8, nil))
        }
    }

    @Test("A large body arrives whole, in many pieces or lent", arguments: [false, true])
    func largeBodies(isLent: Bool) async throws {
        try await withEngine { engine, store in
            let bytes = (0..<5_000_003).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ $0 >> 8) }
            var request = store.request(.put, "/echo")
            if isLent {
                let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
                defer { memory.deallocate() }
                memory.copyBytes(from: bytes)
                request.body = .lent(LentBytes(UnsafeRawBufferPointer(memory)))
                let told = try echo(try await engine.send(request, .soon))
                #expect(told.sha256 == Hex.encode(Digests.sha256(bytes)))
            } else {
                let pieces = stride(from: 0, to: bytes.count, by: 777_777).map {
                    SharedBytes(Array(bytes[$0..<min($0 + 777_777, bytes.count)]))
                }
                request.body = .shared(SharedBytes(joining: pieces))
                #expect(request.body.sha256 == Digests.sha256(bytes))
                let told = try echo(try await engine.send(request, .soon))
                #expect(told.sha256 == Hex.encode(Digests.sha256(bytes)))
            }
        }
    }

    @Test("What can't be sent is refused before anything goes out")
    func refused() async throws {
        try await withEngine { engine, store in
            let changes: [(inout HTTPRequest) -> Void] = [
                { $0.headers["X"] = "a\r\nInjected: yes" }, { $0.headers["X:"] = "a" }, { $0.path = "echo" },
                { $0.path = "/a b" }, { $0.path = "/a\r\nX: y" }, { $0.endpoint.host = "a/b" },
                { $0.endpoint.host = "user@host" }, { $0.endpoint.port = 70_000 }, { $0.endpoint.host = "" },
            ]
            for change in changes {
                var request = store.request(.get, "/echo")
                change(&request)
                let (_, error) = await timed { _ = try await engine.send(request, .soon) }
                #expect(error?.kind == .invalid)
                #expect(error?.noEffect == true)
            }
            #expect(engine.openedConnections == 0)
        }
    }

    @Test("Heads: interim ones are passed over, names are found in any case, trailers don't count")
    func heads() async throws {
        try await withEngine { engine, store in
            let response = try await engine.send(store.request(.get, "/continue"), .soon)
            #expect((response.status, response.body.text, response.headers["Link"]) == (200, "fine", nil))
            let chunked = try await engine.send(store.request(.get, "/chunks/whole"), .soon)
            #expect(chunked.body.text == "hello")
            #expect(chunked.headers["X-AMZ-Request-ID"] == "R-1")
            #expect(chunked.headers["X-Trailer"] == nil)
            let missing = try await engine.send(store.request(.get, "/nothing"), .soon)
            #expect((missing.status, missing.isSuccess) == (404, false))
        }
    }

    @Test("A redirect is a response, unless it is asked for")
    func redirects() async throws {
        try await withEngine { engine, store in
            let plain = try await engine.send(store.request(.get, "/redirect"), .soon)
            #expect((plain.status, plain.headers["Location"], plain.body.text) == (307, "/echo", "gone"))
            var request = store.request(.get, "/redirect")
            request.maximumRedirects = 2
            let followed = try await engine.send(request, .soon)
            #expect(followed.status == 200)
            #expect(try echo(followed).target == "/echo")
            let stream = try await engine.open(request, .soon)
            #expect((stream.status, stream.headers["Location"]) == (200, nil))
        }
    }

    @Test("Connections are used again, and no more than allowed are made")
    func reuse() async throws {
        try await withEngine(TestHost(), { $0.maximumConnections = 4 }) { engine, store in
            for _ in 0..<10 { _ = try await engine.send(store.request(.get, "/echo"), .soon) }
            #expect(engine.openedConnections == 1)
            _ = try await Parallel.map(Array(0..<40), limit: 40) { _ in
                try await engine.send(store.request(.put, "/echo"), .soon)
            }
            #expect(engine.openedConnections <= 4)
        }
    }

    @Test("A body that fits the limit is taken, a byte more isn't", arguments: ["/object/1000", "/chunks/whole"])
    func responseLimit(path: String) async throws {
        try await withEngine { engine, store in
            var request = store.request(.get, path)
            request.responseLimit = path.hasPrefix("/chunks") ? 5 : 1000
            let count = try await engine.send(request, .soon).body.count
            #expect(count == request.responseLimit)
            request.responseLimit -= 1
            let (_, error) = await timed { _ = try await engine.send(request, .soon) }
            #expect(error?.kind == .corrupt)
            #expect(error?.cause == .tooLarge)
        }
    }

    @Test("Bodies of any announced length come in one piece, and as they are")
    func bodies() async throws {
        try await withEngine { engine, store in
            for size in [0, 1, 65_536, 3_000_001] {
                var request = store.request(.get, "/object/\(size)")
                request.responseLimit = 4 << 20
                let body = try await engine.send(request, .soon).body
                #expect(body.count == size)
                #expect(body.pieces.count <= 1)
                let bytes = body.array
                let places = stride(from: 0, to: size, by: 977)
                #expect(places.allSatisfy { bytes[$0] == UInt8(truncatingIfNeeded: $0) })
                #expect(try body.owned().count == size)
            }
        }
    }

    @Test(
        "A head that is too large or makes no sense is an error",
        arguments: [
            ("/headers/100000", "", StoreError.Cause.header), ("/raw", "nonsense\r\n\r\n", .header),
            ("/raw", "HTTP/1.1 abc Reason\r\n\r\n", .header), ("/raw", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", .header),
            ("/raw", "HTTP/1.1 200 OK\r\n", .reset), ("/raw", "", .reset),
        ])
    func badHeads(path: String, raw: String, cause: StoreError.Cause) async throws {
        try await withEngine { engine, store in
            let query = raw.isEmpty && path != "/raw" ? [] : [QueryItem("hex", Hex.encode(raw.utf8))]
            let (seconds, error) = await timed { _ = try await engine.send(store.request(.get, path, query), .soon) }
            #expect(seconds < 25)
            let failure = try #require(error)
            #expect([cause, .header, .reset].contains(failure.cause), "\(failure)")
            let next = try await engine.send(store.request(.get, "/echo"), .soon)
            #expect(next.isSuccess)
        }
    }
}
