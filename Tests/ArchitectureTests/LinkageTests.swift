import Foundation
import TestSupport
import Testing

@Suite("What the built files link and export")
struct LinkageTests {
    @Test("The server links no library that belongs to plugins, nor all of Foundation")
    func hostLibraries() async throws {
        let server = BuildProducts.directory + "/mooring"
        let libraries = try await Command.run("ldd", [server]).checked().text
        #expect(libraries.contains("libc.so"))
        let foreign = ["libcurl", "libxml2", "libssl", "libcrypto", "libFoundation.so", "libFoundationNetworking"]
        for name in foreign { #expect(!libraries.contains(name), "\(name) in:\n\(libraries)") }
    }

    @Test("Every plugin of the tree has been built")
    func allPlugins() throws {
        let kinds = ["Storage", "Auth", "Sink", "Middleware"]
        let expected = directories(in: "Plugins").filter { name in kinds.contains { name.hasPrefix($0) } }
        #expect(!expected.isEmpty)
        #expect(try BuildProducts.plugins() == expected.map(BuildProducts.plugin))
    }

    @Test("A plugin exports its entry and nothing else", arguments: try BuildProducts.plugins())
    func exports(library: String) async throws {
        let symbols = try await Command.run("nm", ["-D", "--defined-only", "--extern-only", library]).checked().text
        let names = symbols.split(separator: "\n").map { String($0.split(separator: " ").last ?? "") }
        #expect(names == ["moor_plugin_entry"])
    }

    @Test("A plugin resolves every symbol when it is loaded, and stays", arguments: try BuildProducts.plugins())
    func flags(library: String) async throws {
        let dynamic = try await Command.run("readelf", ["-d", "-W", library]).checked().text
        let flags = dynamic.split(separator: "\n").first { $0.contains("(FLAGS_1)") } ?? ""
        #expect(flags.contains("NOW"), "\(flags)")
        #expect(flags.contains("NODELETE"), "\(flags)")
    }

    @Test(
        "A plugin finds its libraries without a path of the machine that built it",
        arguments: try BuildProducts.plugins())
    func missingLibraries(library: String) async throws {
        let libraries = try await Command.run("ldd", [library]).checked().text
        #expect(!libraries.contains("not found"), "\(libraries)")
        #expect(!libraries.contains("libFoundation.so"), "\(libraries)")
        #expect(!libraries.contains("libFoundationNetworking"), "\(libraries)")
    }

    /// The C libraries that drivers of object stores bring; nobody else needs them.
    static let storeLibraries = ["libcurl", "libxml2", "libcrypto"]

    @Test("Only plugins over the object-store kit link its C libraries", arguments: try BuildProducts.plugins())
    func storeLibraries(library: String) async throws {
        let needed = try await Command.run("readelf", ["-d", "-W", library]).checked().text
            .split(separator: "\n").filter { $0.contains("(NEEDED)") }
        let name = URL(fileURLWithPath: library).deletingPathExtension().lastPathComponent.dropFirst("lib".count)
        let sources = SourceTree.files(below: "Plugins/\(name)", extensions: ["swift"])
        let usesKit = try sources.contains { try lines(of: $0).contains { $0.hasSuffix("import ObjectStoreKit") } }
        guard !usesKit else { return }
        for foreign in Self.storeLibraries { #expect(!needed.contains { $0.contains(foreign) }, "\(name): \(foreign)") }
    }

    /// A compiler and the language it takes the header for.
    struct Dialect: Sendable, CustomTestStringConvertible {
        let compiler: String
        let standard: String
        let language: String

        var testDescription: String { "\(compiler) \(standard)" }

        static let all = ["gcc", "clang"].flatMap { compiler in
            [("c11", "c"), ("c17", "c"), ("c++17", "c++")].map {
                Dialect(compiler: compiler, standard: $0.0, language: $0.1)
            }
        }
    }

    @Test("Every public header compiles by itself without a warning", arguments: Dialect.all)
    func headers(dialect: Dialect) async throws {
        try #require(Command.exists(dialect.compiler), "\(dialect.compiler) is not on PATH")
        let include = SourceTree.path("Sources/PluginABI/include")
        let headers = SourceTree.files(below: "Sources/PluginABI/include", extensions: ["h"])
        #expect(!headers.isEmpty)
        for header in headers {
            let name = header.dropFirst("Sources/PluginABI/include/".count)
            let strict = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only"]
            let result = try await Command.run(
                dialect.compiler, ["-std=" + dialect.standard, "-x", dialect.language, "-I", include] + strict + ["-"],
                input: Data("#include <\(name)>\n".utf8))
            #expect(result.isSuccess, "\(result)")
        }
    }
}
