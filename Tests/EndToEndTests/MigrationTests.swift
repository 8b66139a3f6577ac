import Foundation
import TestSupport
import Testing

@Suite("Coming from Distribution and going back")
struct MigrationTests {
    private static let distribution = DistributionRootTests.distribution

    @Test("Lists, deletions and what was pushed since survive the way there and back", .timeLimit(.minutes(5)))
    func thereAndBack() async throws {
        try await withTemporaryDirectory { directory in
            let first = try await OCILayout.multiArchitecture(in: directory.path("1"), layerSizes: [10, 50_000])
            let second = try await OCILayout.multiArchitecture(in: directory.path("2"), layerSizes: [20])
            try await withRegistry(in: directory, server: Self.distribution) { old in
                for tag in ["keep", "also"] { try await Skopeo.push(first.path, to: old, "team/app:" + tag) }
                try await pushDockerList(first.path, to: old, "team/app:list")
                try await Skopeo.push(second.path, to: old, "team/app:gone")
                let gone = try second.index().digest
                #expect(try await old.curl("/v2/team/app/manifests/\(gone)", "-X", "DELETE").status == 202)
                let digests = try await digests(of: ["keep", "also", "list"], in: old)
                await old.process.terminate()

                let new = try await old.restarted(as: BuildProducts.server)
                #expect(try await self.digests(of: ["keep", "also", "list"], in: new) == digests)
                let tags = try await new.curl("/v2/team/app/tags/list").json["tags"] as? [String]
                #expect(tags == ["also", "keep", "list"])
                for reference in ["gone", gone] {
                    #expect(try await new.curl("/v2/team/app/manifests/\(reference)").status == 404)
                }
                // Removed by tag and by digest, pushed anew, pushed elsewhere.
                #expect(try await new.curl("/v2/team/app/manifests/also", "-X", "DELETE").status == 202)
                let list = try #require(digests["list"])
                #expect(try await new.curl("/v2/team/app/manifests/\(list)", "-X", "DELETE").status == 202)
                try await Skopeo.push(second.path, to: new, "team/app:new")
                try await Skopeo.push(second.path, to: new, "other:new")
                await new.process.terminate()

                let back = try await old.restarted(as: Self.distribution)
                let left = try await back.curl("/v2/team/app/tags/list").json["tags"] as? [String]
                #expect(left?.sorted() == ["keep", "new"])
                #expect(try await self.digests(of: ["keep"], in: back)["keep"] == digests["keep"])
                #expect(try await back.curl("/v2/team/app/manifests/\(list)").status == 404)
                for (image, layout) in [("team/app:keep", first), ("team/app:new", second), ("other:new", second)] {
                    let out = directory.path("out-\(image.filter(\.isLetter))")
                    try await Skopeo.pull(back, image, into: out)
                    #expect(try OCILayout(path: out).blobNames() == layout.blobNames())
                }
                #expect(try await back.curl("/v2/_catalog").json["repositories"] as? [String] == ["other", "team/app"])
                await back.process.terminate()
            }
        }
    }

    private func pushDockerList(_ layout: String, to registry: Registry, _ image: String) async throws {
        let options = ["--all", "--format", "v2s2", "--dest-tls-verify=false"]
        try await Command.run("skopeo", ["copy"] + options + ["oci:" + layout, registry.image(image)]).checked()
    }

    private func digests(of tags: [String], in registry: Registry) async throws -> [String: String] {
        var digests: [String: String] = [:]
        let types = [
            ImageManifest.mediaType, "application/vnd.oci.image.index.v1+json",
            "application/vnd.docker.distribution.manifest.list.v2+json",
        ]
        for tag in tags {
            let answer = try await registry.curl(
                "/v2/team/app/manifests/\(tag)", "-H", "Accept: \(types.joined(separator: ", "))")
            #expect(answer.status == 200)
            let digest = try #require(answer["Docker-Content-Digest"])
            #expect(try await sha256(of: answer.body) == digest)
            digests[tag] = digest
        }
        return digests
    }

    @Test("An upload that Distribution was in the middle of goes on by its name", .timeLimit(.minutes(2)))
    func uploadFromDistribution() async throws {
        try await withRegistryOf(Self.distribution) { old, directory in
            let blob = try await Blob.random(300_000)
            let begun = try await old.connect().beginUpload(in: "app")
            let type = [("Content-Type", "application/octet-stream")]
            let patch = try await old.connect().request("PATCH", begun, headers: type, body: blob.bytes.prefix(100_000))
            #expect(patch.status == 202)
            let name = try #require(patch["Docker-Upload-UUID"])
            await old.process.terminate()

            let new = try await old.restarted(as: BuildProducts.server)
            let status = try await new.connect().request("GET", "/v2/app/blobs/uploads/\(name)")
            #expect(status.status == 204 && status["Range"] == "0-99999", "\(status.text)")
            let location = pathAndQuery(try #require(status["Location"]))
            let put = try await new.connect().request(
                "PUT", adding(digest: blob.digest, to: location), body: Data(blob.bytes[100_000...]))
            #expect(put.status == 201, "\(put.text)")
            #expect(try await new.curl("/v2/app/blobs/\(blob.digest)").body == blob.bytes)
            await new.process.terminate()
            let uploads = directory.path("root/docker/registry/v2/repositories/app/_uploads")
            #expect((try? FileManager.default.contentsOfDirectory(atPath: uploads))?.isEmpty ?? true)

            let back = try await old.restarted(as: Self.distribution)
            #expect(try await back.curl("/v2/app/blobs/\(blob.digest)").body == blob.bytes)
            await back.process.terminate()
        }
    }

    @Test("A killed Mooring's upload goes on with Distribution, and back again", .timeLimit(.minutes(2)))
    func uploadToDistribution() async throws {
        try await withRegistryOf(BuildProducts.server) { new, _ in
            let blob = try await Blob.random(300_000)
            let begun = try await new.connect().beginUpload(in: "app")
            let patch = try await new.connect().request("PATCH", begun, body: blob.bytes.prefix(100_000))
            let location = pathAndQuery(try #require(patch["Location"]))
            await new.process.kill()

            let old = try await new.restarted(as: Self.distribution)
            let type = [("Content-Type", "application/octet-stream")]
            let rest = try await old.connect().request(
                "PATCH", location, headers: type, body: Data(blob.bytes[100_000..<200_000]))
            #expect(rest.status == 202, "\(rest.text)")
            let next = pathAndQuery(try #require(rest["Location"]))
            await old.process.terminate()

            let again = try await new.restarted()
            let put = try await again.connect().request(
                "PUT", adding(digest: blob.digest, to: next), body: Data(blob.bytes[200_000...]))
            #expect(put.status == 201, "\(put.text)")
            await again.process.terminate()
        }
    }

    private func withRegistryOf(
        _ server: String, _ body: (Registry, TemporaryDirectory) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            try await withRegistry(in: directory, server: server) { try await body($0, directory) }
        }
    }
}
