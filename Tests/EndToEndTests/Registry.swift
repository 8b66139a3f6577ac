import Foundation
import TestSupport

/// A `config.yml`, by its parts.
struct Configuration: Sendable {
    /// The lines below `storage:`, without indentation.
    var storage: String
    /// The lines below `http:` after `addr`, without indentation.
    var http = "secret: end-to-end"
    /// More top-level lines.
    var more = ""

    /// The filesystem driver in `root`, with deletion allowed.
    static func filesystem(_ root: String) -> Configuration {
        Configuration(storage: "filesystem: {rootdirectory: \(root)}\ndelete: {enabled: true}")
    }

    func yaml(address: String) -> String {
        """
        version: 0.1
        log: {level: info}
        storage:
        \(indented(storage))
        http:
          addr: \(address)
        \(indented(http + patience))
        \(more)
        """
    }

    /// On a busy machine a test may not come to its next request for a minute.
    private var patience: String {
        http.contains("timeouts:") ? "" : "\ntimeouts: {header: 10m, idle: 10m, stall: 10m}"
    }

    private func indented(_ lines: String) -> String {
        lines.split(separator: "\n").map { "  " + $0 }.joined(separator: "\n")
    }
}

/// A running registry: the server under test, or another that takes `serve config.yml`.
struct Registry: Sendable {
    let port: Int
    let process: ServerProcess
    let configurationFile: String

    var host: String { "127.0.0.1:\(port)" }

    func url(_ path: String) -> String { "http://\(host)\(path)" }

    /// The address of an image for skopeo.
    func image(_ name: String) -> String { "docker://\(host)/\(name)" }

    func connect() async throws -> RawConnection { try await RawConnection.open(port: port) }

    /// Starts `server` on a configuration file that is there already.
    static func start(
        _ configurationFile: String, port: Int, server: String = BuildProducts.server,
        environment: [String: String?] = [:]
    ) async throws -> Registry {
        // What this machine says of Amazon and of proxies is for other programs.
        let own: [String: String?] = ["AWS_CA_BUNDLE": nil, "http_proxy": nil, "https_proxy": nil]
        let process = try ServerProcess(
            server, ["serve", configurationFile], environment: own.merging(environment) { $1 },
            logFile: configurationFile + ".log")
        let registry = Registry(port: port, process: process, configurationFile: configurationFile)
        try await process.ready {
            guard let connection = try? await registry.connect() else { return false }
            defer { connection.close() }
            return (try? await connection.request("GET", "/v2/"))?.status == 200
        }
        return registry
    }

    /// The same server again, on the same port and configuration.
    func restarted(
        as server: String = BuildProducts.server, environment: [String: String?] = [:]
    ) async throws -> Registry {
        try await Self.start(configurationFile, port: port, server: server, environment: environment)
    }
}

/// Runs `body` with a registry whose files lie in `directory`, and ends the registry afterwards.
@discardableResult
func withRegistry<Result>(
    in directory: TemporaryDirectory, _ configuration: Configuration? = nil, server: String = BuildProducts.server,
    _ body: (Registry) async throws -> Result
) async throws -> Result {
    let configuration = configuration ?? .filesystem(directory.path("root"))
    let port = try FreePort.take()
    let file = try directory.write(configuration.yaml(address: "127.0.0.1:\(port)"), to: "config-\(port).yml")
    let registry = try await Registry.start(file, port: port, server: server)
    do {
        let result = try await body(registry)
        await registry.process.terminate()
        return result
    } catch {
        await registry.process.kill()
        print("--- the server's last words ---\n\(registry.process.log.suffix(1500))\n---")
        throw error
    }
}

/// A registry with a directory of its own, for the tests that need nothing else.
@discardableResult
func withRegistry<Result>(
    _ body: (Registry, TemporaryDirectory) async throws -> Result
) async throws -> Result {
    try await withTemporaryDirectory { directory in
        try await withRegistry(in: directory) { try await body($0, directory) }
    }
}
