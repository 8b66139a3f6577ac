import Foundation
import TestSupport
import Testing

@Suite("The API by curl")
struct CurlTests {
    @Test("The base answers 200 and names the API version", .timeLimit(.minutes(2)))
    func base() async throws {
        try await withRegistry { registry, _ in
            let response = try await registry.curl("/v2/")
            #expect(response.status == 200)
            #expect(response["Docker-Distribution-Api-Version"] == "registry/2.0")
        }
    }

    /// The ways in which clients send a blob.
    enum Upload: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case put = "POST, then PUT with the body"
        case patch = "POST, PATCH, then an empty PUT"
        case patches = "POST, PATCHes with Content-Range, then PUT with the rest"
        case chunkedPatch = "POST, PATCH in chunked coding, then an empty PUT"
        case monolithicPost = "POST with the digest and the body"

        var testDescription: String { rawValue }
    }

    @Test("A blob comes back byte for byte, however it was sent", .timeLimit(.minutes(2)), arguments: Upload.allCases)
    func roundTrip(upload: Upload) async throws {
        try await withRegistry { registry, directory in
            let blob = try await Blob.random(100_000)
            let stored = try await push(blob, upload, registry, directory)
            try #require(stored.status == 201, "\(UnexpectedResponse(stored))")
            #expect(stored["Docker-Content-Digest"] == blob.digest)
            let location = try #require(stored["Location"])
            #expect(pathAndQuery(location) == "/v2/a/b/blobs/\(blob.digest)")

            let pulled = try await registry.curl("/v2/a/b/blobs/\(blob.digest)")
            #expect(pulled.status == 200)
            #expect(pulled.body == blob.bytes)
            #expect(pulled["Docker-Content-Digest"] == blob.digest)
            let head = try await registry.curl("/v2/a/b/blobs/\(blob.digest)", "--head")
            #expect(head.status == 200)
            #expect(head["Content-Length"] == "100000")
            #expect(try await registry.curl("/v2/other/blobs/\(blob.digest)").status == 404)
        }
    }

    private func push(
        _ blob: Blob, _ upload: Upload, _ registry: Registry, _ directory: TemporaryDirectory
    ) async throws -> RawResponse {
        let file = try directory.write(blob.bytes, to: "blob")
        let octets = ["-H", "Content-Type: application/octet-stream"]
        if upload == .monolithicPost {
            return try await Curl.run(
                octets + ["--data-binary", "@" + file, registry.url("/v2/a/b/blobs/uploads/?digest=" + blob.digest)])
        }
        let opened = try await registry.curl("/v2/a/b/blobs/uploads/", "-X", "POST")
        #expect(opened.status == 202)
        #expect(opened["Docker-Upload-UUID"] != nil)
        var session = registry.url(pathAndQuery(try #require(opened["Location"])))
        var rest = blob.bytes
        for part in parts(of: upload, total: blob.bytes.count) {
            let arguments = octets + part.arguments + ["-X", "PATCH", "--data-binary", "@-", session]
            let patched = try await Curl.run(arguments, input: rest.prefix(part.size))
            rest = Data(rest.dropFirst(part.size))
            #expect(patched.status == 202)
            #expect(patched["Range"] == "0-\(blob.bytes.count - rest.count - 1)")
            session = registry.url(pathAndQuery(try #require(patched["Location"])))
        }
        return try await Curl.run(
            octets + ["-X", "PUT", "--data-binary", "@-", adding(digest: blob.digest, to: session)], input: rest)
    }

    private func parts(of upload: Upload, total: Int) -> [(size: Int, arguments: [String])] {
        switch upload {
        case .put, .monolithicPost: []
        case .patch: [(total, [])]
        case .chunkedPatch: [(total, ["-H", "Transfer-Encoding: chunked"])]
        case .patches:
            [
                (30_000, ["-H", "Content-Range: 0-29999"]),
                (40_000, ["-H", "Content-Range: 30000-69999"]),
            ]
        }
    }

    @Test("A HEAD has the length of the content and no body, and the connection goes on", .timeLimit(.minutes(2)))
    func heads() async throws {
        try await withRegistry { registry, _ in
            let connection = try await registry.connect()
            let image = try await ImageManifest(layers: [Blob.random(5000)])
            try await connection.push(image, to: "a", tag: "1")
            for (path, content) in [
                ("blobs/\(image.layers[0].digest)", image.layers[0]), ("manifests/1", image.manifest),
            ] {
                let head = try await connection.request(
                    "HEAD", "/v2/a/\(path)", headers: [("Accept", ImageManifest.mediaType)])
                #expect(head.status == 200)
                #expect(head["Content-Length"] == String(content.bytes.count))
                #expect(head["Docker-Content-Digest"] == content.digest)
            }
            #expect(try await connection.request("HEAD", "/v2/a/manifests/2").status == 404)
            #expect(try await connection.request("GET", "/v2/").status == 200)
        }
    }

    @Test("A range of a blob is 206 with just those bytes", .timeLimit(.minutes(2)))
    func ranges() async throws {
        try await withRegistry { registry, _ in
            let blob = try await Blob.random(10_000)
            try await registry.connect().push(blob, to: "ranges")
            let path = "/v2/ranges/blobs/\(blob.digest)"
            for (range, expected) in [
                ("0-0", 0...0), ("100-199", 100...199), ("9000-", 9000...9999), ("-5", 9995...9999),
            ] {
                let response = try await registry.curl(path, "-r", range)
                #expect(response.status == 206, "\(range)")
                #expect(response.body == blob.bytes[expected], "\(range)")
                #expect(response["Content-Range"] == "bytes \(expected.lowerBound)-\(expected.upperBound)/10000")
            }
            let beyond = try await registry.curl(path, "-r", "10000-")
            #expect(beyond.status == 416)
        }
    }

    @Test("What is not there is 404 with its code in the envelope", .timeLimit(.minutes(2)))
    func missing() async throws {
        try await withRegistry { registry, _ in
            let digest = "sha256:" + String(repeating: "0", count: 64)
            let cases = [
                ("/v2/a/manifests/latest", "MANIFEST_UNKNOWN"),
                ("/v2/a/manifests/" + digest, "MANIFEST_UNKNOWN"),
                ("/v2/a/blobs/" + digest, "BLOB_UNKNOWN"),
                ("/v2/a/tags/list", "NAME_UNKNOWN"),
                ("/v2/a/blobs/uploads/7c2b1f4e-0000-4000-8000-000000000000", "BLOB_UPLOAD_UNKNOWN"),
            ]
            for (path, code) in cases {
                let response = try await registry.curl(path)
                #expect(response.status == 404, "\(path)")
                #expect(response.errorCode == code, "\(path): \(response.text)")
                #expect(response["Content-Type"]?.hasPrefix("application/json") == true, "\(path)")
            }
        }
    }

    @Test("A digest that does not hold is refused and leaves nothing", .timeLimit(.minutes(2)))
    func wrongDigest() async throws {
        try await withRegistry { registry, _ in
            let connection = try await registry.connect()
            let blob = try await Blob("one thing")
            let session = try await connection.beginUpload(in: "a")
            let response = try await connection.request(
                "PUT", adding(digest: blob.digest, to: session), body: Data("another".utf8))
            #expect(response.status == 400)
            #expect(response.errorCode == "DIGEST_INVALID")
            #expect(try await registry.curl("/v2/a/blobs/\(blob.digest)").status == 404)
        }
    }

    @Test("Tags and repositories are listed in pages", .timeLimit(.minutes(2)))
    func listings() async throws {
        try await withRegistry { registry, _ in
            let connection = try await registry.connect()
            let image = try await ImageManifest(layers: [Blob("layer")])
            for tag in ["c", "a", "b"] { try await connection.push(image, to: "z/one", tag: tag) }
            try await connection.push(image, to: "two", tag: "latest")

            let tags = try await registry.curl("/v2/z/one/tags/list")
            #expect(tags.json["name"] as? String == "z/one")
            #expect(tags.json["tags"] as? [String] == ["a", "b", "c"])
            let catalog = try await registry.curl("/v2/_catalog")
            #expect(catalog.json["repositories"] as? [String] == ["two", "z/one"])

            let first = try await registry.curl("/v2/_catalog?n=1")
            #expect(first.json["repositories"] as? [String] == ["two"])
            let link = try #require(first["Link"])
            #expect(link.hasSuffix(#"; rel="next""#))
            let next = try #require(link.split(separator: ">").first?.dropFirst())
            let second = try await registry.curl(registry.url(pathAndQuery(String(next))))
            #expect(second.json["repositories"] as? [String] == ["z/one"])
        }
    }

    @Test("Manifests come by tag and digest, move with their tag, and go when deleted", .timeLimit(.minutes(2)))
    func manifests() async throws {
        try await withRegistry { registry, _ in
            let connection = try await registry.connect()
            let old = try await ImageManifest(layers: [Blob("old")])
            let new = try await ImageManifest(layers: [Blob("new")])
            try await connection.push(old, to: "app", tag: "latest")
            try await connection.push(new, to: "app", tag: "latest")

            let tagged = try await registry.curl("/v2/app/manifests/latest", "-H", "Accept: \(ImageManifest.mediaType)")
            #expect(tagged.body == new.manifest.bytes)
            #expect(tagged["Content-Type"] == ImageManifest.mediaType)
            #expect(tagged["Docker-Content-Digest"] == new.manifest.digest)
            let byDigest = try await registry.curl(
                "/v2/app/manifests/\(old.manifest.digest)", "-H", "Accept: \(ImageManifest.mediaType)")
            #expect(byDigest.body == old.manifest.bytes)

            let deleted = try await registry.curl("/v2/app/manifests/\(new.manifest.digest)", "-X", "DELETE")
            #expect(deleted.status == 202)
            #expect(try await registry.curl("/v2/app/manifests/latest").status == 404)
            #expect(try await registry.curl("/v2/app/manifests/\(new.manifest.digest)").status == 404)
            let layer = try await registry.curl("/v2/app/blobs/\(new.layers[0].digest)", "-X", "DELETE")
            #expect(layer.status == 202)
            #expect(try await registry.curl("/v2/app/blobs/\(new.layers[0].digest)").status == 404)
        }
    }

    @Test("A manifest whose layer is missing is refused with its digest", .timeLimit(.minutes(2)))
    func incompleteManifest() async throws {
        try await withRegistry { registry, _ in
            let connection = try await registry.connect()
            let image = try await ImageManifest(layers: [Blob("never pushed")])
            try await connection.push(image.configuration, to: "app")
            let response = try await connection.request(
                "PUT", "/v2/app/manifests/latest", headers: [("Content-Type", ImageManifest.mediaType)],
                body: image.manifest.bytes)
            #expect(response.status == 400 || response.status == 404)
            #expect(response.errorCode == "MANIFEST_BLOB_UNKNOWN")
            #expect(response.text.contains(image.layers[0].digest))
            #expect(try await registry.curl("/v2/app/manifests/latest").status == 404)
        }
    }

    @Test("A blob is mounted from another repository without being sent", .timeLimit(.minutes(2)))
    func mount() async throws {
        try await withRegistry { registry, _ in
            let blob = try await Blob.random(1000)
            try await registry.connect().push(blob, to: "from")
            let mounted = try await registry.curl(
                "/v2/to/blobs/uploads/?mount=\(blob.digest)&from=from", "-X", "POST")
            #expect(mounted.status == 201)
            #expect(mounted["Docker-Content-Digest"] == blob.digest)
            #expect(try await registry.curl("/v2/to/blobs/\(blob.digest)").body == blob.bytes)
            let impossible = try await registry.curl(
                "/v2/to/blobs/uploads/?mount=\(blob.digest)&from=nowhere", "-X", "POST")
            #expect(impossible.status == 202 || impossible.status == 201)
        }
    }

    @Test("An upload can be asked for its progress and cancelled", .timeLimit(.minutes(2)))
    func progress() async throws {
        try await withRegistry { registry, _ in
            let connection = try await registry.connect()
            var session = try await connection.beginUpload(in: "a")
            let patched = try await connection.request("PATCH", session, body: Data(repeating: 7, count: 1234))
            session = pathAndQuery(try #require(patched["Location"]))
            let status = try await registry.curl(session)
            #expect(status.status == 204)
            #expect(status["Range"] == "0-1233")
            #expect(try await registry.curl(session, "-X", "DELETE").status == 204)
            #expect(try await registry.curl(session).status == 404)
        }
    }
}
