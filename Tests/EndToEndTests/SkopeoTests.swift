import Foundation
import TestSupport
import Testing

@Suite("Images by skopeo")
struct SkopeoTests {
    @Test("A multi-architecture image goes in and comes out with every digest", .timeLimit(.minutes(5)))
    func multiArchitecture() async throws {
        try await withRegistry { registry, directory in
            let layout = try await OCILayout.multiArchitecture(
                in: directory.path("in"), layerSizes: [1, 4000, 700_000])
            try await Skopeo.push(layout.path, to: registry, "library/app:1.0")
            try await Skopeo.pull(registry, "library/app:1.0", into: directory.path("out"))
            let copy = try OCILayout(path: directory.path("out"))
            #expect(try copy.index() == layout.index())
            #expect(try copy.blobNames() == layout.blobNames())

            // A second push finds every blob, and by digest each child can be had alone.
            try await Skopeo.push(layout.path, to: registry, "library/app:again")
            let inspected = try await Skopeo.inspect(registry, "library/app@" + layout.index().digest)
            #expect(inspected["manifests"] != nil)
            let tags = try await registry.curl("/v2/library/app/tags/list").json
            #expect(tags["tags"] as? [String] == ["1.0", "again"])
        }
    }

    @Test(
        "A multi-architecture image that buildah built, with a layer of more than 200 MB, keeps every digest",
        .timeLimit(.minutes(8)))
    func largeLayer() async throws {
        try await withRegistry { registry, directory in
            let layout = try await OCILayout.builtByBuildah(in: directory, largeLayer: 210_000_000)
            #expect(try layout.blobNames().count >= 9)
            try await Skopeo.push(layout.path, to: registry, "large:latest")
            try await Skopeo.pull(registry, "large:latest", into: directory.path("out"))
            let copy = try OCILayout(path: directory.path("out"))
            #expect(try copy.index().digest == layout.index().digest)
            #expect(try copy.blobNames() == layout.blobNames())
            for name in try copy.blobNames() {
                #expect(try await sha256(ofFile: copy.path + "/blobs/sha256/" + name) == "sha256:" + name)
            }
        }
    }

    @Test("An image in Docker's own format keeps its media types", .timeLimit(.minutes(3)))
    func dockerFormat() async throws {
        try await withRegistry { registry, directory in
            let layout = try await OCILayout.multiArchitecture(in: directory.path("in"), layerSizes: [1000, 50_000])
            let platform = ["--override-arch", "arm64", "--format", "v2s2", "--dest-tls-verify=false"]
            try await Command.run(
                "skopeo", ["copy"] + platform + ["oci:\(layout.path)", registry.image("docker/app:1")]
            ).checked()
            let type = "application/vnd.docker.distribution.manifest.v2+json"
            let manifest = try await registry.curl("/v2/docker/app/manifests/1", "-H", "Accept: \(type)")
            #expect(manifest["Content-Type"] == type)
            #expect(manifest.json["mediaType"] as? String == type)
            try await Command.run(
                "skopeo",
                ["copy", "--src-tls-verify=false", registry.image("docker/app:1"), "dir:\(directory.path("out"))"]
            ).checked()
            #expect(try directory.read("out/manifest.json") == manifest.body)
        }
    }

    @Test("skopeo lists, inspects and deletes", .timeLimit(.minutes(3)))
    func otherCommands() async throws {
        try await withRegistry { registry, directory in
            let layout = try await OCILayout.multiArchitecture(in: directory.path("in"), layerSizes: [10])
            for tag in ["one", "two"] { try await Skopeo.push(layout.path, to: registry, "app:" + tag) }
            let list = try await Command.run("skopeo", ["list-tags", "--tls-verify=false", registry.image("app")])
            #expect(try list.checked().json()["Tags"] as? [String] == ["one", "two"])
            try await Command.run("skopeo", ["delete", "--tls-verify=false", registry.image("app:one")]).checked()
            let gone = try await registry.curl("/v2/app/manifests/one")
            #expect(gone.status == 404)
        }
    }
}

/// skopeo against a registry on loopback without TLS.
enum Skopeo {
    /// Copies a whole OCI layout, every platform of it, into a registry.
    static func push(_ layout: String, to registry: Registry, _ image: String) async throws {
        try await Command.run(
            "skopeo", ["copy", "--all", "--dest-tls-verify=false", "oci:" + layout, registry.image(image)],
            timeout: .seconds(240)
        ).checked()
    }

    /// Copies an image, every platform of it, out of a registry into a new OCI layout.
    static func pull(_ registry: Registry, _ image: String, into layout: String) async throws {
        try await Command.run(
            "skopeo", ["copy", "--all", "--src-tls-verify=false", registry.image(image), "oci:" + layout],
            timeout: .seconds(240)
        ).checked()
    }

    /// The manifest or index as skopeo gets it.
    static func inspect(_ registry: Registry, _ image: String) async throws -> [String: Any] {
        try await Command.run("skopeo", ["inspect", "--raw", "--tls-verify=false", registry.image(image)])
            .checked().json()
    }
}
