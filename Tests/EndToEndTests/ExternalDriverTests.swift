import Foundation
import TestSupport
import Testing

@Suite("Plugins from outside the tree", .enabled(if: BuildProducts.serverIsOurs, "another server has no plugins"))
struct ExternalDriverTests {
    /// Builds the fixtures from a copy, as their author would have it, and returns the directory of the libraries.
    private func buildPlugins(in directory: TemporaryDirectory) async throws -> String {
        let package = directory.path("external-driver")
        let fixture = SourceTree.path("Tests/EndToEndTests/Fixtures/ExternalDriver")
        try FileManager.default.copyItem(atPath: fixture, toPath: package)
        // The path dependency has to be called what the manifest calls it, wherever the sources were checked out.
        let source = directory.path("mooring")
        try FileManager.default.createSymbolicLink(atPath: source, withDestinationPath: SourceTree.root)
        let plugins = try directory.makeDirectory("plugins")
        for product in ["StorageDictionary", "KeepTags"] {
            let build = ["build", "--package-path", package, "--product", product]
            let environment = ["MOORING_SOURCE": source]
            try await Command.run("swift", build, environment: environment, timeout: .seconds(600)).checked()
            let built = try await Command.run(
                "swift", ["build", "--package-path", package, "--show-bin-path"], environment: environment
            ).checked().text
            try FileManager.default.copyItem(
                atPath: "\(built)/lib\(product).so", toPath: "\(plugins)/lib\(product).so")
        }
        return plugins
    }

    @Test("The README's plugin is the one that is tested here")
    func readme() throws {
        let block = try #require(
            try SourceTree.text("README.md").components(separatedBy: "```").first { $0.hasPrefix("swift\n") })
        let path = "Tests/EndToEndTests/Fixtures/ExternalDriver/Sources/KeepTags/KeepTags.swift"
        let lines = try SourceTree.text(path).split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.dropFirst().joined(separator: "\n") == block.dropFirst("swift\n".count))
    }

    @Test("They are built against the kit alone, loaded, and store images", .timeLimit(.minutes(15)))
    func external() async throws {
        try await withTemporaryDirectory { directory in
            let plugins = try await buildPlugins(in: directory)
            let inspected = try await Command.run(
                BuildProducts.server, ["plugin", "inspect", plugins + "/libStorageDictionary.so"]
            ).checked().text
            #expect(inspected.contains("storage-dictionary"))
            #expect(inspected.contains("motto"))

            let configuration = Configuration(
                storage: "dictionary: {motto: small is beautiful}\ndelete: {enabled: true}",
                more: """
                    plugins: {directories: [\(plugins)]}
                    middleware: {storage: [{name: keep-tags}]}
                    """)
            try await withRegistry(in: directory, configuration) { registry in
                let layout = try await OCILayout.multiArchitecture(
                    in: directory.path("in"), layerSizes: [10, 2_000_000])
                try await Skopeo.push(layout.path, to: registry, "outside:1")
                try await Skopeo.pull(registry, "outside:1", into: directory.path("out"))
                #expect(try OCILayout(path: directory.path("out")).blobNames() == layout.blobNames())
                // What the middleware forbids stays.
                let refused = try await registry.curl("/v2/outside/manifests/1", "-X", "DELETE")
                #expect(refused.status == 405)
                #expect("\(refused.json)".contains("UNSUPPORTED"))
                #expect(try await registry.curl("/v2/outside/manifests/1").status == 200)
            }
            let wrong = Configuration(
                storage: "dictionary: {moto: typo}",
                more: "plugins: {directories: [\(plugins)]}")
            try await expectRefused(wrong, in: directory, saying: ["moto", "motto", "dictionary"])
        }
    }
}
