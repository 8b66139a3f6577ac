import Foundation
import TestSupport
import Testing

@Suite("Roots with debris")
struct DebrisTests {
    private static let base = "root/docker/registry/v2"
    private static let app = base + "/repositories/app"
    private static let missing = "sha256:" + String(repeating: "ab", count: 32)

    @Test("Everything else is served, nothing is an error of the server", .timeLimit(.minutes(3)))
    func served() async throws {
        try await withRegistry { registry, directory in
            let image = try await ImageManifest(layers: [Blob.random(20_000)])
            try await registry.connect().push(image, to: "app", tag: "good")
            try await registry.connect().push(image, to: "app", tag: "newline")
            let digest = image.manifest.digest
            try directory.write(digest + "\n", to: Self.app + "/_manifests/tags/newline/current/link")
            try await scatter(in: directory, beside: image)

            let again = try await restarted(registry)
            let connection = try await again.connect()
            try await expectServed(image, tag: "good", by: again)
            try await expectServed(image, tag: "newline", by: again)
            let catalog = try await connection.request("GET", "/v2/_catalog")
            #expect(catalog.json["repositories"] as? [String] == ["app", "empty", "odd"])
            let list = try await connection.request("GET", "/v2/app/tags/list")
            #expect(
                list.json["tags"] as? [String]
                    == ["dangling", "directory", "empty", "garbage", "good", "halfway", "newline", "old", "other"])
            for tag in ["dangling", "directory", "empty", "garbage", "halfway", "old", "other", "file"] {
                for method in ["GET", "HEAD"] {
                    let answer = try await connection.request(method, "/v2/app/manifests/\(tag)")
                    #expect(answer.status == 404, "\(method) \(tag): \(answer.status) \(answer.text)")
                }
            }
            for name in ["file", "odd", "empty", "uploading", "foreign", "UPPER"] {
                for path in ["tags/list", "manifests/x", "blobs/\(Self.missing)", "blobs/uploads/\(UUID())"] {
                    let answer = try await connection.request("GET", "/v2/\(name)/\(path)")
                    #expect([200, 400, 404].contains(answer.status), "\(name)/\(path): \(answer.status)")
                }
            }
            try await goesOn(again, image)
            await again.process.terminate()
        }
    }

    /// What was wrong is mended by pushing and deleting as usual.
    private func goesOn(_ registry: Registry, _ image: ImageManifest) async throws {
        let connection = try await registry.connect()
        for tag in ["dangling", "directory", "garbage", "halfway", "new"] where tag != "directory" {
            try await connection.push(image, to: "app", tag: tag)
            try await expectServed(image, tag: tag, by: registry)
        }
        try await connection.push(image, to: "empty", tag: "first")
        #expect(try await connection.request("DELETE", "/v2/app/manifests/empty").status < 500)
        let digest = image.manifest.digest
        #expect(try await connection.request("DELETE", "/v2/app/manifests/\(digest)").status == 202)
        #expect(try await connection.request("GET", "/v2/app/manifests/good").status == 404)
        #expect(try await connection.request("GET", "/v2/app/manifests/newline").status == 404)
    }

    private func restarted(_ registry: Registry) async throws -> Registry {
        await registry.process.terminate()
        return try await registry.restarted()
    }

    private func scatter(in directory: TemporaryDirectory, beside image: ImageManifest) async throws {
        let (base, app) = (Self.base, Self.app)
        let hex = String(image.manifest.digest.dropFirst(7))
        // Crashes and copies that were broken off.
        let temporary = "data." + String(repeating: "0f", count: 16) + ".tmp"
        try directory.write("half", to: "\(base)/blobs/sha256/ab/\(Self.missing.dropFirst(7))/\(temporary)")
        try directory.write("half", to: "\(app)/_manifests/revisions/sha256/\(hex)/link.\(UUID()).tmp")
        try directory.write("", to: "\(app)/_manifests/tags/halfway/index/sha256/\(hex)/link")
        try directory.write("", to: "\(app)/_manifests/tags/empty/current/link")
        try directory.write("sha256:123", to: "\(app)/_manifests/tags/garbage/current/link")
        try directory.makeDirectory("\(app)/_manifests/tags/directory/current/link")
        // Links to what isn't there, or isn't this repository's.
        try directory.write(Self.missing, to: "\(app)/_manifests/tags/dangling/current/link")
        try directory.write(
            Self.missing, to: "\(app)/_manifests/revisions/sha256/\(Self.missing.dropFirst(7))/link")
        try directory.write(Self.missing, to: "\(app)/_layers/sha256/\(Self.missing.dropFirst(7))/link")
        try directory.write(image.layers[0].digest, to: "\(app)/_manifests/tags/other/current/link")
        // What older versions and other programs left.
        try await plantSchema1(in: directory)
        try directory.write("x", to: "\(app)/_manifests/revisions/sha256/\(hex)/signatures/sha256/1234/link")
        try directory.write("data", to: "\(app)/_uploads/\(UUID())/data")
        try directory.write("yesterday", to: "\(app)/_uploads/\(UUID())/startedat")
        try directory.write("x", to: "\(app)/_uploads/\(UUID())/hashstates/sha256/0")
        for path in [
            "\(base)/blobs/README", "\(base)/blobs/sha256/README", "\(base)/repositories/file", "\(base)/foreign",
            "\(base)/repositories/foreign/sub/file", "\(base)/repositories/UPPER/_manifests/tags/x/current/link",
            "\(app)/_manifests/tags/file", "\(app)/_manifests/revisions/file", "\(base)/repositories/odd/_layers",
            "\(base)/repositories/odd/_uploads", "\(base)/repositories/odd/_manifests/tags", "\(app)/_odd/file",
            "root/lost+found/file", "\(base)/repositories/uploading/_uploads/1/startedat",
        ] {
            try directory.write("x", to: path)
        }
        try directory.makeDirectory("\(base)/repositories/empty/_manifests")
        for place in ["repositories/dangling", "repositories/app/_manifests/tags/link", "blobs/sha256/link"] {
            try FileManager.default.createSymbolicLink(
                atPath: directory.path("\(base)/\(place)"), withDestinationPath: "/nowhere/at/all")
        }
    }

    /// A manifest of the format before the last, as it may lie in a root of many years.
    private func plantSchema1(in directory: TemporaryDirectory) async throws {
        let old = try await Blob(#"{"schemaVersion":1,"name":"app","tag":"old","fsLayers":[],"history":[]}"#)
        let hex = old.digest.dropFirst(7)
        try directory.write(old.bytes, to: "\(Self.base)/blobs/sha256/\(hex.prefix(2))/\(hex)/data")
        try directory.write(old.digest, to: "\(Self.app)/_manifests/revisions/sha256/\(hex)/link")
        try directory.write(old.digest, to: "\(Self.app)/_manifests/tags/old/current/link")
    }
}
