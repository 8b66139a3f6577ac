import Foundation
import NIOCore
import RegistryPlugins
import RegistryStorage
import TestSupport
import Testing

/// What Azure's driver does beyond the contract, and at which price.
@Suite("Azure Blob Storage", .serialized)
struct AzureDriverTests {
    /// A store on a fake of its own, whose requests are counted.
    private func withStore(
        arguments: [String] = [], withTLS: Bool = false, more: String = "",
        _ body: (any StorageDriver, AzureBlobServer) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let server = try await AzureBlobServer(
                in: directory.path, containers: ["c"], arguments: arguments, withTLS: withTLS)
            let options = server.options(container: "c", root: "root", more: more)
            let driver = try await TestPlugins.host().openStorage(PluginComponent(name: "azure", options: options))
            try await server.forgetRequests()
            try await body(driver, server)
            await server.stop()
        }
    }

    /// The methods and kinds of the requests since the last question.
    private func requests(_ server: AzureBlobServer) async throws -> [String] {
        let found = try await server.requests().map { request in
            let query = request["query"] as? [String: String] ?? [:]
            return [request["method"] as? String, query["comp"]].compactMap { $0 }.joined(separator: " ")
        }
        try await server.forgetRequests()
        return found
    }

    @Test("Small objects cost a request for each operation")
    func small() async throws {
        try await withStore { driver, server in
            try await driver.put("/a/b", [1, 2, 3])
            #expect(try await requests(server) == ["PUT"])
            #expect(try await driver.get("/a/b") == [1, 2, 3])
            #expect(try await requests(server) == ["GET"])
            #expect(try await driver.look("/a/b").size == 3)
            #expect(try await requests(server) == ["HEAD"])
            #expect(try await driver.read("/a/b") == [1, 2, 3])
            #expect(try await requests(server) == ["GET"])
            try await driver.write("/a/c", randomBytes(100_000))
            #expect(try await requests(server) == ["PUT"])
            #expect(try await driver.children("/a") == ["b", "c"])
            #expect(try await requests(server) == ["GET list"])
            try await driver.move("/a/c", "/a/d")
            #expect(try await requests(server) == ["HEAD", "PUT", "DELETE"])
            let writer = try await driver.writer("/a/e")
            try await writer.append([1])
            try await writer.cancel()
            await writer.close()
            #expect(try await requests(server) == [])
        }
    }

    @Test("Content of known length up to 16 MiB is one request; beyond, blocks, a list, a copy and a removal")
    func large() async throws {
        try await withStore { driver, server in
            for (size, expected) in [
                (16 << 20, ["PUT"]),
                (20 << 20, Array(repeating: "PUT block", count: 5) + ["PUT blocklist", "PUT", "DELETE"]),
            ] {
                let content = randomBytes(size)
                let writer = try await driver.writer("/large", hint: UInt64(size))
                for start in stride(from: 0, to: size, by: 1 << 20) {
                    try await writer.append(Array(content[start..<start + 1 << 20]))
                }
                try await writer.commit(checksum: "", if: nil)
                await writer.close()
                #expect(try await requests(server) == expected)
                #expect(try await driver.get("/large") == content)
                try await server.forgetRequests()
            }
        }
    }

    @Test("More blocks than a blob may have are joined by the service")
    func joining() async throws {
        try await withStore { driver, server in
            let count = 45_000
            let id = String(repeating: "0", count: 31) + "7"
            let session: UInt32 = 0x0102_0304
            let blocks = (0..<count).map { index in
                var bytes: [UInt8] = [1]
                bytes += (0..<4).map { UInt8(truncatingIfNeeded: index >> (24 - 8 * $0)) }
                bytes += (0..<8).map { UInt8(truncatingIfNeeded: index >> (56 - 8 * $0)) }
                for number in [session, index == 0 ? 0 : session] {
                    bytes += (0..<4).map { UInt8(truncatingIfNeeded: number >> UInt32(24 - 8 * $0)) }
                }
                return Data(bytes).base64EncodedString()
            }
            try await server.seed(blocks: blocks, at: "root/.object.\(id).tmp", in: "c")
            let expected = (0..<count).map { UInt8($0 % 251) } + [1, 2, 3]
            let token = Array("\(id).\(String(session, radix: 16))".utf8)
            let writer = try await driver.append("/object", at: UInt64(count), token: token)
            try await writer.append([1, 2])
            #expect(try await requests(server) == ["GET blocklist", "PUT blocklist", "PUT block", "PUT blocklist"])
            try await writer.sync()
            await writer.close()
            let resumed = try await driver.append("/object", at: UInt64(count + 2), token: writer.resumeToken)
            try await resumed.append([3])
            try await resumed.commit(checksum: "", if: nil)
            await resumed.close()
            #expect(try await driver.get("/object") == expected)
            #expect(try await driver.children("/") == ["object"])
        }
    }

    @Test("An emulator that doesn't find blobs of waiting blocks is rid of them all the same")
    func emulator() async throws {
        try await withStore { driver, server in
            try await server.set("{\"keeps_uncommitted\":true}")
            let writer = try await driver.writer("/object")
            try await writer.append(randomBytes(5 << 20))
            try await writer.sync()
            try await writer.cancel()
            await writer.close()
            await expectError(.notFound) { try await driver.append("/object", token: writer.resumeToken) }
            let left = try await driver.writer("/tree/object")
            try await left.append([1])
            try await left.sync()
            await left.close()
            try await driver.remove("/tree", tree: true)
            await expectError(.notFound) { try await driver.append("/tree/object") }
        }
    }

    @Test("A conditional put whose answer is lost is told right")
    func lostAnswers() async throws {
        try await withStore { driver, server in
            let lost = #"{"faults":[{"kind":"reset_response","method":"PUT","times":1}]}"#
            try await server.set(lost)
            try await driver.put("/new", [1], if: .ifAbsent)
            #expect(try await driver.get("/new") == [1])
            try await server.set(lost)
            await expectError(.alreadyExists) { try await driver.put("/new", [2], if: .ifAbsent) }
            #expect(try await driver.get("/new") == [1])
            try await server.set(#"{"faults":[{"kind":"reset_request","method":"PUT","times":1}]}"#)
            try await driver.put("/other", [3], if: .ifAbsent)
            #expect(try await driver.get("/other") == [3])
            let large = randomBytes(9 << 20)
            let writer = try await driver.writer("/large")
            try await writer.append(large)
            try await writer.sync()
            // The block list, then the copy, whose answer is lost.
            try await server.set(#"{"faults":[{"kind":"reset_response","method":"PUT","skip":1,"times":1}]}"#)
            try await writer.commit(checksum: "", if: .ifAbsent)
            await writer.close()
            #expect(try await driver.get("/large") == large)
        }
    }

    @Test("Wrong bytes are refused by the service, and found out in what is read whole")
    func corruption() async throws {
        try await withStore { driver, server in
            try await driver.put("/object", randomBytes(1000))
            try await server.set(#"{"faults":[{"kind":"corrupt","method":"GET","times":1}]}"#)
            await expectError(.corrupt) { try await driver.get("/object") }
            #expect(try await driver.get("/object") == randomBytes(1000))
        }
    }

    @Test("A reader never puts bytes of another content behind those it has given")
    func pinned() async throws {
        try await withStore { driver, server in
            let content = randomBytes(3 << 20)
            try await driver.put("/object", content)
            try await server.set(#"{"faults":[{"kind":"truncate","method":"GET","times":1,"bytes":1000000}]}"#)
            let reader = try await driver.reader("/object")
            var seen: [UInt8] = []
            if let first = try await reader.next(upTo: 1000) { seen += first.readableBytesView }
            try await driver.put("/object", randomBytes(3 << 20, seed: 2))
            await expectError(.precondition, .unavailable, .corrupt, .notFound) {
                while let next = try await reader.next(upTo: 100_000) { seen += next.readableBytesView }
            }
            reader.close()
            #expect(seen == Array(content[..<seen.count]))
        }
    }

    @Test("A pending copy is seen by nobody, aborted in the end, and replaced by blocks")
    func pendingCopy() async throws {
        try await withStore(more: #""max_retries":-1"#) { driver, server in
            // A synchronous copy takes 256 MiB at most, so only a large source meets this.
            let part = [UInt8](repeating: 7, count: 1 << 20)
            let writer = try await driver.writer("/source")
            for _ in 0..<257 { try await writer.append(part) }
            try await writer.commit(checksum: "", if: nil)
            await writer.close()
            try await server.set("{\"copy_seconds\":60}")
            try await server.forgetRequests()
            let stat = try await driver.copy(try StoragePath("/source"), to: try StoragePath("/copy"), if: nil)
            #expect(stat.size == 257 << 20)
            let seen = try await requests(server)
            #expect(seen.contains("PUT copy") && seen.contains("PUT blocklist"), "\(seen)")
            #expect(try await driver.look("/copy").size == 257 << 20)
            #expect(try await driver.read("/copy", from: 257 << 20 - 5) == [7, 7, 7, 7, 7])
        }
    }

    @Test("An append blob is read, replaced, and gone on with")
    func appendBlobs() async throws {
        try await withStore { driver, server in
            let python = try await PythonTools.directory() + "/bin/python"
            let script = """
                import sys
                from azure.storage.blob import ContainerClient
                client = ContainerClient(sys.argv[1], "c", credential=sys.argv[2])
                for name in ("root/link", "root/data"):
                    blob = client.get_blob_client(name)
                    blob.create_append_blob()
                    blob.append_block(b"one")
                    blob.append_block(b"two")
                """
            try await Command.run(python, ["-c", script, server.url, AzureBlobServer.key]).checked()
            #expect(try await driver.get("/link") == Array("onetwo".utf8))
            try await driver.put("/link", Array("new".utf8))
            #expect(try await driver.get("/link") == Array("new".utf8))
            let writer = try await driver.append("/data", at: 6)
            try await writer.append(Array("three".utf8))
            #expect(try await driver.get("/data") == Array("onetwo".utf8))
            try await writer.commit(checksum: "", if: nil)
            await writer.close()
            #expect(try await driver.get("/data") == Array("onetwothree".utf8))
        }
    }
}
