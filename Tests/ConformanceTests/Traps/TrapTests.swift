import Foundation
import TestSupport
import Testing

/// Traps that rows cannot show: many requests at once, connections that end in the middle, two servers.
@Suite("Traps of real clients, against the server", .serialized, .serving(.http1, [.standard, .deletesOff, .sparse]))
struct TrapTests {
    /// A connection to one of the servers, and a repository that no other test uses.
    private func connect(_ kind: ServerKind = .standard) async throws -> RawConnection {
        try await RawConnection.open(port: try #require(Fleet.current).port(kind))
    }

    private func push(_ content: Content, to name: String, on connection: RawConnection) async throws {
        let answer = try await connection.request(
            "POST", "/v2/\(name)/blobs/uploads/?digest=\(content.sha256)", body: content.bytes)
        try #require(answer.status == 201, "\(answer.brief)")
    }

    private func put(_ manifest: Content, at reference: String, in name: String, on connection: RawConnection)
        async throws -> Int
    {
        try await connection.request(
            "PUT", "/v2/\(name)/manifests/\(reference)", headers: [("Content-Type", manifest.type)],
            body: manifest.bytes
        ).status
    }

    @Test("12: what another process deletes is gone here at once", .timeLimit(.minutes(1)))
    func neverStale() async throws {
        let (one, two) = (try await connect(), try await connect(.sparse))
        for content in [Content.config, .layer] { try await push(content, to: "trap/stale", on: one) }
        #expect(try await put(.image(), at: "v1", in: "trap/stale", on: one) == 201)
        let paths = ["manifests/v1", "manifests/\(Content.image().sha256)", "blobs/\(Content.layer.sha256)"]
        for path in paths { #expect(try await one.request("HEAD", "/v2/trap/stale/\(path)").status == 200) }
        for path in paths.dropFirst() {
            #expect(try await two.request("DELETE", "/v2/trap/stale/\(path)").status == 202)
        }
        for path in paths { #expect(try await one.request("HEAD", "/v2/trap/stale/\(path)").status == 404) }
        #expect(try await put(.image("new"), at: "v1", in: "trap/stale", on: two) == 400)
        try await push(.layer, to: "trap/stale", on: two)
        #expect(try await put(.image("new"), at: "v1", in: "trap/stale", on: two) == 201)
        #expect(try await one.request("GET", "/v2/trap/stale/manifests/v1").body == Content.image("new").bytes)
    }

    @Test("15: many open ranges at once, each closed by the client after its share", .timeLimit(.minutes(1)))
    func parallelRanges() async throws {
        let size = 8 << 20
        let content = Content(Data((0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }))
        try await push(content, to: "trap/ranges", on: connect())
        let share = size / 8
        let parts = try await withThrowingTaskGroup(of: (Int, Data).self) { group in
            for part in 1..<8 {
                group.addTask {
                    let connection = try await connect()
                    let start = part * share
                    try await connection.send(
                        "GET /v2/trap/ranges/blobs/\(content.sha256) HTTP/1.1\r\nHost: x\r\nRange: bytes=\(start)-\r\n\r\n"
                    )
                    var head = Data()
                    while head.suffix(4) != Data("\r\n\r\n".utf8) { head += try await connection.read(1) }
                    let text = String(decoding: head, as: UTF8.self)
                    #expect(text.hasPrefix("HTTP/1.1 206 "), "\(text)")
                    #expect(text.contains("bytes \(start)-\(size - 1)/\(size)\r\n"), "\(text)")
                    let bytes = try await connection.read(share)
                    connection.close()
                    return (part, bytes)
                }
            }
            return try await group.reduce(into: [Int: Data]()) { $0[$1.0] = $1.1 }
        }
        #expect((1..<8).reduce(into: Data()) { $0 += parts[$1] ?? Data() } == content.bytes[share...])
        // The server has given up the rest, and goes on.
        #expect(try await connect().request("GET", "/v2/").status == 200)
    }

    @Test("18: a refusal comes before a large body has been sent", .timeLimit(.minutes(1)))
    func earlyRefusal() async throws {
        let connection = try await connect(.deletesOff)
        try await connection.send(
            "PUT /v2/trap/early/blobs/uploads/0193b5a0-0000-7000-8000-000000000000?digest=\(Content.zero) HTTP/1.1\r\n"
                + "Host: x\r\nContent-Length: 10000000000\r\n\r\n")
        let answer = try await connection.response()
        #expect(answer.status == 404)
        #expect(answer.errorCode == "BLOB_UPLOAD_UNKNOWN")
    }

    @Test(
        "19: after a connection that is lost in the middle of a PATCH the upload tells where to go on",
        .timeLimit(.minutes(1)))
    func lostConnection() async throws {
        let content = Content(Data(repeating: 7, count: 300_000))
        let first = try await connect()
        let begun = try await first.request("POST", "/v2/trap/lost/blobs/uploads/", body: Data())
        let session = pathAndQuery(try #require(begun["Location"]))
        try await first.send("PATCH \(session) HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n")
        try await first.send(content.bytes.prefix(100_000))
        first.close()
        let second = try await connect()
        try await eventually("the upload goes on where it says") {
            let status = try await second.request("GET", session)
            guard status.status == 204, let range = status["Range"], let last = Int(range.dropFirst(2)) else {
                return false
            }
            let start = last == 0 ? 0 : last + 1
            #expect(start <= 100_000)
            let rest = try await second.request(
                "PATCH", pathAndQuery(try #require(status["Location"])),
                headers: [("Content-Range", "\(start)-299999")], body: Data(content.bytes.dropFirst(start)))
            guard rest.status == 202, let location = rest["Location"] else { return false }
            let end = pathAndQuery(location) + "&digest=\(content.sha256)"
            return try await second.request("PUT", end, body: Data()).status == 201
        }
    }

    @Test("19: a PUT that is lost in the middle has not moved the upload", .timeLimit(.minutes(1)))
    func lostPut() async throws {
        let content = Content(Data(repeating: 9, count: 300_000))
        let first = try await connect()
        let begun = try await first.request("POST", "/v2/trap/lost-put/blobs/uploads/", body: Data())
        let session = pathAndQuery(try #require(begun["Location"]))
        try await first.send(
            "PUT \(session)&digest=\(content.sha256) HTTP/1.1\r\nHost: x\r\nContent-Length: 300000\r\n\r\n")
        try await first.send(content.bytes.prefix(100_000))
        first.close()
        let second = try await connect()
        try await eventually("the upload can be used again") {
            let patched = try await second.request(
                "PATCH", session, headers: [("Content-Range", "0-299999")], body: content.bytes)
            guard patched.status == 202, let location = patched["Location"] else { return false }
            let end = pathAndQuery(location) + "&digest=\(content.sha256)"
            return try await second.request("PUT", end, body: Data()).status == 201
        }
    }

    @Test("20: errors one after the other on one connection, each with its envelope", .timeLimit(.minutes(1)))
    func keepsConnection() async throws {
        let connection = try await connect()
        for (method, path) in [
            ("GET", "/v2/UPPER/tags/list"), ("GET", "/v2/a/blobs/x"), ("DELETE", "/v2/a/manifests/x"),
            ("PUT", "/v2/a/manifests/x"),
            ("PATCH", "/v2/a/blobs/uploads/x"), ("GET", "/v2/nothing"), ("POST", "/v2/_catalog"),
        ] {
            let answer = try await connection.request(method, path, body: Data())
            #expect((400..<500).contains(answer.status))
            #expect(answer.errorCode != nil, "\(method) \(path)")
        }
        #expect(try await connection.request("GET", "/v2/").status == 200)
    }

    @Test("24: forty pages of tags lead to the end, each tag once", .timeLimit(.minutes(1)))
    func pages() async throws {
        let connection = try await connect()
        for content in [Content.config, .layer] { try await push(content, to: "trap/pages", on: connection) }
        let tags = (0..<120).map { "t\($0)" }
        for tag in tags { #expect(try await put(.image(), at: tag, in: "trap/pages", on: connection) == 201) }
        var (found, target, pages) = ([String](), "/v2/trap/pages/tags/list?n=3", 0)
        while pages < 100 {
            let answer = try await connection.request("GET", target)
            found += answer.json["tags"] as? [String] ?? []
            pages += 1
            guard let link = answer["Link"], let end = link.firstIndex(of: ">") else { break }
            target = String(link[link.index(after: link.startIndex)..<end])
        }
        #expect(found == tags.sorted())
        let all = try await connection.request("GET", "/v2/trap/pages/tags/list")
        #expect(all.json["tags"] as? [String] == tags.sorted())
    }

    @Test("27: the same blob, manifest and tag from sixteen clients at once", .timeLimit(.minutes(1)))
    func sameAtOnce() async throws {
        let images = try await withThrowingTaskGroup(of: Content.self) { group in
            for client in 0..<16 {
                group.addTask {
                    let (image, connection) = (Content.image("client \(client % 4)"), try await connect())
                    for content in [Content.config, .layer] { try await push(content, to: "trap/same", on: connection) }
                    #expect(try await put(image, at: "latest", in: "trap/same", on: connection) == 201)
                    return image
                }
            }
            return try await group.reduce(into: [Data]()) { $0.append($1.bytes) }
        }
        let answer = try await connect().request("GET", "/v2/trap/same/manifests/latest")
        #expect(answer.status == 200)
        #expect(images.contains(answer.body))
        let layer = try await connect().request("GET", "/v2/trap/same/blobs/\(Content.layer.sha256)")
        #expect(layer.body == Content.layer.bytes)
    }

    @Test("31: a body that comes in drops is taken, and others are served meanwhile", .timeLimit(.minutes(1)))
    func slowBody() async throws {
        let (slow, other) = (try await connect(), try await connect())
        let content = Content(Data(repeating: 5, count: 40))
        try await slow.send(
            "POST /v2/trap/slow/blobs/uploads/?digest=\(content.sha256) HTTP/1.1\r\nHost: x\r\nContent-Length: 40\r\n\r\n"
        )
        for byte in content.bytes {
            try await slow.send(Data([byte]))
            #expect(try await other.request("GET", "/v2/").status == 200)
        }
        #expect(try await slow.response().status == 201)
    }

    @Test(
        "35: with deletion disabled a fallback tag can still be replaced; its old index stays", .timeLimit(.minutes(1)))
    func fallbackWithoutDeletes() async throws {
        let connection = try await connect(.deletesOff)
        for content in [Content.config, .layer] { try await push(content, to: "trap/fallback", on: connection) }
        #expect(try await put(.image(), at: "v1", in: "trap/fallback", on: connection) == 201)
        let tag = Content.image().sha256.replacing(":", with: "-")
        let (old, new) = (Content.index([Content.image().descriptor()]), Content.index([]))
        for index in [old, new] { #expect(try await put(index, at: tag, in: "trap/fallback", on: connection) == 201) }
        let refused = try await connection.request("DELETE", "/v2/trap/fallback/manifests/\(old.sha256)")
        #expect(refused.status == 405)
        #expect(refused.errorCode == "UNSUPPORTED")
        #expect(try await connection.request("GET", "/v2/trap/fallback/manifests/\(tag)").body == new.bytes)
    }
}
