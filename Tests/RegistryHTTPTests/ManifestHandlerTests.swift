import HTTPServer
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryHTTP

@Suite("Manifests over HTTP")
struct ManifestHandlerTests {
    @Test("A push is 201 with the digest's URL, by tag and by digest")
    func push() async throws {
        let api = API()
        for blob in ["{}", "layer"] { try await api.push(blob, to: "a/b") }
        let manifest = Documents.image()
        let digest = digest(of: manifest)
        for reference in ["v1", digest] {
            let answer = try await api.put(manifest, at: "/v2/a/b/manifests/\(reference)")
            #expect(answer.status == 201)
            #expect(answer["Docker-Content-Digest"] == digest)
            #expect(answer["Location"] == "http://registry.test/v2/a/b/manifests/\(digest)")
            #expect(answer["Content-Length"] == "0")
            #expect(answer.body.readableBytes == 0)
        }
    }

    @Test("A pull has the headers that clients rely on; HEAD has the same without the body")
    func pull() async throws {
        let api = API()
        let manifest = try await api.pushImage(to: "a/b", tag: "v1")
        let digest = digest(of: manifest)
        for reference in ["v1", digest] {
            for method: HTTPMethod in [.GET, .HEAD] {
                let answer = try await api.send(method, "/v2/a/b/manifests/\(reference)")
                #expect(answer.status == 200)
                #expect(answer["Content-Type"] == MediaType.ociManifest.rawValue)
                #expect(answer["Docker-Content-Digest"] == digest)
                #expect(answer["Etag"] == "\"\(digest)\"")
                #expect(answer["Content-Length"] == String(manifest.utf8.count))
                #expect(answer["Cache-Control"] == nil)
                #expect(answer.text == (method == .GET ? manifest : ""))
            }
        }
    }

    @Test("By SHA-512 the digest is the client's own, in all headers")
    func sha512() async throws {
        let api = API()
        for blob in ["{}", "layer"] { try await api.push(blob, to: "a") }
        let manifest = Documents.image()
        let digest = digest(of: manifest, .sha512)
        let put = try await api.put(manifest, at: "/v2/a/manifests/\(digest)")
        #expect(put.status == 201)
        #expect(put["Docker-Content-Digest"] == digest)
        #expect(try put.location() == "/v2/a/manifests/\(digest)")
        let answer = try await api.send(.GET, "/v2/a/manifests/\(digest)")
        #expect(answer["Docker-Content-Digest"] == digest)
        #expect(answer.text == manifest)
        let known = try await api.send(.GET, "/v2/a/manifests/\(digest)", [("If-None-Match", "\"\(digest)\"")])
        #expect(known.status == 304)
    }

    @Test(
        "A push by digest may bring tags; OCI-Tag names them",
        arguments: [RegistryModel.Digest.Algorithm.sha256, .sha512])
    func tagParameters(algorithm: RegistryModel.Digest.Algorithm) async throws {
        let api = API()
        for blob in ["{}", "layer"] { try await api.push(blob, to: "a") }
        let manifest = Documents.image()
        let name = digest(of: manifest, algorithm)
        let tags = (0..<12).map { "v1.\($0)" }
        let query = (tags + ["v1.0"]).map { "tag=\($0)" }.joined(separator: "&")
        let put = try await api.put(manifest, at: "/v2/a/manifests/\(name)?\(query)")
        #expect(put.status == 201)
        #expect(put["OCI-Tag"]?.split(separator: ", ").map(String.init) == tags)
        #expect(put["Docker-Content-Digest"] == name)
        // By the digest that it was pushed by, also when somebody else serves it.
        for api in [api, API(api.storage)] {
            for tag in tags {
                for method: HTTPMethod in [.GET, .HEAD] {
                    let answer = try await api.send(method, "/v2/a/manifests/\(tag)")
                    #expect(answer.status == 200)
                    #expect(answer["Docker-Content-Digest"] == name)
                    #expect(answer["Etag"] == "\"\(name)\"")
                    if method == .GET { #expect(answer.text == manifest) }
                }
            }
        }
        // Distribution reads canonical digests only.
        let links = api.storage.objects.filter { $0.key.hasSuffix("/link") && $0.key.contains("_manifests") }
        #expect(links.values.allSatisfy { String(buffer: $0) == digest(of: manifest) })
        // By tag the query means nothing.
        let plain = try await api.put(manifest, at: "/v2/a/manifests/plain?tag=other")
        #expect(plain["OCI-Tag"] == nil)
        #expect(plain["Docker-Content-Digest"] == digest(of: manifest))
        #expect(try await api.send(.GET, "/v2/a/manifests/plain")["Docker-Content-Digest"] == digest(of: manifest))
        #expect(try await api.send(.GET, "/v2/a/manifests/other").status == 404)
    }

    @Test("One tag that is none refuses the push before anything is stored; so do too many")
    func badTagParameters() async throws {
        let api = API()
        for blob in ["{}", "layer"] { try await api.push(blob, to: "a") }
        let manifest = Documents.image()
        let before = api.storage.objects
        let many = (0..<101).map { "tag=t\($0)" }.joined(separator: "&")
        for (query, status) in [
            ("tag=ok&tag=-bad", 400), ("tag=", 400), ("tag", 400), ("tag=a%2Fb", 400), ("tag=a%0Ab", 400),
            ("tag=\(String(repeating: "x", count: 129))", 400), (many, 414),
        ] {
            let answer = try await api.put(manifest, at: "/v2/a/manifests/\(digest(of: manifest))?\(query)")
            #expect(answer.status == status, "\(query.prefix(50))")
            #expect(answer.codes == ["TAG_INVALID"])
        }
        #expect(api.storage.objects == before)
    }

    @Test("If-None-Match may be a list, weak, or anything; what can't be read matches nothing")
    func conditionLists() async throws {
        let api = API()
        let digest = digest(of: try await api.pushImage(to: "a", tag: "v1"))
        for (condition, status) in [
            ("\"x\", \"\(digest)\"", 304), ("W/\"\(digest)\"", 304), ("\"x\",W/\"\(digest)\" , \"y\"", 304),
            (" * ", 304),
            (",,", 200), ("\"\(digest)", 304), ("\"\(digest)x\"", 200), ("W/", 200), ("\"\"", 200),
        ] {
            let answer = try await api.send(.GET, "/v2/a/manifests/v1", [("If-None-Match", condition)])
            #expect(answer.status == status, "\(condition)")
        }
        #expect(try await api.send(.GET, "/v2/a/manifests/v2", [("If-None-Match", "*")]).status == 404)
    }

    @Test("A refused URL of a layer is 400 with the URL; an accepted one needs no blob")
    func layerURLs() async throws {
        let rules = try URLRules(allow: ["^https://good\\."], deny: [])
        let api = API(TestStorage(), { $0.urlRules = rules })
        try await api.push("{}", to: "a")
        func manifest(_ url: String) -> String {
            let layer = Documents.descriptor(.ociForeignLayerGzip, "foreign", #","urls":["\#(url)"]"#)
            return #"{"schemaVersion":2,"config":\#(Documents.descriptor(.ociConfig, "{}")),"layers":[\#(layer)]}"#
        }
        #expect(try await api.put(manifest("https://good.test/x"), at: "/v2/a/manifests/v1").status == 201)
        let refused = try await api.put(manifest("https://bad.test/x"), at: "/v2/a/manifests/v2")
        #expect(refused.status == 400)
        #expect(refused.codes == ["MANIFEST_INVALID"])
        #expect(refused.errors.first?["detail"] as? String == "https://bad.test/x")
    }

    @Test("If-None-Match with the digest is 304")
    func conditions() async throws {
        let api = API()
        let digest = digest(of: try await api.pushImage(to: "a", tag: "v1"))
        for (condition, status) in [("\"\(digest)\"", 304), (digest, 304), ("*", 304), ("\"other\"", 200)] {
            for method: HTTPMethod in [.GET, .HEAD] {
                let answer = try await api.send(method, "/v2/a/manifests/v1", [("If-None-Match", condition)])
                #expect(answer.status == status, "\(condition)")
                #expect(answer["Docker-Content-Digest"] == digest)
            }
        }
    }

    @Test(
        "No Accept keeps a manifest from a client that asks for it",
        arguments: [
            nil, "", "*/*", "text/html", "application/vnd.docker.distribution.manifest.v2+json", ";;,,", "\u{e9}",
        ])
    func accept(value: String?) async throws {
        let api = API()
        let manifest = try await api.pushImage(to: "a", tag: "v1")
        let index = Documents.list(.ociIndex, [(manifest, .ociManifest, "linux/amd64")])
        #expect(try await api.put(index, at: "/v2/a/manifests/index", .ociIndex).status == 201)
        let headers = value.map { [("Accept", $0)] } ?? []
        #expect(try await api.send(.GET, "/v2/a/manifests/v1", headers).text == manifest)
        #expect(try await api.send(.GET, "/v2/a/manifests/index", headers).text == index)
    }

    /// A list of two docker images, pushed; the children in the order arm64, amd64.
    private func pushList(_ api: API) async throws -> (list: String, amd64: String) {
        for blob in ["{}", "layer"] { try await api.push(blob, to: "a") }
        let children = ["arm64", "amd64"].map { Documents.image(note: $0, type: .dockerManifest) }
        for child in children {
            let answer = try await api.put(child, at: "/v2/a/manifests/\(digest(of: child))", .dockerManifest)
            #expect(answer.status == 201, "\(answer.text)")
        }
        let list = Documents.list(
            .dockerManifestList,
            [(children[0], .dockerManifest, "linux/arm64"), (children[1], .dockerManifest, "linux/amd64")])
        #expect(try await api.put(list, at: "/v2/a/manifests/v1", .dockerManifestList).status == 201)
        return (list, children[1])
    }

    @Test(
        "A docker list by tag is replaced by linux/amd64 for clients that don't know lists",
        arguments: [
            (nil, false), ("application/vnd.docker.distribution.manifest.v2+json", false), ("text/html", false),
            ("application/vnd.docker.distribution.manifest.list.v2+json", true), ("*/*", true), ("application/*", true),
            ("text/html, application/vnd.docker.distribution.manifest.list.v2+json;q=0.5", true),
        ] as [(String?, Bool)])
    func substitution(value: String?, isList: Bool) async throws {
        let api = API()
        let (list, amd64) = try await pushList(api)
        let headers = value.map { [("Accept", $0)] } ?? []
        let expected = isList ? list : amd64
        for method: HTTPMethod in [.GET, .HEAD] {
            let answer = try await api.send(method, "/v2/a/manifests/v1", headers)
            #expect(answer.status == 200)
            #expect(answer["Docker-Content-Digest"] == digest(of: expected))
            #expect(answer["Content-Length"] == String(expected.utf8.count))
            let type: MediaType = isList ? .dockerManifestList : .dockerManifest
            #expect(answer["Content-Type"] == type.rawValue)
            if method == .GET { #expect(answer.text == expected) }
        }
        let known = try await api.send(
            .GET, "/v2/a/manifests/v1", headers + [("If-None-Match", digest(of: expected))])
        #expect(known.status == 304)
        #expect(try await api.send(.GET, "/v2/a/manifests/\(digest(of: list))", headers).text == list)
    }

    @Test("A docker list without linux/amd64 is unknown to clients that don't know lists")
    func noSubstitute() async throws {
        let api = API(TestStorage(), { $0.indexValidation = .none })
        let list = Documents.list(.dockerManifestList, [("gone", .dockerManifest, "linux/arm64")])
        let dangling = Documents.list(.dockerManifestList, [("gone", .dockerManifest, "linux/amd64")])
        for (tag, list) in [("arm", list), ("dangling", dangling)] {
            #expect(try await api.put(list, at: "/v2/a/manifests/\(tag)", .dockerManifestList).status == 201)
            let answer = try await api.send(.GET, "/v2/a/manifests/\(tag)")
            #expect(answer.status == 404)
            #expect(answer.codes == ["MANIFEST_UNKNOWN"])
        }
    }

    @Test(
        "The Content-Type of a push must name a manifest",
        arguments: [
            nil, "", "application/json", "application/octet-stream", "text/plain",
            "application/vnd.oci.image.config.v1+json",
            "application/vnd.docker.distribution.manifest.v1+json",
            "application/vnd.docker.distribution.manifest.v1+prettyjws",
        ])
    func contentTypes(type: String?) async throws {
        let api = API()
        for blob in ["{}", "layer"] { try await api.push(blob, to: "a") }
        let answer = try await api.send(
            .PUT, "/v2/a/manifests/v1", type.map { [("Content-Type", $0)] } ?? [], body: Documents.image(type: nil))
        #expect(answer.status == 400)
        #expect(answer.codes == ["MANIFEST_INVALID"])
    }

    @Test("The Content-Type may have parameters, and any letter case; the answer's has neither")
    func contentTypeParameters() async throws {
        let api = API()
        for blob in ["{}", "layer"] { try await api.push(blob, to: "a") }
        let type = "Application/vnd.oci.image.manifest.v1+JSON; charset=utf-8"
        let put = try await api.send(
            .PUT, "/v2/a/manifests/v1", [("Content-Type", type)], body: Documents.image(type: nil))
        #expect(put.status == 201)
        #expect(try await api.send(.GET, "/v2/a/manifests/v1")["Content-Type"] == MediaType.ociManifest.rawValue)
    }

    @Test("A manifest above the limit is 413; one at the limit is read")
    func tooLarge() async throws {
        let api = API(TestStorage(), { $0.manifestLimit = 1000 })
        for blob in ["{}", "layer"] { try await api.push(blob, to: "a") }
        let base = Documents.image().utf8.count
        let fits = Documents.image(note: String(repeating: "x", count: 1000 - base))
        #expect(fits.utf8.count == 1000)
        #expect(try await api.put(fits, at: "/v2/a/manifests/v1").status == 201)
        let answer = try await api.put(fits + " ", at: "/v2/a/manifests/v2")
        #expect(answer.status == 413)
        #expect(answer.codes == ["MANIFEST_INVALID"])
    }

    @Test("Missing layers are 400, one MANIFEST_BLOB_UNKNOWN with the digest for each")
    func missingLayers() async throws {
        let api = API()
        let answer = try await api.put(Documents.image(layers: ["a", "b"]), at: "/v2/a/manifests/v1")
        #expect(answer.status == 400)
        #expect(answer.codes == Array(repeating: "MANIFEST_BLOB_UNKNOWN", count: 3))
        #expect(answer.errors.map { $0["detail"] as? String } == ["{}", "a", "b"].map { digest(of: $0) })
    }

    @Test("What isn't there is MANIFEST_UNKNOWN, also in repositories that don't exist")
    func unknown() async throws {
        let api = API()
        try await api.pushImage(to: "a", tag: "v1")
        for name in ["a", "nowhere"] {
            for reference in ["v2", digest(of: "x"), digest(of: "x", .sha512)] {
                for method: HTTPMethod in [.GET, .HEAD, .DELETE] {
                    let answer = try await api.send(method, "/v2/\(name)/manifests/\(reference)")
                    #expect(answer.status == 404)
                    if method != .HEAD { #expect(answer.codes == ["MANIFEST_UNKNOWN"]) }
                }
            }
        }
    }

    @Test("Deletions are 202, by tag and by digest; where they are off, 405")
    func delete() async throws {
        let api = API()
        let manifest = try await api.pushImage(to: "a", tag: "v1")
        try await api.pushImage(to: "a", tag: "v2")
        let off = API(api.storage, { $0.deleteEnabled = false })
        for reference in ["v1", digest(of: manifest)] {
            let answer = try await off.send(.DELETE, "/v2/a/manifests/\(reference)")
            #expect(answer.status == 405)
            #expect(answer.codes == ["UNSUPPORTED"])
        }
        let tag = try await api.send(.DELETE, "/v2/a/manifests/v1")
        #expect(tag.status == 202)
        #expect(tag["Content-Length"] == "0")
        #expect(try await api.send(.GET, "/v2/a/manifests/v1").status == 404)
        #expect(try await api.send(.GET, "/v2/a/manifests/v2").status == 200)
        #expect(try await api.send(.DELETE, "/v2/a/manifests/\(digest(of: manifest))").status == 202)
        #expect(try await api.send(.GET, "/v2/a/manifests/v2").status == 404)
    }

    @Test("A read-only registry serves, and refuses every write with 405")
    func readOnly() async throws {
        let api = API()
        let manifest = try await api.pushImage(to: "a", tag: "v1")
        let readOnly = API(api.storage, { $0.readOnly = true })
        #expect(try await readOnly.send(.GET, "/v2/a/manifests/v1").text == manifest)
        let answers = [
            try await readOnly.put(manifest, at: "/v2/a/manifests/v2"),
            try await readOnly.send(.DELETE, "/v2/a/manifests/v1"),
            try await readOnly.send(.POST, "/v2/a/blobs/uploads/"),
            try await readOnly.send(.POST, "/v2/a/blobs/uploads/?mount=\(digest(of: "{}"))&from=a"),
            try await readOnly.send(.DELETE, "/v2/a/blobs/\(digest(of: "{}"))"),
        ]
        for answer in answers {
            #expect(answer.status == 405)
            #expect(answer.codes == ["UNSUPPORTED"])
        }
    }

    @Test("A pull by tag costs four calls the first time, two later; by digest one")
    func cost() async throws {
        let storage = TestStorage()
        let digest = digest(of: try await API(storage).pushImage(to: "a", tag: "v1"))
        let api = API(storage)
        for (reference, calls) in [("v1", 4), ("v1", 2), (digest, 1)] {
            storage.forget()
            try await api.send(.GET, "/v2/a/manifests/\(reference)")
            #expect(storage.calls.count == calls)
        }
    }
}
