import Foundation
import TestSupport
import Testing

@Suite("A plugin dropped into a directory", .enabled(if: BuildProducts.serverIsOurs, "another server has no plugins"))
struct DropInPluginTests {
    /// Compiles C into a shared library as a plugin's author would.
    private func compile(_ source: String, into library: String) async throws {
        let include = SourceTree.path("Sources/PluginABI/include")
        let options = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-fPIC", "-shared", "-fvisibility=hidden"]
        try await Command.run("cc", options + ["-I", include, source, "-o", library, "-pthread"]).checked()
    }

    /// Compiles the template with the very command that its README gives.
    private func compileTemplate(into directory: TemporaryDirectory) async throws -> String {
        let library = try directory.makeDirectory("plugins") + "/libStorageTemplate.so"
        let readme = try SourceTree.text("Plugins/Template/README.md").components(separatedBy: "```")
        let block = try #require(readme.first { $0.hasPrefix("sh\ncc ") })
        let command = block.dropFirst("sh\n".count).replacingOccurrences(of: "libtemplate.so", with: library)
        try await Command.run("sh", ["-c", command], directory: SourceTree.path("Plugins/Template")).checked()
        return library
    }

    private func configuration(_ directory: TemporaryDirectory, _ plugins: String) -> Configuration {
        Configuration(
            storage: "template: {directory: \(directory.path("objects"))}\ndelete: {enabled: true}",
            more: "plugins: {\(plugins)}")
    }

    @Test("The template, compiled by cc, stores and serves images", .timeLimit(.minutes(4)))
    func template() async throws {
        try await withTemporaryDirectory { directory in
            _ = try await compileTemplate(into: directory)
            let configuration = configuration(directory, "directories: [\(directory.path("plugins"))]")
            try await withRegistry(in: directory, configuration) { registry in
                let layout = try await OCILayout.multiArchitecture(
                    in: directory.path("in"), layerSizes: [10, 3_000_000])
                try await Skopeo.push(layout.path, to: registry, "from/template:1")
                try await Skopeo.pull(registry, "from/template:1", into: directory.path("out"))
                #expect(try OCILayout(path: directory.path("out")).blobNames() == layout.blobNames())
                let tags = try await registry.curl("/v2/from/template/tags/list").json["tags"] as? [String]
                #expect(tags == ["1"])

                await registry.process.kill()
                let again = try await registry.restarted()
                try await Skopeo.pull(again, "from/template:1", into: directory.path("again"))
                #expect(try OCILayout(path: directory.path("again")).blobNames() == layout.blobNames())
                let index = try layout.index().digest
                #expect(try await again.curl("/v2/from/template/manifests/\(index)", "-X", "DELETE").status == 202)
                #expect(try await again.curl("/v2/from/template/manifests/1").status == 404)
                await again.process.terminate()
            }
        }
    }

    @Test("A single file is loaded when its digest is the stated one", .timeLimit(.minutes(2)))
    func pinned() async throws {
        try await withTemporaryDirectory { directory in
            let library = try await compileTemplate(into: directory)
            let digest = try await sha256(ofFile: library).dropFirst("sha256:".count)
            let load = "load: [{path: \(library), sha256: \(digest)}]"
            try await withRegistry(in: directory, configuration(directory, load)) { registry in
                let response = try await registry.curl("/v2/")
                #expect(response.status == 200)
            }
            let wrong = String(repeating: "0", count: 64)
            let other = configuration(directory, "load: [{path: \(library), sha256: \(wrong)}]")
            try await expectRefused(other, in: directory, saying: [library, "sha256"])
        }
    }

    @Test("Files and directories that everybody may write to are refused", .timeLimit(.minutes(2)))
    func worldWritable() async throws {
        try await withTemporaryDirectory { directory in
            let library = try await compileTemplate(into: directory)
            let configuration = configuration(directory, "directories: [\(directory.path("plugins"))]")
            for path in [library, directory.path("plugins")] {
                let before = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] ?? 0o755
                try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: path)
                try await expectRefused(configuration, in: directory, saying: [path, "writ"])
                try FileManager.default.setAttributes([.posixPermissions: before], ofItemAtPath: path)
            }
        }
    }

    @Test("A wrong option is named, with its plugin and the nearest right one", .timeLimit(.minutes(2)))
    func wrongOption() async throws {
        try await withTemporaryDirectory { directory in
            _ = try await compileTemplate(into: directory)
            var configuration = configuration(directory, "directories: [\(directory.path("plugins"))]")
            configuration.storage = "template: {directry: /tmp}"
            try await expectRefused(configuration, in: directory, saying: ["directry", "directory", "template"])
            configuration.storage = "template: {directory: [1]}"
            try await expectRefused(configuration, in: directory, saying: ["directory", "template"])
            configuration.storage = "template: {}"
            try await expectRefused(configuration, in: directory, saying: ["directory", "template"])
        }
    }

    /// Shared libraries that are no plugin of this host, and what the refusal says.
    struct Broken: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let source: String
        let says: [String]

        static let all = [
            Broken(testDescription: "without the entry", source: "int nothing;", says: ["moor_plugin_entry"]),
            Broken(
                testDescription: "of another major version",
                source: entry("(void)h, (void)o; return MOOR_E_VERSION;"), says: ["version"]),
            Broken(
                testDescription: "with an information text that is no JSON",
                source: entry(
                    """
                    (void)h; static const char info[] = "{nonsense";
                    o->abi_rev = MOOR_ABI_REV;
                    o->info_json = (moor_bytes){(const uint8_t *)info, sizeof info - 1};
                    return MOOR_OK;
                    """), says: []),
            Broken(testDescription: "that fills nothing", source: entry("(void)h, (void)o; return MOOR_OK;"), says: []),
        ]

        private static func entry(_ body: String) -> String {
            """
            #include <mooring/plugin.h>
            moor_code moor_plugin_entry(const moor_host *h, moor_plugin *o) { \(body) }
            """
        }
    }

    @Test("A broken plugin is refused by name", .timeLimit(.minutes(2)), arguments: Broken.all)
    func broken(plugin: Broken) async throws {
        try await withTemporaryDirectory { directory in
            let source = try directory.write(plugin.source, to: "broken.c")
            let library = try directory.makeDirectory("plugins") + "/broken.so"
            try await compile(source, into: library)
            let configuration = configuration(directory, "load: [{path: \(library)}]")
            try await expectRefused(configuration, in: directory, saying: [library] + plugin.says)
        }
    }

    @Test("A file that is no library is refused by name", .timeLimit(.minutes(2)))
    func noLibrary() async throws {
        try await withTemporaryDirectory { directory in
            let file = try directory.write("not a library", to: "plugins/text.so")
            let configuration = configuration(directory, "load: [{path: \(file)}]")
            try await expectRefused(configuration, in: directory, saying: [file])
        }
    }
}

/// Expects the server to end by itself with a failure that says each of `words`, whatever their case.
func expectRefused(
    _ configuration: Configuration, in directory: TemporaryDirectory, saying words: [String],
    environment: [String: String?] = [:]
) async throws {
    let port = try FreePort.take()
    let file = try directory.write(configuration.yaml(address: "127.0.0.1:\(port)"), to: "refused-\(port).yml")
    let result = try await Command.run(
        BuildProducts.server, ["serve", file], environment: environment, timeout: .seconds(15))
    expectFailure(result, saying: words)
}

/// Expects an orderly failure, not a trap or a signal, whose message says each of `words`, whatever their case.
func expectFailure(_ result: CommandResult, saying words: [String]) {
    guard case .exited(let code) = result.status, code != 0 else {
        Issue.record("an orderly failure was expected: \(result)")
        return
    }
    for word in words {
        #expect(result.errorText.lowercased().contains(word.lowercased()), "\(word) is missing: \(result)")
    }
    #expect(!result.errorText.contains("Fatal error"), "\(result)")
}
