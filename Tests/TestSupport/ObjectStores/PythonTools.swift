import Foundation

/// The object stores and client libraries that `scripts/install-python-tools.sh` installs below `.build`.
public enum PythonTools {
    private static let installation = Task {
        let script = SourceTree.path("scripts/install-python-tools.sh")
        return try await Command.run(script, timeout: .seconds(600)).checked().text
    }

    /// The environment's directory; installs it if it isn't there.
    public static func directory() async throws -> String { try await installation.value }

    /// A program of the environment.
    public static func program(_ name: String) async throws -> String { try await directory() + "/bin/" + name }
}
