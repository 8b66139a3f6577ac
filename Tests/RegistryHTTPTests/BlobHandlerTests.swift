import HTTPServer
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryHTTP

@Suite("Blobs over HTTP")
struct BlobHandlerTests {
    private let content = "0123456789"

    @Test("A blob has the headers that clients rely on; HEAD has the same without the body")
    func headers() async throws {
        let api = API()
        let digest = try await api.push(content, to: "a/b")
        for method: HTTPMethod in [.GET, .HEAD] {
            let answer = try await api.send(method, "/v2/a/b/blobs/\(digest)")
            #expect(answer.status == 200)
            #expect(answer["Content-Length"] == "10")
            #expect(answer["Docker-Content-Digest"] == digest)
            #expect(answer["Etag"] == "\"\(digest)\"")
            #expect(answer["Content-Type"] == "application/octet-stream")
            #expect(answer["Accept-Ranges"] == "bytes")
            #expect(answer["Cache-Control"] == "max-age=31536000")
            #expect(answer.text == (method == .GET ? content : ""))
        }
    }

    @Test("A large blob is streamed, whole and in part")
    func large() async throws {
        let api = API()
        let content = String(repeating: content, count: 20_000)
        let digest = try await api.push(content, to: "a")
        let whole = try await api.send(.GET, "/v2/a/blobs/\(digest)")
        #expect(whole.text == content)
        #expect(whole["Content-Length"] == "200000")
        let part = try await api.send(.GET, "/v2/a/blobs/\(digest)", [("Range", "bytes=5-150004")])
        #expect(part.status == 206)
        #expect(part.body.readableBytes == 150_000)
        #expect(part.text == String(content.dropFirst(5).prefix(150_000)))
        #expect(api.storage.violations.isEmpty, "\(api.storage.violations)")
    }

    @Test(
        "Ranges of ten bytes",
        arguments: [
            ("bytes=0-0", 206, "0", "bytes 0-0/10"), ("bytes=2-4", 206, "234", "bytes 2-4/10"),
            ("bytes=7-", 206, "789", "bytes 7-9/10"), ("bytes=7-100", 206, "789", "bytes 7-9/10"),
            ("bytes=-3", 206, "789", "bytes 7-9/10"), ("bytes=0-9", 206, "0123456789", "bytes 0-9/10"),
            ("bytes=0-", 206, "0123456789", "bytes 0-9/10"), ("bytes=-100", 206, "0123456789", "bytes 0-9/10"),
            ("Bytes=2-4", 206, "234", "bytes 2-4/10"), ("bytes=9-18446744073709551615", 206, "9", "bytes 9-9/10"),
            ("bytes=10-", 416, nil, "bytes */10"), ("bytes=100-200", 416, nil, "bytes */10"),
            ("bytes=-0", 416, nil, "bytes */10"),
            ("bytes=18446744073709551615-", 416, nil, "bytes */10"),
            ("bytes=0-2,3-4", 206, "01234", "bytes 0-4/10"), ("bytes= 0-1 ,\t1-4 ", 206, "01234", "bytes 0-4/10"),
            ("bytes=,2-4,", 206, "234", "bytes 2-4/10"), ("bytes=0-4,5-9", 206, "0123456789", "bytes 0-9/10"),
            ("bytes=2-4,100-", 206, "234", "bytes 2-4/10"), ("bytes=10-,100-", 416, nil, "bytes */10"),
            ("bytes=4-2", 416, nil, "bytes */10"), ("bytes=0-1,4-2", 416, nil, "bytes */10"),
            ("bytes=a-b", 416, nil, "bytes */10"), ("bytes=", 416, nil, "bytes */10"),
            ("bytes=-", 416, nil, "bytes */10"), ("bytes=+1-2", 416, nil, "bytes */10"),
            ("bytes=1-+2", 416, nil, "bytes */10"), ("bytes=--1", 416, nil, "bytes */10"),
            ("items=0-1", 200, "0123456789", nil), ("", 200, "0123456789", nil),
            ("bytes=99999999999999999999-", 416, nil, "bytes */10"),
            ("bytes=9-99999999999999999999", 206, "9", "bytes 9-9/10"),
            ("bytes=-99999999999999999999", 206, "0123456789", "bytes 0-9/10"),
            ("bytes=" + Array(repeating: "0-0", count: 17).joined(separator: ","), 200, "0123456789", nil),
        ] as [(String, Int, String?, String?)])
    func ranges(range: String, status: Int, body: String?, contentRange: String?) async throws {
        let api = API()
        let digest = try await api.push(content, to: "a")
        let answer = try await api.send(.GET, "/v2/a/blobs/\(digest)", [("Range", range)])
        #expect(answer.status == status)
        #expect(answer["Content-Range"] == contentRange)
        if let body {
            #expect(answer.text == body)
            #expect(answer["Content-Length"] == String(body.utf8.count))
            #expect(answer["Docker-Content-Digest"] == digest)
        } else {
            #expect(answer.codes == ["RANGE_INVALID"])
        }
        let head = try await api.send(.HEAD, "/v2/a/blobs/\(digest)", [("Range", range)])
        #expect(head.status == 200)
        #expect(head["Content-Length"] == "10")
    }

    @Test("Several ranges come as parts, in the order asked for; those that touch are one part")
    func multipart() async throws {
        let api = API()
        let content = String(repeating: content, count: 20_000)
        let digest = try await api.push(content, to: "a")
        for (range, parts) in [
            ("0-9,1000-1009", [(0, 9), (1000, 1009)]), ("5000-5004, 0-0", [(5000, 5004), (0, 0)]),
            ("0-9,10-59,1000-1009", [(0, 59), (1000, 1009)]), ("1000-,0-9", [(1000, 199_999), (0, 9)]),
            ("0-9,1000-1009,5-1004,9000-9000", [(0, 1009), (9000, 9000)]),
            ("-10,0-9,300000-", [(199_990, 199_999), (0, 9)]),
            ("0-79999,100000-189999", [(0, 79_999), (100_000, 189_999)]),
        ] as [(String, [(Int, Int)])] {
            let answer = try await api.send(.GET, "/v2/a/blobs/\(digest)", [("Range", "bytes=\(range)")])
            #expect(answer.status == 206, "\(range)")
            #expect(answer["Content-Length"] == String(answer.body.readableBytes))
            #expect(answer["Content-Range"] == nil)
            #expect(answer["Docker-Content-Digest"] == digest)
            let type = try #require(answer["Content-Type"])
            let boundary = try #require(type.split(separator: "boundary=", maxSplits: 1).last)
            #expect(type == "multipart/byteranges; boundary=\(boundary)")
            let expected = parts.map { first, last in
                "\r\n--\(boundary)\r\nContent-Type: application/octet-stream\r\n"
                    + "Content-Range: bytes \(first)-\(last)/200000\r\n\r\n"
                    + content.dropFirst(first).prefix(last - first + 1)
            }
            #expect(answer.text == expected.joined() + "\r\n--\(boundary)--\r\n", "\(range)")
        }
        #expect(api.storage.violations.isEmpty, "\(api.storage.violations)")
    }

    @Test("Parts together are never more than the content", arguments: 0..<50)
    func noAmplification(seed: UInt64) {
        var numbers = SeededNumbers(seed)
        let size = UInt64.random(in: 1...10_000, using: &numbers)
        let ranges = (0..<16).map { _ in
            let first = UInt64.random(in: 0...size, using: &numbers)
            return BlobRange.from(first, through: first + UInt64.random(in: 0...size, using: &numbers))
        }
        let parts = BlobRange.parts(ranges, of: size)
        #expect(parts.reduce(0) { $0 + $1.count } <= size)
        for (index, part) in parts.enumerated() {
            for other in parts[(index + 1)...] { #expect(!part.overlaps(other)) }
        }
        for range in ranges {
            guard let bytes = range.bytes(of: size) else { continue }
            #expect(parts.contains { $0.contains(bytes.lowerBound) && $0.upperBound >= bytes.upperBound })
        }
    }

    @Test("A range of an empty blob is the empty blob")
    func rangeOfNothing() async throws {
        let api = API()
        let digest = try await api.push("", to: "a")
        for range in ["bytes=0-", "bytes=0-1023", "bytes=-5", "bytes=0-1,3-4", "bytes=0-,1-"] {
            let answer = try await api.send(.GET, "/v2/a/blobs/\(digest)", [("Range", range)])
            #expect(answer.status == 200)
            #expect(answer["Content-Length"] == "0")
        }
    }

    @Test("If-Range applies the range only to the same content")
    func ifRange() async throws {
        let api = API()
        let digest = try await api.push(content, to: "a")
        for (condition, status) in [
            ("\"\(digest)\"", 206), (digest, 200), ("W/\"\(digest)\"", 200), ("\"other\"", 200),
            ("Tue, 24 Nov 2026 00:00:00 GMT", 200),
        ] {
            let answer = try await api.send(
                .GET, "/v2/a/blobs/\(digest)", [("Range", "bytes=1-2"), ("If-Range", condition)])
            #expect(answer.status == status, "\(condition)")
        }
    }

    @Test("If-None-Match with the digest is 304, for blobs that the repository has")
    func conditions() async throws {
        let api = API()
        let digest = try await api.push(content, to: "a")
        let other = RegistryHTTPTests.digest(of: "other")
        for (condition, status) in [
            ("\"\(digest)\"", 304), (digest, 304), ("W/\"\(digest)\"", 304), ("*", 304),
            ("\"x\", \"\(digest)\"", 304), ("\"\(other)\"", 200), ("", 200), ("\"", 200), (",", 200),
        ] {
            let answer = try await api.send(.GET, "/v2/a/blobs/\(digest)", [("If-None-Match", condition)])
            #expect(answer.status == status, "\(condition)")
            if status == 304 { #expect(answer["Etag"] == "\"\(digest)\"") }
        }
        #expect(try await api.send(.GET, "/v2/b/blobs/\(digest)", [("If-None-Match", "*")]).status == 404)
        #expect(try await api.send(.HEAD, "/v2/a/blobs/\(digest)", [("If-None-Match", "*")]).status == 304)
        for (condition, status) in [("\"\(digest)\"", 200), ("*", 200), ("\"x\", \"\(digest)\"", 200), ("\"x\"", 412)] {
            for method: HTTPMethod in [.GET, .HEAD] {
                let answer = try await api.send(method, "/v2/a/blobs/\(digest)", [("If-Match", condition)])
                #expect(answer.status == status, "\(condition)")
            }
        }
        #expect(try await api.send(.GET, "/v2/b/blobs/\(digest)", [("If-Match", "\"x\"")]).status == 404)
    }

    @Test("What the repository hasn't is BLOB_UNKNOWN with the digest")
    func unknown() async throws {
        let api = API()
        let digest = try await api.push(content, to: "a")
        for method: HTTPMethod in [.GET, .HEAD, .DELETE] {
            let answer = try await api.send(method, "/v2/b/blobs/\(digest)")
            #expect(answer.status == 404)
            if method != .HEAD {
                #expect(answer.codes == ["BLOB_UNKNOWN"])
                #expect(answer.errors[0]["detail"] as? String == digest)
            }
        }
    }

    @Test("A deletion is 202 without a body, then 404; where it is off, 405")
    func delete() async throws {
        let api = API()
        let digest = try await api.push(content, to: "a")
        let off = try await API(api.storage, { $0.deleteEnabled = false }).send(.DELETE, "/v2/a/blobs/\(digest)")
        #expect(off.status == 405)
        #expect(off.codes == ["UNSUPPORTED"])
        let first = try await api.send(.DELETE, "/v2/a/blobs/\(digest)")
        #expect(first.status == 202)
        #expect(first["Content-Length"] == "0")
        #expect(try await api.send(.DELETE, "/v2/a/blobs/\(digest)").status == 404)
        #expect(try await api.send(.GET, "/v2/a/blobs/\(digest)").status == 404)
    }

    @Test("By SHA-512 the digest headers name what the client asked for, and the same bytes come")
    func sha512() async throws {
        let api = API()
        let digest = RegistryHTTPTests.digest(of: content, .sha512)
        let put = try await api.send(.POST, "/v2/a/blobs/uploads/?digest=\(digest)", body: content)
        #expect(put.status == 201)
        #expect(put["Docker-Content-Digest"] == digest)
        #expect(try put.location() == "/v2/a/blobs/\(digest)")
        let answer = try await api.send(.GET, "/v2/a/blobs/\(digest)")
        #expect(answer.text == content)
        #expect(answer["Docker-Content-Digest"] == digest)
    }

    @Test("A driver that gives a URL gets the clients redirected, GET and HEAD, by 307")
    func redirects() async throws {
        let storage = TestStorage(capabilities: [.resume, .removeTree, .redirectGet])
        storage.redirect { "https://bucket.test\($0.path)?method=\($0.method)&client=\($0.clientAddress)" }
        let api = API(storage)
        let digest = try await api.push(content, to: "a")
        for (method, name) in [(HTTPMethod.GET, "get"), (.HEAD, "head")] {
            let answer = try await api.send(method, "/v2/a/blobs/\(digest)", [("Range", "bytes=1-2")])
            #expect(answer.status == 307)
            let hex = digest.dropFirst(7)
            let path = "/docker/registry/v2/blobs/sha256/\(hex.prefix(2))/\(hex)/data"
            #expect(answer["Location"] == "https://bucket.test\(path)?method=\(name)&client=192.0.2.1")
            #expect(answer["Content-Type"] == "application/octet-stream")
            #expect(answer["Docker-Content-Digest"] == nil)
        }
        let missing = RegistryHTTPTests.digest(of: "missing")
        #expect(try await api.send(.GET, "/v2/a/blobs/\(missing)").status == 404)
        storage.redirect { _ in nil }
        #expect(try await api.send(.GET, "/v2/a/blobs/\(digest)").text == content)
        #expect(try await API(storage, { $0.redirects = false }).send(.GET, "/v2/a/blobs/\(digest)").status == 200)
    }

    @Test("A pull costs two calls of the storage, also in part")
    func cost() async throws {
        let api = API()
        let digest = try await api.push(content, to: "a")
        for (method, range, calls) in [(HTTPMethod.HEAD, "", 2), (.GET, "", 3), (.GET, "bytes=1-2", 3)] {
            api.storage.forget()
            try await api.send(method, "/v2/a/blobs/\(digest)", range.isEmpty ? [] : [("Range", range)])
            #expect(api.storage.calls.count == calls, "\(api.storage.calls)")
        }
    }
}

/// The same numbers for the same seed.
private struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

    mutating func next() -> UInt64 {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return (state ^ (state >> 33)) &* 0xFF51_AFD7_ED55_8CCD
    }
}
