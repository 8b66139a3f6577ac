import NIOCore
import RegistryStorage
import TestSupport
import Testing

/// What the driver makes of answers that don't come, come late, or are wrong. The strict fake does as the service does where
/// fake-gcs-server can't: it keeps conditions everywhere, and tells how much a session has.
@Suite("Cloud Storage that fails", .timeLimit(.minutes(5)))
struct CloudStorageFaultTests {
    @Test("A put whose answer is lost is done once, with and without a condition")
    func lostPut() async throws {
        try await CloudStorage.with { storage in
            for (path, condition) in [("/plain", nil), ("/absent", .ifAbsent)] as [(String, StorageCondition?)] {
                try await storage.server.fail(["request": "POST /upload/.*multipart", "do": "lose"])
                let stat = try await storage.driver.put(path, [1, 2], if: condition)
                #expect(try await storage.driver.look(path) == stat)
            }
            let first = try await storage.driver.look("/plain")
            try await storage.server.fail(["request": "POST /upload/.*multipart", "do": "lose"])
            try await storage.driver.put("/plain", [3], if: .ifMatch(first.etag))
            #expect(try await storage.driver.get("/plain") == [3])
            // Somebody else's object isn't taken for ours.
            try await storage.server.fail(["request": "POST /upload/.*multipart", "do": "reset"])
            await expectError(.alreadyExists) { try await storage.driver.put("/absent", [9], if: .ifAbsent) }
            #expect(try await storage.driver.get("/absent") == [1, 2])
        }
    }

    @Test("A removal whose answer is lost is a removal, and one of nothing is none")
    func lostRemoval() async throws {
        try await CloudStorage.with { storage in
            try await storage.driver.put("/object", [1])
            try await storage.server.fail(["request": "DELETE /storage", "do": "lose"])
            try await storage.driver.remove("/object")
            await expectError(.notFound) { try await storage.driver.remove("/object") }
        }
    }

    @Test(
        "No byte of a session is sent twice blindly",
        arguments: [
            ["request": "PUT /upload", "do": "lose", "skip": "1"],
            ["request": "PUT /upload", "do": "part", "skip": "1"],
            ["request": "PUT /upload", "do": "reset", "skip": "2", "count": "2"],
            ["request": "PUT /upload", "do": "status", "skip": "1", "count": "2"],
            ["request": "PUT /upload", "do": "lose", "skip": "7"],
            ["request": "POST /upload", "do": "lose"], ["request": "POST /upload", "do": "status"],
        ])
    func sessions(fault: [String: String]) async throws {
        // Chunks of 512 KiB, so that half a chunk can arrive.
        try await CloudStorage.with(#","chunksize":1048576"#) { storage in
            let content = randomBytes(4_000_000)
            var wanted: [String: Any] = fault
            for key in ["skip", "count"] { wanted[key] = fault[key].flatMap { Int($0) } }
            try await storage.server.fail(wanted)
            let writer = try await storage.driver.writer("/large")
            for start in stride(from: 0, to: content.count, by: 300_000) {
                try await writer.append(Array(content[start..<min(start + 300_000, content.count)]))
            }
            let stat = try await writer.commit(checksum: "", if: nil)
            await writer.close()
            #expect(stat.size == 4_000_000)
            #expect(try await storage.driver.get("/large") == content)
            let requests = try await storage.server.requests()
            let chunks = requests.count { $0.hasPrefix("PUT /upload") }
            // Seven whole chunks and a rest; a question or a repetition for a fault.
            #expect((8...11).contains(chunks), "\(chunks)")
            let state = try await storage.server.state()
            #expect(state.keys == ["large"])
        }
    }

    @Test("A session that is gone fails the upload, and nothing is published")
    func lostSession() async throws {
        try await CloudStorage.with(smallChunks) { storage in
            try await storage.server.fail(
                ["request": "PUT /upload", "do": "status", "status": 410, "skip": 2, "count": 100])
            let writer = try await storage.driver.writer("/large")
            await expectError(.precondition) {
                for _ in 0..<20 { try await writer.append(randomBytes(300_000)) }
                try await writer.commit(checksum: "", if: nil)
            }
            try await storage.server.fail()
            try await writer.cancel()
            await writer.close()
            await expectError(.notFound) { try await storage.driver.look("/large") }
        }
    }

    @Test("A service that is busy is asked again, and says so if it stays busy")
    func busy() async throws {
        try await CloudStorage.with(#","maxretries":2"#) { storage in
            try await storage.driver.put("/object", [1])
            try await storage.server.fail(["request": "GET /storage", "do": "status", "count": 2])
            #expect(try await storage.driver.get("/object") == [1])
            let slow: [String: Any] = ["status": 429, "reason": "rateLimitExceeded", "retry_after": 0]
            try await storage.server.fail(slow.merging(["request": "GET /storage", "do": "status", "count": 9]) { $1 })
            let throttled = await expectError(.throttled) { try await storage.driver.get("/object") }
            #expect(throttled?.vendorCode == "rateLimitExceeded")
            let down: [String: Any] = ["request": "GET /storage", "do": "status", "count": 9]
            try await storage.server.fail(down)
            let error = await expectError(.unavailable) { try await storage.driver.look("/object") }
            #expect(error?.isRetryable == true)
        }
    }

    @Test("A download that breaks off goes on with the same content, or fails")
    func brokenReads() async throws {
        try await CloudStorage.with { storage in
            let content = randomBytes(3_000_000)
            try await storage.driver.put("/object", content)
            let cut: [String: Any] = ["request": "GET /storage/.*alt=media", "do": "short", "bytes": 1_000_000]
            try await storage.server.fail(cut.merging(["count": 2]) { $1 })
            #expect(try await storage.driver.read("/object") == content)
            try await storage.server.fail(cut)
            #expect(
                try await storage.driver.read("/object", from: 500, length: 2_000_000)
                    == Array(content[500..<2_000_500]))
            // Replaced meanwhile: never a mix.
            try await storage.server.fail(cut)
            let reader = try await storage.driver.reader("/object")
            let first = try await reader.next(upTo: 1000)
            #expect(first.map { [UInt8]($0.readableBytesView) } == Array(content[..<1000]))
            try await storage.driver.put("/object", randomBytes(3_000_000, seed: 2))
            await expectError(.notFound, .unavailable) { try await reader.rest() }
            reader.close()
        }
    }

    @Test("Wrong bytes are never handed over as a whole")
    func wrongBytes() async throws {
        try await CloudStorage.with { storage in
            try await storage.driver.put("/object", randomBytes(2_000_000))
            let wrong: [String: Any] = ["request": "GET /storage/.*alt=media", "do": "wrong"]
            try await storage.server.fail(wrong)
            await expectError(.corrupt) { try await storage.driver.get("/object") }
            try await storage.server.fail(wrong)
            let reader = try await storage.driver.reader("/object")
            var count = 0
            await expectError(.corrupt) {
                while let next = try await reader.next(upTo: 100_000) { count += next.readableBytes }
            }
            reader.close()
            #expect(count < 2_000_000)
        }
    }
}
