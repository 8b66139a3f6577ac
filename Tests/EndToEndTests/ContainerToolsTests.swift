import Foundation
import TestSupport
import Testing

@Suite("Images by podman and buildah")
struct ContainerToolsTests {
    /// A tool with image storage of its own, apart from the machine's.
    struct Tool: Sendable, CustomTestStringConvertible {
        let name: String
        var storage: TemporaryDirectory?

        var testDescription: String { name }

        /// What keeps it to its own storage.
        var options: [String] {
            let storage = storage.map { ["--root", $0.path("images"), "--runroot", $0.path("run")] } ?? []
            return storage + ["--storage-driver", "vfs"]
        }

        @discardableResult
        func callAsFunction(_ arguments: String...) async throws -> String {
            try await Command.run(name, options + arguments).checked().text
        }
    }

    @Test(
        "An image built from scratch is pushed, removed and pulled", .timeLimit(.minutes(4)),
        arguments: [
            Tool(name: "podman"), Tool(name: "buildah"),
        ])
    func roundTrip(tool: Tool) async throws {
        try await withRegistry { registry, directory in
            var tool = tool
            tool.storage = directory
            let buildah = Tool(name: "buildah", storage: directory)
            let file = try directory.write("content of the image", to: "file")
            let image = "\(registry.host)/tools/\(tool.name):1"
            let container = try await buildah("from", "scratch")
            try await buildah("copy", container, file, "/file")
            try await buildah("commit", container, image)
            try await buildah("rm", container)
            let identifier = try await buildah("images", "--quiet", "--no-trunc", image)

            try await tool("push", "--tls-verify=false", image)
            try await tool("rmi", image)
            #expect(try await buildah("images", "--quiet").isEmpty)
            try await tool("pull", "--tls-verify=false", image)
            #expect(try await buildah("images", "--quiet", "--no-trunc", image) == identifier)

            let again = try await buildah("from", "--pull-never", image)
            let mounted = try await buildah("mount", again)
            #expect(try String(contentsOfFile: mounted + "/file", encoding: .utf8) == "content of the image")
            try await buildah("umount", again)
            try await buildah("rm", again)
        }
    }

    @Test("podman builds a manifest list and pushes it with all its images", .timeLimit(.minutes(4)))
    func manifestList() async throws {
        try await withRegistry { registry, directory in
            let podman = Tool(name: "podman", storage: directory)
            let layout = try await OCILayout.multiArchitecture(in: directory.path("in"), layerSizes: [100, 2000])
            try await Skopeo.push(layout.path, to: registry, "lists/source:1")
            try await podman("manifest", "create", "list")
            let source = "docker://\(registry.host)/lists/source:1"
            try await podman("manifest", "add", "--tls-verify=false", "--all", "list", source)
            let target = "docker://\(registry.host)/lists/target:1"
            try await podman("manifest", "push", "--tls-verify=false", "--all", "list", target)
            let index = try await Skopeo.inspect(registry, "lists/target:1")
            #expect((index["manifests"] as? [[String: Any]])?.count == 2)
        }
    }
}
