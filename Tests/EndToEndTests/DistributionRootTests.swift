import Foundation
import TestSupport
import Testing

@Suite("Roots shared with Distribution")
struct DistributionRootTests {
    static let distribution = "docker-registry"

    /// Which registry writes and which one then reads.
    enum Direction: String, CaseIterable, Sendable, CustomTestStringConvertible {
        case fromDistribution = "written by Distribution"
        case toDistribution = "written by Mooring"

        var testDescription: String { rawValue }
        var writer: String { self == .fromDistribution ? distribution : BuildProducts.server }
        var reader: String { self == .fromDistribution ? BuildProducts.server : distribution }
    }

    @Test(
        "A root is served by the other registry, unchanged and with the same config.yml",
        .timeLimit(.minutes(5)), arguments: Direction.allCases)
    func handOver(direction: Direction) async throws {
        try await withTemporaryDirectory { directory in
            let layout = try await OCILayout.multiArchitecture(in: directory.path("in"), layerSizes: [10, 90_000])
            try await withRegistry(in: directory, server: direction.writer) { writer in
                for image in ["app:1", "team/deep/name:latest"] {
                    try await Skopeo.push(layout.path, to: writer, image)
                }
                try await Command.run(
                    "skopeo",
                    [
                        "copy", "--override-arch", "amd64", "--format", "v2s2", "--dest-tls-verify=false",
                        "oci:\(layout.path)", writer.image("app:docker"),
                    ]
                ).checked()
                await writer.process.terminate()
                let before = try await tree(directory.path("root"))

                let reader = try await writer.restarted(as: direction.reader)
                let tags = try await reader.curl("/v2/app/tags/list").json["tags"] as? [String]
                // Distribution lists tags in the order of the directory before version 3.
                #expect(tags?.sorted() == ["1", "docker"])
                let catalog = try await reader.curl("/v2/_catalog").json["repositories"] as? [String]
                #expect(catalog == ["app", "team/deep/name"])
                try await Skopeo.pull(reader, "app:1", into: directory.path("out"))
                #expect(try OCILayout(path: directory.path("out")).blobNames() == layout.blobNames())
                let docker = ["copy", "--src-tls-verify=false", reader.image("app:docker")]
                try await Command.run("skopeo", docker + ["dir:\(directory.path("docker"))"]).checked()
                #expect(try await tree(directory.path("root")) == before)

                let second = try await OCILayout.multiArchitecture(in: directory.path("second"), layerSizes: [77])
                try await Skopeo.push(second.path, to: reader, "app:2")
                await reader.process.terminate()

                let back = try await writer.restarted(as: direction.writer)
                try await Skopeo.pull(back, "app:2", into: directory.path("back"))
                #expect(try OCILayout(path: directory.path("back")).blobNames() == second.blobNames())
                await back.process.terminate()
            }
        }
    }

    @Test("The same pushes leave the same files with the same content", .timeLimit(.minutes(5)))
    func sameFiles() async throws {
        try await withTemporaryDirectory { directory in
            let layout = try await OCILayout.multiArchitecture(in: directory.path("in"), layerSizes: [10, 90_000])
            var trees: [String] = []
            for server in [Self.distribution, BuildProducts.server] {
                let root = directory.path("root-\(trees.count)")
                try await withRegistry(in: directory, .filesystem(root), server: server) { registry in
                    try await Skopeo.push(layout.path, to: registry, "app:1")
                    try await Skopeo.push(layout.path, to: registry, "app:2")
                    try await Skopeo.push(layout.path, to: registry, "other/app:1")
                    let deleted = try await registry.curl(
                        "/v2/other/app/manifests/\(layout.index().digest)", "-X", "DELETE")
                    #expect(deleted.status == 202)
                }
                trees.append(try await tree(root))
            }
            #expect(!trees[0].isEmpty)
            #expect(trees[0] == trees[1])
        }
    }

    /// Every file of Distribution's layout with the digest of its content. What an upload left behind does not count:
    /// a session that ended may leave an empty directory.
    private func tree(_ root: String) async throws -> String {
        try await Command.run(
            "sh",
            [
                "-c",
                "cd \"$0\"/docker/registry/v2 && find . -type f -not -path '*/_uploads/*' | sort | xargs sha256sum",
                root,
            ]
        ).checked().text
    }
}
