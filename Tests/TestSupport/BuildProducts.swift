import Foundation

/// What the build left beside the tests.
public enum BuildProducts {
    /// The directory of the built products: `MOORING_PRODUCTS`, or where the running test bundle lies.
    public static let directory: String = {
        if let path = ProcessInfo.processInfo.environment["MOORING_PRODUCTS"] { return path }
        let bundle = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().path
    }()

    /// The server under test: `MOORING_BINARY`, or `mooring` among the products.
    public static var server: String {
        ProcessInfo.processInfo.environment["MOORING_BINARY"] ?? directory + "/mooring"
    }

    /// Whether the server is this project's, and not a stand-in that `MOORING_BINARY` names.
    public static var serverIsOurs: Bool { URL(fileURLWithPath: server).lastPathComponent == "mooring" }

    /// The file of a plugin's library.
    public static func plugin(_ name: String) -> String { "\(directory)/lib\(name).so" }

    /// The plugin libraries among the products, sorted: those whose name is that of a directory below `Plugins`.
    public static func plugins() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: SourceTree.path("Plugins")).sorted()
            .map(plugin)
            .filter { FileManager.default.fileExists(atPath: $0) }
    }
}

/// The sources that the tests were built from.
public enum SourceTree {
    /// The directory of `Package.swift`.
    public static let root: String = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent().path

    /// The absolute path of something in the tree.
    public static func path(_ relative: String) -> String { root + "/" + relative }

    /// The content of a file of the tree.
    public static func text(_ relative: String) throws -> String {
        try String(contentsOfFile: path(relative), encoding: .utf8)
    }

    /// The files below a directory of the tree, as paths relative to the root, sorted. Build folders are left out.
    public static func files(below directory: String, extensions: Set<String>) -> [String] {
        guard let files = FileManager.default.enumerator(atPath: path(directory)) else { return [] }
        return files.compactMap { $0 as? String }
            .filter { !$0.split(separator: "/").contains { $0.hasPrefix(".build") } }
            .filter { extensions.contains(URL(fileURLWithPath: $0).pathExtension) }
            .map { directory + "/" + $0 }
            .sorted()
    }
}
