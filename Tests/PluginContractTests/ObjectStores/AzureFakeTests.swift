import Foundation
import TestSupport
import Testing

/// The fake that stands for Azure in all tests, held against Microsoft's own client.
@Suite("The fake of Azure Blob Storage")
struct AzureFakeTests {
    @Test(
        "Microsoft's SDK finds what it expects of the service, and what is forged or wrong is refused",
        .timeLimit(.minutes(3)))
    func sdk() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await AzureBlobServer(
                in: directory.path, containers: [],
                arguments: [
                    "--identity", "writer:writer-secret:Storage Blob Data Contributor", "--identity",
                    "reader:reader-secret:Storage Blob Data Reader", "--managed", "writer", "--app-service-secret",
                    "app-secret",
                ], withTLS: true)
            let python = try await PythonTools.program("python")
            let script = SourceTree.path("Tests/Fixtures/azure_blob/sdk_selftest.py")
            let result = try await Command.run(
                python, [script, String(server.port), String(server.tlsPort), server.certificate]
            ).checked()
            await server.stop()
            let lines = result.text.split(separator: "\n").map(String.init)
            #expect(
                lines == [
                    "shared_key", "strictness", "blocks", "append_blobs", "conditions", "copies", "listings",
                    "signatures", "tokens", "managed_identities", "ok",
                ])
        }
    }
}
