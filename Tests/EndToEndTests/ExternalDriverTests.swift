import Foundation
import TestSupport
import Testing

@Suite("A driver from outside the tree", .enabled(if: BuildProducts.serverIsOurs, "another server has no plugins"))
struct ExternalDriverTests {
    /// Builds the fixture from a copy, as its author would have it, and returns the library.
    private func buildDriver(in directory: TemporaryDirectory) async throws -> String {
        let package = directory.path("external-driver")
        let fixture = SourceTree.path("Tests/EndToEndTests/Fixtures/ExternalDriver")
        try FileManager.default.copyItem(atPath: fixture, toPath: package)
        // The path dependency has to be called what the manifest calls it, wherever the sources were checked out.
        let source = directory.path("mooring")
        try FileManager.default.createSymbolicLink(atPath: source, withDestinationPath: SourceTree.root)
        let build = ["build", "--package-path", package, "--product", "StorageDictionary"]
        try await Command.run(
            "swift", build, environment: ["MOORING_SOURCE": source], timeout: .seconds(600)
        ).checked()
        let products = try await Command.run(
            "swift", ["build", "--package-path", package, "--show-bin-path"], environment: ["MOORING_SOURCE": source]
        ).checked().text
        let library = try directory.makeDirectory("plugins") + "/libStorageDictionary.so"
        try FileManager.default.copyItem(atPath: products + "/libStorageDictionary.so", toPath: library)
        return library
    }

    @Test("It is built against the kit alone, loaded, and stores images", .timeLimit(.minutes(15)))
    func external() async throws {
        try await withTemporaryDirectory { directory in
            let library = try await buildDriver(in: directory)
            let inspected = try await Command.run(BuildProducts.server, ["plugin", "inspect", library]).checked().text
            #expect(inspected.contains("storage-dictionary"))
            #expect(inspected.contains("motto"))

            let configuration = Configuration(
                storage: "dictionary: {motto: small is beautiful}\ndelete: {enabled: true}",
                more: "plugins: {directories: [\(directory.path("plugins"))]}")
            try await withRegistry(in: directory, configuration) { registry in
                let layout = try await OCILayout.multiArchitecture(
                    in: directory.path("in"), layerSizes: [10, 2_000_000])
                try await Skopeo.push(layout.path, to: registry, "outside:1")
                try await Skopeo.pull(registry, "outside:1", into: directory.path("out"))
                #expect(try OCILayout(path: directory.path("out")).blobNames() == layout.blobNames())
                let index = try layout.index().digest
                #expect(try await registry.curl("/v2/outside/manifests/\(index)", "-X", "DELETE").status == 202)
                #expect(try await registry.curl("/v2/outside/manifests/1").status == 404)
            }
            let wrong = Configuration(
                storage: "dictionary: {moto: typo}",
                more: "plugins: {directories: [\(directory.path("plugins"))]}")
            try await expectRefused(wrong, in: directory, saying: ["moto", "motto", "dictionary"])
        }
    }
}
