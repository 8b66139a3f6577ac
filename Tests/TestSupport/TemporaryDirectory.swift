public import Foundation

/// A directory for the length of a scope; see ``withTemporaryDirectory(_:)``.
public struct TemporaryDirectory: Sendable {
    /// The absolute path, without a trailing slash and without symbolic links.
    public let path: String

    /// The path of `name` inside the directory.
    public func path(_ name: String) -> String { path + "/" + name }

    /// Writes a file, with the directories that lead to it, and returns its path.
    @discardableResult
    public func write(_ text: String, to name: String) throws -> String {
        try write(Data(text.utf8), to: name)
    }

    /// Writes a file, with the directories that lead to it, and returns its path.
    @discardableResult
    public func write(_ bytes: Data, to name: String) throws -> String {
        let file = URL(fileURLWithPath: path(name))
        try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try bytes.write(to: file)
        return file.path
    }

    /// Makes a directory inside this one and returns its path.
    @discardableResult
    public func makeDirectory(_ name: String) throws -> String {
        try FileManager.default.createDirectory(atPath: path(name), withIntermediateDirectories: true)
        return path(name)
    }

    /// The content of a file.
    public func read(_ name: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: path(name)))
    }
}

/// Runs `body` with an empty directory that only this user can enter, and removes it afterwards.
@discardableResult
public func withTemporaryDirectory<Result>(
    _ body: (TemporaryDirectory) async throws -> Result
) async throws -> Result {
    // Not below NSTemporaryDirectory() itself: plugins refuse directories that others may write to.
    let base = URL(fileURLWithPath: NSTemporaryDirectory()).resolvingSymlinksInPath().path
    // Short, since podman takes no run directory of more than 50 characters, and a unix socket no path of more than 107.
    let path = base + "/mooring-" + UUID().uuidString.lowercased().prefix(13)
    try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: path) }
    return try await body(TemporaryDirectory(path: path))
}
