import Foundation
import RegistryPlugins
import RegistryStorage
import TestSupport
import Testing

/// The driver `gcs` on the strict fake.
struct CloudStorage: Sendable {
    let server: CloudStorageServer
    let options: String
    let driver: any StorageDriver

    /// Another instance, as another process would have it.
    func other() async throws -> any StorageDriver { try await Self.open(options) }

    static func open(_ options: String) async throws -> any StorageDriver {
        try await TestPlugins.host().openStorage(PluginComponent(name: "gcs", options: options))
    }

    /// Runs a test on a server that asks for no token.
    /// - Parameter more: further options, each beginning with a comma.
    static func with(_ more: String = "", _ body: (CloudStorage) async throws -> Void) async throws {
        let server = try await CloudStorageServer.start(anonymous: true)
        let options = server.options(more: #","anonymous":true"# + more)
        try await body(CloudStorage(server: server, options: options, driver: try await open(options)))
        await server.process.kill()
    }

    /// Runs a test on a server that asks for tokens.
    static func withKey(
        _ body: (CloudStorageServer, _ options: (String) -> String) async throws -> Void
    ) async throws {
        let server = try await CloudStorageServer.start()
        try await body(server) { server.options(more: $0) }
        await server.process.kill()
    }
}

/// Memory for an upload that makes chunks of 256 KiB.
let smallChunks = #","chunksize":524288"#
