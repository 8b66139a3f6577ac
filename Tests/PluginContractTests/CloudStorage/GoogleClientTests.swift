import Foundation
import RegistryStorage
import TestSupport
import Testing

/// Google's client for Python writes what the driver reads, and the reverse, on fake-gcs-server and on the strict fake, which
/// is proved by it.
@Suite("Google's own client", .timeLimit(.minutes(5)))
struct GoogleClientTests {
    enum Side: String, CaseIterable, CustomTestStringConvertible {
        case fakeGCSServer, strict
        var testDescription: String { rawValue }
    }

    @discardableResult
    private func client(_ endpoint: String, _ bucket: String, _ arguments: String...) async throws -> String {
        try await Command.run(
            try await PythonTools.program("python"),
            [SourceTree.path("Tests/Fixtures/google_client.py"), endpoint, bucket] + arguments,
            timeout: .seconds(60)
        ).checked().text
    }

    @Test("What one side writes the other reads", arguments: Side.allCases)
    func bothWays(side: Side) async throws {
        try await withTemporaryDirectory { directory in
            let endpoint: String
            let bucket: String
            switch side {
            case .fakeGCSServer:
                let server = try await FakeGCSServer.shared()
                (endpoint, bucket) = (server.endpoint, try await server.bucket("google-client"))
            case .strict:
                let server = try await CloudStorageServer.start(anonymous: true)
                (endpoint, bucket) = (server.endpoint, CloudStorageServer.bucket)
            }
            let driver = try await CloudStorage.open(
                #"{"bucket":"\#(bucket)","endpoint":"\#(endpoint)","anonymous":true,"rootdirectory":"/a/root/"}"#)
            let content = randomBytes(3_000_001)
            let file = try directory.write(Data(content), to: "content")

            try await client(endpoint, bucket, "put", "a/root/dir/put", file)
            try await client(endpoint, bucket, "stream", "a/root/dir/stream", file)
            try await client(endpoint, bucket, "copy", "a/root/dir/put", "a/root/dir/copy")
            try await client(endpoint, bucket, "put", "a/rootless", file)
            #expect(try await driver.children("/") == ["dir"])
            for name in try await driver.children("/dir") {
                #expect(try await driver.get("/dir/\(name)") == content)
                #expect(try await driver.read("/dir/\(name)", from: 1_000_000) == Array(content[1_000_000...]))
            }
            #expect(try await driver.children("/dir") == ["copy", "put", "stream"])

            try await driver.put("/ours/put", content)
            try await driver.write("/ours/written", content)
            let large = try await driver.writer("/ours/session")
            for _ in 0..<8 { try await large.append(content) }
            try await large.commit(checksum: "", if: nil)
            await large.close()
            let listed = try await client(endpoint, bucket, "list", "a/root/ours/")
            let type = "application/octet-stream"
            #expect(
                listed.split(separator: "\n").map(String.init) == [
                    "a/root/ours/put 3000001 \(type)", "a/root/ours/session 24000008 \(type)",
                    "a/root/ours/written 3000001 \(type)",
                ])
            for name in ["put", "written"] {
                try await client(endpoint, bucket, "get", "a/root/ours/\(name)", directory.path("back"))
                #expect(try directory.read("back") == Data(content))
            }
            try await client(endpoint, bucket, "get", "a/root/ours/session", directory.path("back"))
            #expect(try directory.read("back") == Data([[UInt8]](repeating: content, count: 8).joined()))
            try await client(endpoint, bucket, "delete", "a/root/ours/put")
            await expectError(.notFound) { try await driver.look("/ours/put") }
        }
    }
}
