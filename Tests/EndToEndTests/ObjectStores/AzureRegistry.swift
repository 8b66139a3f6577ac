import Foundation
import TestSupport

/// A registry whose blobs lie in the fake of Azure Blob Storage.
struct AzureRegistry {
    static let container = "registry"

    let server: AzureBlobServer
    let directory: TemporaryDirectory

    /// What the fake knows of identities.
    static let identities = [
        "--identity", "writer:writer-secret:Storage Blob Data Contributor", "--identity",
        "reader:reader-secret:Storage Blob Data Reader", "--managed", "writer", "--app-service-secret", "app-secret",
    ]

    /// Runs `body` with a fake in a directory of its own.
    static func with(
        arguments: [String] = [], withTLS: Bool = false, _ body: (AzureRegistry) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let server = try await AzureBlobServer(
                in: directory.path, containers: [container], arguments: arguments, withTLS: withTLS)
            do {
                try await body(AzureRegistry(server: server, directory: directory))
            } catch {
                let last = (try? await server.requests().suffix(15).map { "\($0)" }.joined(separator: "\n")) ?? ""
                print("--- the store's last requests ---\n\(last)\n---")
                await server.stop()
                throw error
            }
            await server.stop()
        }
    }

    /// A configuration with the account's key.
    func configuration(redirects: Bool, more: String = "") -> Configuration {
        configuration(
            redirects: redirects, serviceURL: server.url,
            credentials: "{type: shared_key}, accountkey: \"\(AzureBlobServer.key)\"", more: more)
    }

    /// A configuration with credentials of another kind: what stands behind `credentials:`, over TLS.
    func configuration(redirects: Bool, credentials: String) -> Configuration {
        configuration(
            redirects: redirects, serviceURL: server.tlsURL, credentials: credentials,
            more: ", cafile: \(server.certificate)")
    }

    private func configuration(
        redirects: Bool, serviceURL: String, credentials: String, more: String
    ) -> Configuration {
        Configuration(
            storage: """
                azure: {accountname: \(AzureBlobServer.account), container: \(Self.container), rootdirectory: /some/root, \
                serviceurl: "\(serviceURL)", credentials: \(credentials)\(more)}
                delete: {enabled: true}
                redirect: {disable: \(!redirects)}
                """)
    }

    /// Starts a server, with more in its environment.
    func start(_ configuration: Configuration, environment: [String: String?] = [:]) async throws -> Registry {
        let port = try FreePort.take()
        let file = try directory.write(configuration.yaml(address: "127.0.0.1:\(port)"), to: "config-\(port).yml")
        let process = try ServerProcess(
            BuildProducts.server, ["serve", file], environment: environment, logFile: file + ".log")
        let registry = Registry(port: port, process: process, configurationFile: file)
        try await process.ready(port: port)
        return registry
    }

    /// Starts a server that can't start, and gives what it wrote and how long it took.
    func failure(_ configuration: Configuration) async throws -> (log: String, seconds: Double) {
        let port = try FreePort.take()
        let file = try directory.write(configuration.yaml(address: "127.0.0.1:\(port)"), to: "config-\(port).yml")
        let begun = ContinuousClock.now
        let process = try ServerProcess(BuildProducts.server, ["serve", file], logFile: file + ".log")
        guard let status = await process.waitForEnd(within: .seconds(60)), !status.isSuccess else {
            await process.kill()
            throw DidNotHappen(description: "the server should not have started:\n\(process.log)")
        }
        let elapsed = ContinuousClock.now - begun
        return (process.log, Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18)
    }

    /// The names of the blobs in the store, those of writers included, by what its requests show.
    func blobs() async throws -> [String] {
        let script = """
            import sys
            from azure.storage.blob import ContainerClient
            client = ContainerClient(sys.argv[1], "\(Self.container)", credential=sys.argv[2])
            print("\\n".join(blob.name for blob in client.list_blobs(include=["uncommittedblobs"])))
            """
        return try await python(script).split(separator: "\n").map(String.init)
    }

    /// Runs a script with Microsoft's SDK; its arguments are the account's address and its key.
    @discardableResult
    func python(_ script: String) async throws -> String {
        let python = try await PythonTools.directory() + "/bin/python"
        let file = try directory.write(script, to: "script-\(UUID().uuidString).py")
        return try await Command.run(python, [file, server.url, AzureBlobServer.key]).checked().text
    }
}
