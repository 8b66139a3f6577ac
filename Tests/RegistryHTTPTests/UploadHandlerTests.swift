import HTTPServer
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryHTTP

@Suite("Uploads over HTTP")
struct UploadHandlerTests {
    private let content = "0123456789"

    /// Checks what every answer about a session has, and gives its next location.
    private func session(_ answer: Answer, _ status: Int, range: String) throws -> String {
        #expect(answer.status == status, "\(answer.text)")
        #expect(answer["Range"] == range)
        let id = try #require(answer["Docker-Upload-UUID"])
        let location = try answer.location()
        #expect(location.contains("/blobs/uploads/\(id)?_state="))
        return location
    }

    @Test("POST, PATCH, PATCH, status, PUT: each with its status and headers")
    func wholeSession() async throws {
        let api = API()
        let begun = try await api.send(.POST, "/v2/a/b/blobs/uploads/")
        #expect(begun["Content-Length"] == "0")
        var location = try session(begun, 202, range: "0-0")
        location = try session(try await api.send(.PATCH, location, body: "0"), 202, range: "0-0")
        location = try session(
            try await api.send(.PATCH, location, [("Content-Range", "1-4")], body: "1234"), 202, range: "0-4")
        for method: HTTPMethod in [.GET, .HEAD] {
            let status = try await api.send(method, location)
            _ = try session(status, 204, range: "0-4")
        }
        let digest = digest(of: content)
        let put = try await api.send(.PUT, "\(location)&digest=\(digest)", body: "56789")
        #expect(put.status == 201)
        #expect(put["Docker-Content-Digest"] == digest)
        #expect(put["Location"] == "http://registry.test/v2/a/b/blobs/\(digest)")
        #expect(put["Content-Length"] == "0")
        #expect(try await api.send(.GET, "/v2/a/b/blobs/\(digest)").text == content)
        #expect(try await api.send(.GET, location).codes == ["BLOB_UPLOAD_UNKNOWN"])
    }

    @Test("A blob in one request: POST with the digest")
    func singlePost() async throws {
        let api = API()
        let digest = digest(of: content)
        let answer = try await api.send(.POST, "/v2/a/blobs/uploads/?digest=\(digest)", body: content)
        #expect(answer.status == 201)
        #expect(answer["Docker-Content-Digest"] == digest)
        #expect(try answer.location() == "/v2/a/blobs/\(digest)")
        let wrong = try await api.send(.POST, "/v2/a/blobs/uploads/?digest=\(digest)", body: "x")
        #expect(wrong.status == 400)
        #expect(wrong.codes == ["DIGEST_INVALID"])
        #expect(wrong.errors[0]["detail"] as? String == digest)
    }

    @Test(
        "Content-Range of a chunk of four bytes behind two",
        arguments: [
            ("2-5", 202, nil), ("bytes 2-5", 202, nil), ("bytes 2-5/10", 202, nil), ("2-5/*", 202, nil),
            ("0-3", 416, "RANGE_INVALID"), ("3-6", 416, "RANGE_INVALID"), ("5-2", 416, "RANGE_INVALID"),
            ("2-6", 400, "SIZE_INVALID"), ("2-4", 400, "SIZE_INVALID"), ("0-18446744073709551615", 400, "SIZE_INVALID"),
            ("", 400, "RANGE_INVALID"), ("x", 400, "RANGE_INVALID"), ("2", 400, "RANGE_INVALID"),
            ("2-", 400, "RANGE_INVALID"), ("-5", 400, "RANGE_INVALID"), ("a-b", 400, "RANGE_INVALID"),
            ("+2-+5", 400, "RANGE_INVALID"), ("2-5-6", 400, "RANGE_INVALID"), ("bytes */10", 400, "RANGE_INVALID"),
            ("99999999999999999999-99999999999999999999", 400, "RANGE_INVALID"),
        ] as [(String, Int, String?)])
    func contentRange(value: String, status: Int, code: String?) async throws {
        for method in [HTTPMethod.PATCH, .PUT] {
            let api = API()
            let location = try await api.send(.PATCH, try await api.begin("a"), body: "01").location()
            let isPut = method == .PUT
            let target = isPut ? "\(location)&digest=\(digest(of: "012345"))" : location
            let answer = try await api.send(method, target, [("Content-Range", value)], body: "2345")
            #expect(answer.status == (isPut && status == 202 ? 201 : status), "\(method)")
            if let code { #expect(answer.codes == [code]) }
            let isElsewhere = ["0-3", "3-6"].contains(value)
            #expect((answer["Range"] == "0-1") == isElsewhere)
            if isElsewhere {
                // The answer says how to go on.
                let next = try answer.location()
                #expect(answer["Docker-Upload-UUID"] != nil)
                let again = try await api.send(.PATCH, next, [("Content-Range", "2-5")], body: "2345")
                #expect(again.status == 202)
            }
        }
    }

    @Test(
        "An empty PUT ends an upload whatever its Content-Range says",
        arguments: ["0-0", "9-9", "10-9", "0--1", "x", ""])
    func uselessContentRange(value: String) async throws {
        let api = API()
        let location = try await api.send(.PATCH, try await api.begin("a"), body: content).location()
        let answer = try await api.send(
            .PUT, "\(location)&digest=\(digest(of: content))", [("Content-Range", value)])
        #expect(answer.status == 201)
    }

    @Test("A wrong digest is DIGEST_INVALID, and the session is where it was")
    func wrongDigest() async throws {
        let api = API()
        var location = try await api.begin("a")
        location = try await api.send(.PATCH, location, body: "01234").location()
        let wrong = try await api.send(.PUT, "\(location)&digest=\(digest(of: "x"))", body: "56789")
        #expect(wrong.status == 400)
        #expect(wrong.codes == ["DIGEST_INVALID"])
        let right = try await api.send(.PUT, "\(location)&digest=\(digest(of: content))", body: "56789")
        #expect(right.status == 201)
    }

    @Test(
        "A state that wasn't made for the session is 404 BLOB_UPLOAD_INVALID",
        arguments: ["", "x", "AAAA", "eyJ9", "%00"])
    func foreignState(state: String) async throws {
        let api = API()
        let location = try await api.begin("a")
        let path = location.prefix { $0 != "?" }
        for method: HTTPMethod in [.PATCH, .PUT, .DELETE, .GET] {
            let answer = try await api.send(
                method, "\(path)?_state=\(state)&digest=\(digest(of: content))", body: content)
            #expect(answer.status == 404)
            #expect(answer.codes == ["BLOB_UPLOAD_INVALID"])
        }
        // Of another repository.
        let query = location.drop { $0 != "?" }
        let elsewhere = String(path).replacing("/v2/a/", with: "/v2/b/")
        #expect(try await api.send(.PATCH, elsewhere + query, body: "x").codes == ["BLOB_UPLOAD_INVALID"])
    }

    @Test(
        "An upload that nobody began is 404 BLOB_UPLOAD_UNKNOWN",
        arguments: [
            "x", "0191d9c2-0000-7000-8000-000000000000", ".", "..", "_", "a=b", "a%20b",
            String(repeating: "a", count: 200),
        ])
    func unknown(id: String) async throws {
        let api = API()
        for method: HTTPMethod in [.GET, .HEAD, .PATCH, .PUT, .DELETE] {
            let answer = try await api.send(
                method, "/v2/a/blobs/uploads/\(id)?digest=\(digest(of: content))", body: method == .HEAD ? "" : content)
            #expect(answer.status == 404, "\(method)")
            if method != .HEAD { #expect(answer.codes == ["BLOB_UPLOAD_UNKNOWN"]) }
        }
        #expect(api.storage.objects.isEmpty)
    }

    @Test("A mount is 201 like a push; what can't be mounted is a session")
    func mount() async throws {
        let api = API()
        let digest = try await api.push(content, to: "source")
        let mounted = try await api.send(.POST, "/v2/target/blobs/uploads/?mount=\(digest)&from=source")
        #expect(mounted.status == 201)
        #expect(mounted["Docker-Content-Digest"] == digest)
        #expect(try mounted.location() == "/v2/target/blobs/\(digest)")
        #expect(mounted["Content-Length"] == "0")
        #expect(try await api.send(.GET, "/v2/target/blobs/\(digest)").text == content)
    }

    @Test("A mount without a source finds what this process has seen; else it is a session")
    func anonymousMount() async throws {
        let api = API()
        for algorithm in RegistryModel.Digest.Algorithm.allCases {
            let digest = digest(of: content, algorithm)
            let target = "/v2/target/blobs/uploads/?mount=\(digest)"
            #expect(try await api.send(.POST, target).status == 202)
            try await api.send(.POST, "/v2/source/blobs/uploads/?digest=\(digest)", body: content)
            let mounted = try await api.send(.POST, target)
            #expect(mounted.status == 201)
            #expect(mounted["Docker-Content-Digest"] == digest)
            #expect(try await api.send(.GET, "/v2/target/blobs/\(digest)").text == content)
        }
    }

    @Test("A mount that brings a digest: with the bytes it is a push where it can't be done, without them a session")
    func mountWithDigest() async throws {
        let api = API()
        let digest = digest(of: content)
        let target = "/v2/a/blobs/uploads/?mount=\(digest)&from=b&digest=\(digest)"
        #expect(try await api.send(.POST, target).status == 202)
        let pushed = try await api.send(.POST, target, body: content)
        #expect(pushed.status == 201)
        #expect(pushed["Docker-Content-Digest"] == digest)
        #expect(try await api.send(.POST, target, body: "wrong").codes == ["DIGEST_INVALID"])
    }

    @Test("An algorithm is declared with the session; one that nobody knows is 400", arguments: ["", "&x=y"])
    func digestAlgorithm(more: String) async throws {
        let api = API()
        for algorithm in RegistryModel.Digest.Algorithm.allCases {
            let begun = try await api.send(
                .POST, "/v2/a/blobs/uploads/?digest-algorithm=\(algorithm.rawValue)\(more)")
            #expect(begun.status == 202)
            let patched = try await api.send(.PATCH, try begun.location(), body: content)
            for wanted in [algorithm, .sha256] {
                let digest = digest(of: content, wanted)
                let put = try await api.send(.PUT, "\(try patched.location())&digest=\(digest)")
                // Ended with the first.
                #expect(put.status == (wanted == algorithm ? 201 : 404))
                #expect(try await api.send(.GET, "/v2/a/blobs/\(digest)").text == content)
            }
        }
        for unknown in ["md5", "", "SHA512", "sha512:", "sha256%00", "blake3", "sha1"] {
            let answer = try await api.send(.POST, "/v2/a/blobs/uploads/?digest-algorithm=\(unknown)\(more)")
            #expect(answer.status == 400, "\(unknown)")
            #expect(answer.codes == ["DIGEST_INVALID"])
        }
    }

    @Test(
        "A digest that can't be checked is 400 DIGEST_INVALID wherever it comes",
        arguments: [
            "", "x", "sha256", "sha256:", "sha256:abc", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha512:abc",
            "blake3:abc", "sha256:\(String(repeating: "A", count: 64))", "sha256:\(String(repeating: "0", count: 63))",
        ])
    func unusableDigest(digest: String) async throws {
        let api = API()
        var answers = [
            try await api.send(.POST, "/v2/a/blobs/uploads/?digest=\(digest)", body: content),
            try await api.send(.PUT, "\(try await api.begin("a"))&digest=\(digest)", body: content),
            try await api.send(.PUT, try await api.begin("a"), body: content),
        ]
        if !digest.isEmpty {
            for method: HTTPMethod in [.GET, .DELETE] {
                answers.append(try await api.send(method, "/v2/a/blobs/\(digest)"))
            }
        }
        for answer in answers {
            #expect(answer.status == 400)
            #expect(answer.codes == ["DIGEST_INVALID"])
        }
        #expect(api.storage.objects.isEmpty)
    }

    @Test("What the driver wants at least is told when a session begins, as soon as it is known")
    func leastChunk() async throws {
        let api = API(TestStorage(minimumChunk: 4))
        let first = try await api.send(.POST, "/v2/a/blobs/uploads/")
        #expect(first["OCI-Chunk-Min-Length"] == nil)
        try await api.send(.PATCH, try first.location(), body: content)
        #expect(try await api.send(.POST, "/v2/a/blobs/uploads/")["OCI-Chunk-Min-Length"] == "4")
        #expect(try await API().send(.POST, "/v2/a/blobs/uploads/")["OCI-Chunk-Min-Length"] == nil)
    }

    @Test("A blob above the operator's limit is 413, and leaves no blob")
    func uploadLimit() async throws {
        let api = API(http: { $0.uploadLimit = 9 })
        let digest = digest(of: content)
        let location = try await api.begin("a")
        let answers = [
            try await api.send(.POST, "/v2/a/blobs/uploads/?digest=\(digest)", body: content),
            try await api.send(.PUT, "\(location)&digest=\(digest)", body: content),
            try await api.send(.PATCH, location, body: content),
        ]
        for answer in answers {
            #expect(answer.status == 413)
            #expect(answer.codes == ["SIZE_INVALID"])
        }
        #expect(api.storage.objects.isEmpty)
    }

    @Test("A cancelled session is 204, and gone")
    func cancel() async throws {
        let api = API()
        let location = try await api.send(.PATCH, try await api.begin("a"), body: "x").location()
        let answer = try await api.send(.DELETE, location)
        #expect(answer.status == 204)
        #expect(answer["Docker-Upload-UUID"] != nil)
        #expect(api.storage.objects.isEmpty)
        #expect(try await api.send(.DELETE, location).status == 404)
        #expect(try await api.send(.PATCH, location, body: "x").status == 404)
    }
}
