import HTTPServer
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryHTTP

@Suite("Referrers over HTTP")
struct ReferrerHandlerTests {
    private let subject = digest(of: "subject")

    /// A manifest that refers to a digest.
    static func referrer(_ subject: String, _ note: String, artifactType: String? = "application/vnd.test.sbom")
        -> String
    {
        let kind = artifactType.map { #""artifactType":"\#($0)","# } ?? ""
        return """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociManifest)",\(kind)"config":\
            \(Documents.descriptor(.ociEmpty, "{}")),"layers":[],"subject":{"mediaType":"\(MediaType.ociManifest)",\
            "digest":"\(subject)","size":7},"annotations":{"org.test.note":"\(note)"}}
            """
    }

    private func push(_ api: API, _ manifest: String, to name: String, _ type: MediaType = .ociManifest) async throws {
        try await api.push("{}", to: name)
        let answer = try await api.put(manifest, at: "/v2/\(name)/manifests/\(digest(of: manifest))", type)
        #expect(answer.status == 201, "\(answer.text)")
    }

    private func digests(_ answer: Answer) -> [String] {
        ((answer.json["manifests"] as? [[String: Any]]) ?? []).compactMap { $0["digest"] as? String }
    }

    @Test("An answer is an index of that very type, with all that the specification asks for")
    func answer() async throws {
        let api = API()
        let manifest = Self.referrer(subject, "\u{e9}\"\\\\")
            .replacing("\u{e9}\"", with: "\u{e9}\\\"")
        try await push(api, manifest, to: "a/b")
        let answer = try await api.send(.GET, "/v2/a/b/referrers/\(subject)")
        #expect(answer.status == 200)
        #expect(answer["Content-Type"] == "application/vnd.oci.image.index.v1+json")
        #expect(answer["OCI-Filters-Applied"] == nil)
        #expect(answer["Link"] == nil)
        #expect(answer.json["schemaVersion"] as? Int == 2)
        #expect(answer.json["mediaType"] as? String == "application/vnd.oci.image.index.v1+json")
        let list = try #require(answer.json["manifests"] as? [[String: Any]])
        #expect(list.count == 1)
        #expect(list[0]["mediaType"] as? String == MediaType.ociManifest.rawValue)
        #expect(list[0]["digest"] as? String == digest(of: manifest))
        #expect(list[0]["size"] as? Int == manifest.utf8.count)
        #expect(list[0]["artifactType"] as? String == "application/vnd.test.sbom")
        #expect(list[0]["annotations"] as? [String: String] == ["org.test.note": "\u{e9}\"\\"])
        let head = try await api.send(.HEAD, "/v2/a/b/referrers/\(subject)")
        #expect(head.status == 200)
        #expect(head["Content-Type"] == answer["Content-Type"])
        #expect(head["Content-Length"] == String(answer.body.readableBytes))
        // It is what clients take for an index.
        _ = try Manifest(parsing: answer.body.readableBytesView, contentType: .ociIndex)
    }

    @Test("It is 200 and empty for what isn't there: repositories, subjects, the digest of zeros")
    func empty() async throws {
        let api = API()
        try await api.pushImage(to: "a", tag: "v1")
        for algorithm in [("sha256", 64), ("sha384", 96), ("sha512", 128)] {
            let zeros = "\(algorithm.0):" + String(repeating: "0", count: algorithm.1)
            for name in ["a", "nowhere", "a/referrers"] {
                for query in ["", "?artifactType=x", "?n=5", "?ns=docker.io"] {
                    let answer = try await api.send(.GET, "/v2/\(name)/referrers/\(zeros)\(query)")
                    #expect(answer.status == 200)
                    #expect((answer.json["manifests"] as? [Any])?.isEmpty == true)
                    #expect(answer["Link"] == nil)
                }
            }
        }
    }

    @Test("400 is for what is malformed, and for nothing else")
    func malformed() async throws {
        let api = API()
        for (path, code) in [
            ("a/referrers/latest", "DIGEST_INVALID"), ("a/referrers/sha256:00", "DIGEST_INVALID"),
            ("a/referrers/md5:d41d8cd98f00b204e9800998ecf8427e", "DIGEST_INVALID"),
            ("a/referrers/\(subject.uppercased())", "DIGEST_INVALID"), ("A/referrers/\(subject)", "NAME_INVALID"),
            ("a/referrers/\(subject)?n=x", "PAGINATION_NUMBER_INVALID"),
            ("a/referrers/\(subject)?n=-1", "PAGINATION_NUMBER_INVALID"),
            ("a/referrers/\(subject)?last=x", "DIGEST_INVALID"),
        ] {
            for method: HTTPMethod in [.GET, .HEAD] {
                let answer = try await api.send(method, "/v2/\(path)")
                #expect(answer.status == 400, "\(path)")
                if method == .GET { #expect(answer.codes == [code], "\(path)") }
            }
        }
        for method: HTTPMethod in [.PUT, .POST, .DELETE, .PATCH] {
            let answer = try await api.send(method, "/v2/a/referrers/\(subject)")
            #expect(answer.status == 405)
            #expect(answer["Allow"] == "GET, HEAD")
        }
    }

    @Test("A filter is applied, and said to be; an empty one is for what has no type")
    func filter() async throws {
        let api = API()
        for note in ["1", "2"] {
            for type in ["application/vnd.test.sbom", "application/vnd.test.sig+x"] {
                try await push(api, Self.referrer(subject, note, artifactType: type), to: "a")
            }
            try await push(api, Self.referrer(subject, note, artifactType: nil), to: "a")
        }
        for (query, count) in [
            ("application/vnd.test.sbom", 2), ("application%2Fvnd.test.sig%2Bx", 2),
            ("application/vnd.oci.empty.v1%2Bjson", 2), ("application/none", 0), ("", 0),
        ] {
            let answer = try await api.send(.GET, "/v2/a/referrers/\(subject)?artifactType=\(query)")
            #expect(answer["OCI-Filters-Applied"] == "artifactType")
            #expect(digests(answer).count == count, "\(query)")
        }
    }

    @Test("Links lead through all pages, filter included, and end")
    func pages() async throws {
        let api = API()
        var expected: Set<String> = []
        for index in 0..<7 {
            let manifest = Self.referrer(subject, "\(index)", artifactType: index < 5 ? "a/b+c" : "other/x")
            try await push(api, manifest, to: "a")
            if index < 5 { expected.insert(digest(of: manifest)) }
        }
        var target: String? = "/v2/a/referrers/\(subject)?n=2&artifactType=a/b%2Bc"
        var found: [String] = []
        var sizes: [Int] = []
        while let current = target, sizes.count < 10 {
            let answer = try await api.send(.GET, current)
            #expect(answer["OCI-Filters-Applied"] == "artifactType")
            sizes.append(digests(answer).count)
            found += digests(answer)
            #expect(answer["Link"].map { $0.hasSuffix(">; rel=\"next\"") } ?? true)
            target = answer["Link"].map { String($0.dropFirst().prefix { $0 != ">" }) }
        }
        #expect(sizes == [2, 2, 1])
        #expect(found == expected.sorted())
        #expect(digests(try await api.send(.GET, "/v2/a/referrers/\(subject)?n=0")).isEmpty)
    }

    @Test("A push with a subject is answered with OCI-Subject, of images and of indexes, by tag and by digest")
    func subjectHeader() async throws {
        let api = API()
        try await api.push("{}", to: "a")
        let image = Self.referrer(subject, "image")
        let long = digest(of: "subject", .sha512)
        let index = """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociIndex)","manifests":[],"subject":\
            {"mediaType":"\(MediaType.ociManifest)","digest":"\(long)","size":7}}
            """
        for reference in ["v1", digest(of: image)] {
            let answer = try await api.put(image, at: "/v2/a/manifests/\(reference)")
            #expect(answer.status == 201)
            #expect(answer["OCI-Subject"] == subject)
        }
        #expect(try await api.put(index, at: "/v2/a/manifests/v2", .ociIndex)["OCI-Subject"] == long)
        #expect(digests(try await api.send(.GET, "/v2/a/referrers/\(long)")) == [digest(of: index)])
        try await api.push("layer", to: "a")
        #expect(try await api.put(Documents.image(), at: "/v2/a/manifests/v3")["OCI-Subject"] == nil)
    }
}
