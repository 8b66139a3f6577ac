import Foundation
import TestSupport
import Testing

@Suite("Less usual images by skopeo, podman and buildah")
struct ImageFormatTests {
    @Test("skopeo syncs a repository to a directory and a directory to a repository", .timeLimit(.minutes(4)))
    func sync() async throws {
        try await withRegistry { registry, directory in
            let layout = try await OCILayout.multiArchitecture(in: directory.path("in"), layerSizes: [500, 30_000])
            for tag in ["1", "2"] { try await Skopeo.push(layout.path, to: registry, "sync/app:" + tag) }
            let out = try directory.makeDirectory("out")
            try await Command.run(
                "skopeo",
                [
                    "sync", "--all", "--src", "docker", "--dest", "dir", "--src-tls-verify=false",
                    registry.host + "/sync/app", out,
                ]
            ).checked()
            try await Command.run(
                "skopeo",
                [
                    "sync", "--all", "--src", "dir", "--dest", "docker", "--dest-tls-verify=false", out,
                    registry.host + "/back",
                ]
            ).checked()
            let tags = try await registry.curl("/v2/back/app/tags/list").json
            #expect(tags["tags"] as? [String] == ["1", "2"])
            let index = try await registry.curl("/v2/back/app/manifests/2", "-H", "Accept: */*")
            #expect(index["Docker-Content-Digest"] == (try layout.index().digest))
        }
    }

    @Test("An encrypted image keeps its keys, and can be read with the private one", .timeLimit(.minutes(3)))
    func encrypted() async throws {
        try await withRegistry { registry, directory in
            let layout = try await OCILayout.multiArchitecture(in: directory.path("in"), layerSizes: [5000])
            let (secret, open) = (directory.path("secret.pem"), directory.path("open.pem"))
            try await Command.run("openssl", ["genrsa", "-out", secret, "2048"]).checked()
            try await Command.run("openssl", ["rsa", "-in", secret, "-pubout", "-out", open]).checked()
            let image = registry.image("encrypted/app:1")
            let amd64 = ["--override-arch", "amd64"]
            try await Command.run(
                "skopeo",
                ["copy"] + amd64 + [
                    "--encryption-key", "jwe:" + open, "--dest-tls-verify=false", "oci:" + layout.path, image,
                ]
            ).checked()
            let manifest = try await Skopeo.inspect(registry, "encrypted/app:1")
            let layer = try #require((manifest["layers"] as? [[String: Any]])?.first)
            #expect((layer["mediaType"] as? String)?.hasSuffix("+encrypted") == true)
            let out = directory.path("out")
            try await Command.run(
                "skopeo",
                ["copy"] + amd64 + ["--decryption-key", secret, "--src-tls-verify=false", image, "oci:" + out]
            ).checked()
            // What was encrypted is a layer of the source again.
            #expect(Set(try OCILayout(path: out).blobNames()).intersection(try layout.blobNames()).count >= 2)
        }
    }

    @Test("An index without its images is refused unless the configuration allows it", .timeLimit(.minutes(3)))
    func indexOnly() async throws {
        try await withTemporaryDirectory { directory in
            let layout = try await OCILayout.multiArchitecture(in: directory.path("in"), layerSizes: [100])
            func copy(to registry: Registry) async throws -> CommandResult {
                try await Command.run(
                    "skopeo",
                    [
                        "copy", "--multi-arch", "index-only", "--dest-tls-verify=false", "oci:" + layout.path,
                        registry.image("sparse:1"),
                    ])
            }
            try await withRegistry(in: directory) { registry in
                let refused = try await copy(to: registry)
                #expect(!refused.isSuccess)
                #expect(refused.errorText.contains("unknown"), "\(refused)")
            }
            var configuration = Configuration.filesystem(directory.path("sparse-root"))
            configuration.more = "validation: {manifests: {indexes: {platforms: none}}}"
            try await withRegistry(in: directory, configuration) { registry in
                try await copy(to: registry).checked()
                let index = try await registry.curl("/v2/sparse/manifests/1", "-H", "Accept: */*")
                #expect(index["Docker-Content-Digest"] == (try layout.index().digest))
            }
        }
    }

    @Test("An image is deleted by its digest, with all its tags", .timeLimit(.minutes(3)))
    func deleteByDigest() async throws {
        try await withRegistry { registry, directory in
            let layout = try await OCILayout.multiArchitecture(in: directory.path("in"), layerSizes: [10])
            for tag in ["one", "two"] { try await Skopeo.push(layout.path, to: registry, "app:" + tag) }
            let image = registry.image("app@" + (try layout.index().digest))
            try await Command.run("skopeo", ["delete", "--tls-verify=false", image]).checked()
            for tag in ["one", "two"] { #expect(try await registry.curl("/v2/app/manifests/" + tag).status == 404) }
            let list = try await Command.run("skopeo", ["list-tags", "--tls-verify=false", registry.image("app")])
            #expect((try list.checked().json()["Tags"] as? [String] ?? []).isEmpty)
        }
    }

    @Test(
        "Layers compressed with zstd go in and come out", .timeLimit(.minutes(4)))
    func zstd() async throws {
        try await withRegistry { registry, directory in
            let podman = ContainerToolsTests.Tool(name: "podman", storage: directory)
            let buildah = ContainerToolsTests.Tool(name: "buildah", storage: directory)
            let file = try directory.write(UUID().uuidString, to: "file")
            let container = try await buildah("from", "scratch")
            try await buildah("copy", container, file, "/file")
            try await buildah("commit", container, "built")
            try await buildah("rm", container)
            let target = "docker://\(registry.host)/formats:zstd"
            try await podman("push", "--tls-verify=false", "--compression-format", "zstd", "built", target)
            let manifest = try await Skopeo.inspect(registry, "formats:zstd")
            let layers = try #require(manifest["layers"] as? [[String: Any]])
            #expect(layers.allSatisfy { ($0["mediaType"] as? String)?.hasSuffix("+zstd") == true }, "\(layers)")
            try await podman("rmi", "--all", "--force")
            try await podman("pull", "--tls-verify=false", "\(registry.host)/formats:zstd")
        }
    }
}
