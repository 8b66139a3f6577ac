import Foundation
import RegistryStorage
import TestSupport
import Testing

@Suite("Uploads to Cloud Storage", .timeLimit(.minutes(5)))
struct CloudStorageUploadTests {
    @Test("A suspended upload goes on in another instance and leaves nothing, however it ends")
    func resume() async throws {
        try await CloudStorage.with(smallChunks) { storage in
            for (size, ending) in [
                (3_000_000, "commit"), (3_000_000, "cancel"), (3_000_000, "tree"), (400_000, "commit"),
            ] {
                let content = randomBytes(size)
                let cut = size / 2
                let writer = try await storage.driver.writer("/up/data")
                try await writer.append(Array(content[..<cut]))
                #expect(try await writer.sync() == UInt64(cut))
                await writer.close()
                #expect(try await storage.server.state().sessions == (size > 1_000_000 ? 1 : 0))
                #expect(try await storage.driver.children("/up").isEmpty)
                let other = try await storage.other()
                if ending == "tree" {
                    try await other.remove("/up", tree: true)
                } else {
                    let resumed = try await other.append("/up/data", at: UInt64(cut), token: writer.resumeToken)
                    try await resumed.append(Array(content[cut...]))
                    if ending == "commit" {
                        try await resumed.commit(checksum: "", if: nil)
                        #expect(try await storage.driver.get("/up/data") == content)
                    } else {
                        try await resumed.cancel()
                    }
                    await resumed.close()
                    if ending == "commit" { try await other.remove("/up/data") }
                }
                let left = try await storage.server.state()
                #expect(left.keys.isEmpty && left.sessions == 0, "\(ending): \(left)")
            }
        }
    }

    @Test("Of two that go on with the same bytes one is refused, and the content is never a mix")
    func rivals() async throws {
        try await CloudStorage.with(smallChunks) { storage in
            let content = randomBytes(2_000_000)
            let writer = try await storage.driver.writer("/up/data")
            try await writer.append(Array(content[..<1_500_000]))
            try await writer.sync()
            let token = writer.resumeToken
            // A process that doesn't know of this one: its stored form is replaced under it.
            let name = String(decoding: token, as: UTF8.self)
            let stored = "up/.data.\(name).tmp"
            try await storage.server.replaceObject(stored)
            try await writer.append(Array(content[1_500_000...]))
            await expectError(.precondition) { try await writer.sync() }
            await writer.close()
        }
    }

    @Test("An upload of Distribution's is seen by nobody, and gone on with", arguments: [true, false])
    func foreign(hasSession: Bool) async throws {
        try await CloudStorage.with { storage in
            let content = randomBytes(700_000)
            let sent = hasSession ? 524_288 : 0
            let rest = hasSession ? 1000 : 100_000
            var metadata = ["Offset": "\(sent)"]
            if hasSession {
                metadata["Session-URI"] = try await storage.server.beginSession("up/data", Array(content[..<sent]))
            }
            try await storage.server.insert(
                "up/data", Array(content[sent..<(sent + rest)]), type: "application/x-docker-upload-session", metadata)
            await expectError(.notFound) { try await storage.driver.look("/up/data") }
            await expectError(.notFound) { try await storage.driver.get("/up/data") }
            await expectError(.notFound) { try await storage.driver.reader("/up/data") }
            #expect(try await storage.driver.children("/up").isEmpty)
            #expect(try await storage.driver.walk(.root, from: .start, limit: 10).entries.isEmpty)
            await expectError(.offset) { try await storage.driver.append("/up/data", at: 1) }
            let writer = try await storage.driver.append("/up/data")
            #expect(writer.startOffset == UInt64(sent + rest))
            try await writer.append(Array(content[(sent + rest)..<(sent + rest + 10)]))
            // Stored between requests in this driver's form, the other is gone.
            try await writer.sync()
            await writer.close()
            let resumed = try await storage.driver.append("/up/data", token: writer.resumeToken)
            try await resumed.append(Array(content[(sent + rest + 10)...]))
            try await resumed.commit(checksum: "", if: nil)
            await resumed.close()
            #expect(try await storage.driver.get("/up/data") == content)
            let left = try await storage.server.state()
            #expect(left.keys == ["up/data"] && left.sessions == 0)
        }
    }

    @Test("What an action costs, in requests")
    func requests() async throws {
        try await CloudStorage.with { storage in
            let driver = storage.driver
            _ = try await storage.server.requests()
            func cost(_ body: () async throws -> Void) async throws -> [String] {
                try await body()
                return try await storage.server.requests().map { String($0.prefix { $0 != " " }) }
            }
            #expect(try await cost { try await driver.put("/a/one", [1]) } == ["POST"])
            #expect(try await cost { _ = try await driver.get("/a/one") } == ["GET"])
            #expect(try await cost { _ = try await driver.look("/a/one") } == ["GET"])
            #expect(try await cost { _ = try await driver.read("/a/one") } == ["GET"])
            #expect(try await cost { _ = try await driver.children("/a") } == ["GET"])
            // 10 MiB of known size are one request, of unknown size a session with one full chunk and the rest.
            let content = randomBytes(10 << 20)
            let known = try await cost {
                let writer = try await driver.writer("/a/known", hint: 10 << 20)
                for start in stride(from: 0, to: content.count, by: 1 << 20) {
                    try await writer.append(Array(content[start..<(start + 1 << 20)]))
                }
                try await writer.commit(checksum: "", if: nil)
                await writer.close()
            }
            #expect(known == ["POST"])
            #expect(try await cost { try await driver.write("/a/unknown", content) }.count <= 3)
            let from = try StoragePath("/a/known")
            try await storage.server.control("_step?bytes=100000000")
            #expect(try await cost { try await driver.copy(from, to: try StoragePath("/b/copy"), if: nil) } == ["POST"])
            #expect(
                try await cost { try await driver.remove("/a", tree: true) } == ["GET", "DELETE", "DELETE", "DELETE"])
        }
    }

    @Test("A copy in steps, and its condition, which the service keeps")
    func copies() async throws {
        try await CloudStorage.with { storage in
            let content = randomBytes(5_000_000)
            try await storage.driver.put("/source", content)
            let (source, copy) = (try StoragePath("/source"), try StoragePath("/copy"))
            try await storage.driver.copy(source, to: copy, if: .ifAbsent)
            #expect(try await storage.driver.get("/copy") == content)
            #expect(try await storage.server.requests().count { $0.contains("/rewriteTo/") } == 5)
            await expectError(.alreadyExists) { try await storage.driver.copy(source, to: copy, if: .ifAbsent) }
            let tag = try await storage.driver.look("/copy").etag
            try await storage.driver.copy(source, to: copy, if: .ifMatch(tag))
            await expectError(.precondition) { try await storage.driver.copy(source, to: copy, if: .ifMatch(tag)) }
            try await storage.driver.move("/source", "/moved")
            await expectError(.notFound) { try await storage.driver.look("/source") }
        }
    }

    @Test("New objects and copies get the class and the key of the configuration", arguments: ["", smallChunks])
    func properties(chunks: String) async throws {
        let more = #","storageclass":"NEARLINE","kmskey":"projects/p/k","predefinedacl":"projectPrivate""#
        try await CloudStorage.with(more + chunks) { storage in
            try await storage.driver.put("/put", [1])
            try await storage.driver.write("/written", randomBytes(700_000))
            try await storage.driver.copy(try StoragePath("/put"), to: try StoragePath("/copy"), if: nil)
            for key in ["put", "written", "copy"] {
                let object = try await storage.server.control("storage/v1/b/\(CloudStorageServer.bucket)/o/\(key)")
                    .json()
                #expect(object["storageClass"] as? String == "NEARLINE", "\(key)")
                #expect(object["contentType"] as? String == "application/octet-stream", "\(key)")
                #expect(object["kmsKeyName"] as? String == "projects/p/k", "\(key)")
            }
            let requests = try await storage.server.requests()
            #expect(requests.count { $0.contains("redefinedAcl=projectPrivate") } == 3)
            #expect(requests.count { $0.contains("msKeyName=projects%2Fp%2Fk") } == 3)
        }
    }

    @Test("A condition on more than fits into memory is refused, and the bytes are kept")
    func largeCondition() async throws {
        try await CloudStorage.with(smallChunks) { storage in
            let content = randomBytes(2_000_000)
            let writer = try await storage.driver.writer("/large")
            try await writer.append(content)
            let error = await expectError(.unsupported) { try await writer.commit(checksum: "", if: .ifAbsent) }
            #expect(error?.hadNoEffect == true)
            try await writer.commit(checksum: "", if: nil)
            await writer.close()
            #expect(try await storage.driver.get("/large") == content)
        }
    }
}

extension CloudStorageServer {
    /// Stores an object as any other client would.
    func insert(_ key: String, _ content: [UInt8], type: String, _ metadata: [String: String]) async throws {
        let description = try JSONSerialization.data(
            withJSONObject: ["name": key, "contentType": type, "metadata": metadata] as [String: Any])
        var body = Data("--b\r\nContent-Type: application/json\r\n\r\n".utf8)
        body += description
        body += Data("\r\n--b\r\nContent-Type: \(type)\r\n\r\n".utf8)
        body += content
        body += Data("\r\n--b--\r\n".utf8)
        _ = try await send(
            "POST", "/upload/storage/v1/b/\(Self.bucket)/o?uploadType=multipart",
            ["Content-Type: multipart/related; boundary=b"], body)
    }

    /// Stores other bytes under a key.
    func replaceObject(_ key: String) async throws { try await insert(key, [1], type: "application/octet-stream", [:]) }

    /// Begins a session, sends bytes, and gives its address.
    func beginSession(_ key: String, _ content: [UInt8]) async throws -> String {
        let path = "/upload/storage/v1/b/\(Self.bucket)/o?uploadType=resumable"
        let head = try await send(
            "POST", path, ["Content-Type: application/json"], Data(#"{"name":"\#(key)"}"#.utf8))
        let line = try #require(
            head.split(whereSeparator: \.isNewline).first { $0.lowercased().hasPrefix("location: ") })
        let address = String(line.dropFirst("location: ".count))
        let target =
            "/"
            + address.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: true)[2...].joined(
                separator: "/")
        _ = try await send("PUT", target, ["Content-Range: bytes 0-\(content.count - 1)/*"], Data(content))
        return address
    }

    /// The head of an answer.
    private func send(_ method: String, _ target: String, _ headers: [String], _ body: Data) async throws -> String {
        try await Command.run(
            "curl",
            ["--silent", "--max-time", "10", "--dump-header", "-", "--output", "/dev/null", "--request", method]
                + headers.flatMap { ["--header", $0] } + ["--data-binary", "@-", endpoint + target], input: body
        ).checked().text
    }
}
