import Foundation
import RegistryPlugins
import TestSupport

extension StorageDriverUnderTest {
    /// The driver of Azure Blob Storage against the strict fake, each store in a container of its own.
    static let azure = StorageDriverUnderTest(
        name: "azure", isPersistent: true, hasFlatKeys: true, isRemote: true, mostSegments: 254
    ) { directory in
        let server = try await AzureUnderTest.server()
        let container = AzureUnderTest.container(directory)
        try await server.makeContainer(container)
        let options = server.options(container: container, root: "")
        return try await TestPlugins.host().openStorage(PluginComponent(name: "azure", options: options))
    }
}

/// The one fake of the process.
enum AzureUnderTest {
    private static let shared = Task {
        try await AzureBlobServer(in: try serverDirectory(), containers: [])
    }

    static func server() async throws -> AzureBlobServer { try await shared.value }

    /// The container of a store, named by its directory.
    static func container(_ directory: String) -> String {
        directory.split(separator: "/").suffix(2).joined(separator: "-").lowercased()
            .filter { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
    }

    private static func serverDirectory() throws -> String {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("mooring-azure-\(getpid())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        return directory.path
    }
}
