import Foundation
import HTTPServer
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryHTTP

@Suite("Errors")
struct ErrorTests {
    private func object(_ error: RegistryError) throws -> [[String: Any]] {
        let data = Data(ErrorEnvelope.json(error).readableBytesView)
        let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(object.count == 1)
        return try #require(object["errors"] as? [[String: Any]])
    }

    @Test("The envelope escapes whatever a text holds")
    func escaping() throws {
        let text = "\"\\/\u{0}\u{1}\u{1f}\u{7f}\n\r\t é €😀\u{2028}</script>"
        let error = try object(RegistryError(.nameInvalid, text, detail: .fields([text: text])))[0]
        #expect(error["message"] as? String == text)
        #expect(error["detail"] as? [String: String] == [text: text])
        #expect(try object(RegistryError(.unknown, detail: .text(text)))[0]["detail"] as? String == text)
        #expect(try object(RegistryError(.unknown))[0].keys.sorted() == ["code", "message"])
    }

    @Test("Several errors are listed in order")
    func several() throws {
        var error = RegistryError(.manifestBlobUnknown, detail: .text("1"))
        error.others = [RegistryError(.manifestBlobUnknown, detail: .text("2")), RegistryError(.blobUnknown)]
        #expect(try object(error).map { $0["detail"] as? String } == ["1", "2", nil])
    }

    @Test("Every code has its status", arguments: RegistryErrorCode.allCases)
    func statuses(code: RegistryErrorCode) {
        let expected =
            switch code {
            case .unknown: 500
            case .unsupported: 405
            case .unauthorized: 401
            case .denied: 403
            case .unavailable: 503
            case .tooManyRequests: 429
            case .rangeInvalid: 416
            case .nameUnknown, .manifestUnknown, .blobUnknown, .blobUploadUnknown, .blobUploadInvalid: 404
            default: 400
            }
        #expect(code.httpStatus == expected)
    }

    @Test(
        "Names that are none are 400 NAME_INVALID, once, on every route",
        arguments: [
            "A", "a//b", "/a", "a.", "_a", "a..b", "LOCALHOST:5000/a", String(repeating: "a", count: 256), "a%00",
            "%C3%A9",
        ])
    func names(name: String) async throws {
        let api = API()
        let digest = digest(of: "x")
        for (method, path) in [
            (HTTPMethod.GET, "tags/list"), (.GET, "manifests/x"), (.PUT, "manifests/x"), (.GET, "blobs/\(digest)"),
            (.POST, "blobs/uploads/"), (.PATCH, "blobs/uploads/x"), (.DELETE, "manifests/x"),
        ] {
            let answer = try await api.send(method, "/v2/\(name)/\(path)")
            #expect(answer.status == 400, "\(method) \(path)")
            #expect(answer.codes == ["NAME_INVALID"])
        }
        #expect(api.storage.calls.isEmpty)
    }

    @Test("The longest name is a name")
    func longestName() async throws {
        #expect(try await API().send(.POST, "/v2/\(String(repeating: "a", count: 255))/blobs/uploads/").status == 202)
    }

    @Test(
        "Digests that are none are 400 DIGEST_INVALID",
        arguments: [
            "sha256:abc", "sha256:\(String(repeating: "A", count: 64))", "md5:d41d8cd98f00b204e9800998ecf8427e",
            "sha256",
            "sha1:\(String(repeating: "a", count: 40))", ":", "sha256:", "sha256:\(String(repeating: "a", count: 65))",
            "sha512:\(String(repeating: "a", count: 64))", "a", "%00:",
        ])
    func digests(text: String) async throws {
        let api = API()
        for method: HTTPMethod in [.GET, .DELETE] {
            let answer = try await api.send(method, "/v2/a/blobs/\(text)")
            #expect(answer.status == 400)
            #expect(answer.codes == ["DIGEST_INVALID"])
        }
        if text.contains(":") {
            for method: HTTPMethod in [.GET, .PUT, .DELETE] {
                #expect(try await api.send(method, "/v2/a/manifests/\(text)").codes == ["DIGEST_INVALID"])
            }
        }
        #expect(try await api.send(.POST, "/v2/a/blobs/uploads/?digest=\(text)", body: "x").codes == ["DIGEST_INVALID"])
        let session = try await api.begin("a")
        #expect(try await api.send(.PUT, "\(session)&digest=\(text)", body: "x").codes == ["DIGEST_INVALID"])
        #expect(try await api.send(.PUT, session, body: "x").codes == ["DIGEST_INVALID"])
        #expect(api.storage.calls.isEmpty)
    }

    @Test(
        "A tag that is none can't be written, and is not there to be read",
        arguments: [".a", "-a", "a%20b", "a+b", String(repeating: "a", count: 129)])
    func tags(text: String) async throws {
        let api = API()
        let put = try await api.put(Documents.image(), at: "/v2/a/manifests/\(text)")
        #expect(put.status == 400)
        #expect(put.codes == ["TAG_INVALID"])
        for method: HTTPMethod in [.GET, .HEAD, .DELETE] {
            let answer = try await api.send(method, "/v2/a/manifests/\(text)")
            #expect(answer.status == 404)
            if method != .HEAD { #expect(answer.codes == ["MANIFEST_UNKNOWN"]) }
        }
    }

    @Test("What the storage says becomes a status that clients can act on, and no secret")
    func storageErrors() async throws {
        let expected: [(StorageError.Code, Int, String?)] = [
            (.throttled, 429, "3"), (.unavailable, 503, "3"), (.busy, 503, "3"), (.noSpace, 503, "3"),
            (.internal, 500, nil), (.corrupt, 500, nil), (.permission, 503, nil), (.invalidArgument, 400, nil),
        ]
        for (code, status, retryAfter) in expected {
            let api = API()
            api.storage.fail { _, _ in
                var error = StorageError(code, "password=hunter2")
                error.retryAfter = .milliseconds(2100)
                return .before(error)
            }
            for (method, path) in [
                (HTTPMethod.GET, "blobs/\(digest(of: "x"))"), (.HEAD, "manifests/x"), (.GET, "tags/list"),
            ] {
                let answer = try await api.send(method, "/v2/a/\(path)")
                #expect(answer.status == status, "\(code) \(path)")
                #expect(answer["Retry-After"] == retryAfter)
                #expect(!answer.text.contains("hunter2"))
            }
        }
    }

    @Test("What the server layer refuses has the envelope too", arguments: [400, 408, 414, 431, 501, 503, 505])
    func refusals(status: Int) throws {
        let response = API().responder.refusal(HTTPResponseStatus(statusCode: status))
        #expect(Int(response.status.code) == status)
        #expect(response.headers.first(name: "content-type") == "application/json")
        guard case .bytes(let bytes) = response.body else { throw CancellationError() }
        let object = try JSONSerialization.jsonObject(with: Data(bytes.readableBytesView)) as? [String: Any]
        let errors = try #require(object?["errors"] as? [[String: Any]])
        #expect(errors.count == 1)
        #expect(errors.first?["code"] as? String == (status == 503 ? "UNAVAILABLE" : "UNSUPPORTED"))
    }
}
