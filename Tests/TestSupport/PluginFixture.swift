import Foundation
import Synchronization

/// Plugins in C, compiled by the tests that load them.
public enum PluginFixture {
    /// The library of a C source of the tree, such as `Plugins/Template/template.c`: compiled once per run and list of
    /// definitions (`CODE=3`), with the options of that plugin's README.
    public static func library(_ source: String, defining definitions: [String] = []) async throws -> String {
        try await compiler.product(source, definitions, ["-fPIC", "-shared", "-fvisibility=hidden"], "so")
    }

    /// The executable of a C source of the tree.
    public static func executable(_ source: String, defining definitions: [String] = []) async throws -> String {
        try await compiler.product(source, definitions, [], "exe")
    }

    /// A copy at a path of its own. A host enters a file once; a copy is another plugin, for a host of its own.
    public static func copy(of library: String) throws -> String {
        let copy = "\(directory)/\(UUID().uuidString.prefix(8))-\(URL(fileURLWithPath: library).lastPathComponent)"
        try FileManager.default.copyItem(atPath: library, toPath: copy)
        return copy
    }

    /// Holds what was compiled until the process exits. Only this user can enter it, as the host demands.
    static let directory: String = {
        let base = URL(fileURLWithPath: NSTemporaryDirectory()).resolvingSymlinksInPath().path
        let path = "\(base)/mooring-fixtures-\(getpid())"
        try? FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        atexit { try? FileManager.default.removeItem(atPath: PluginFixture.directory) }
        return path
    }()

    private static let compiler = Compiler()
}

/// Compiles each thing once, however many tests ask for it at the same time.
private actor Compiler {
    private var products: [String: Task<String, any Error>] = [:]

    func product(
        _ source: String, _ definitions: [String], _ options: [String], _ suffix: String
    ) async throws -> String {
        let key = ([source] + definitions + [suffix]).joined(separator: " ")
        if let known = products[key] { return try await known.value }
        let stem = URL(fileURLWithPath: source).deletingPathExtension().lastPathComponent
        let output = "\(PluginFixture.directory)/\(products.count)-\(stem).\(suffix)"
        let arguments =
            ["-std=c11", "-O2", "-Wall", "-Wextra", "-Werror", "-pthread"] + options + definitions.map { "-D\($0)" } + [
                "-I\(SourceTree.path("Sources/PluginABI/include"))",
                "-I\(SourceTree.path("Tests/PluginContractTests/Fixtures"))", "-o", output, SourceTree.path(source),
            ]
        let task = Task {
            try await Command.run("cc", arguments).checked()
            return output
        }
        products[key] = task
        return try await task.value
    }
}
