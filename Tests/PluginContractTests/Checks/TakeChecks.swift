import RegistryStorage
import Testing

@Suite("Writers that go on with an object")
struct TakeChecks {
    private static let subjects = StorageDriverUnderTest.all

    @Test("M22 · A taken object grows, is cut, and comes back with its commit", arguments: subjects)
    func growAndCut(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            guard store.has(.take) else {
                await expectError(.unsupported) { try await store.driver.take("/up/data") }
                return
            }
            var content = randomBytes(5000)
            var stat = try await store.driver.write("/up/data", content)
            for (end, more) in [(nil, 3000), (4000, 10), (4010, 0), (0, 7)] as [(UInt64?, Int)] {
                let writer = try await store.other().take("/up/data", at: end, etag: stat.etag)
                #expect(writer.startOffset == end ?? UInt64(content.count))
                await expectError(.notFound) { try await store.driver.look("/up/data") }
                #expect(try await store.driver.children("/up").isEmpty)
                content = Array(content[..<Int(writer.startOffset)]) + randomBytes(more)
                try await writer.append(Array(content[Int(writer.startOffset)...]))
                let old = stat.etag
                stat = try await writer.commit(checksum: "", if: nil)
                await writer.close()
                #expect(stat.etag != old || old.isEmpty)
                #expect(try await store.driver.look("/up/data").etag == stat.etag)
                #expect(try await store.driver.get("/up/data") == content)
            }
        }
    }

    @Test("M23 · What can't be taken stays as it is", arguments: subjects)
    func refused(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            guard store.has(.take) else { return }
            let stat = try await store.driver.put("/folder/object", [1, 2, 3])
            for (path, offset, etag, code) in [
                ("/folder/object", 4, "", .offset), ("/folder/object", nil, "other", .precondition),
                ("/folder/object", 4, "other", .precondition), ("/folder", nil, "", .notFound),
                ("/folder/none", nil, "", .notFound), ("/none/none", nil, stat.etag, .notFound),
                ("/folder/object/below", nil, "", .notFound),
            ] as [(String, UInt64?, String, StorageError.Code)] {
                await expectError(code) { try await store.driver.take(path, at: offset, etag: etag) }
                #expect(try await store.driver.look("/folder/object").etag == stat.etag)
            }
            #expect(try await store.driver.get("/folder/object") == [1, 2, 3])
        }
    }

    @Test(
        "M24 · A taken object that is suspended is gone on with, and one that is cancelled is gone", arguments: subjects
    )
    func suspended(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            guard store.has(.take) else { return }
            try await store.driver.put("/object", [1, 2, 3])
            let writer = try await store.driver.take("/object", at: 2)
            try await writer.append([4])
            await expectError(.busy) { try await store.other().append("/object") }
            await writer.close()
            let resumed = try await store.driver.append("/object", at: 3)
            try await resumed.commit(checksum: "", if: nil)
            await resumed.close()
            #expect(try await store.driver.get("/object") == [1, 2, 4])
            let cancelled = try await store.driver.take("/object")
            try await cancelled.cancel()
            await cancelled.close()
            await expectError(.notFound) { try await store.driver.look("/object") }
            await expectError(.notFound) { try await store.driver.append("/object") }
        }
    }

    @Test("M26 · A taken object and its copies change nothing of each other", arguments: subjects)
    func copies(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            guard store.has([.take, .copy]) else { return }
            try await store.driver.put("/object", [1, 2, 3])
            let (from, to) = (try StoragePath("/object"), try StoragePath("/copies/one"))
            try await store.driver.copy(from, to: to, if: nil)
            for path in ["/object", "/copies/one"] {
                let writer = try await store.driver.take(path, at: 1)
                try await writer.append([9, 9, 9])
                try await writer.commit(checksum: "", if: nil)
                await writer.close()
                #expect(try await store.driver.get(path) == [1, 9, 9, 9])
                if path == "/object" { #expect(try await store.driver.get("/copies/one") == [1, 2, 3]) }
            }
            #expect(try await store.driver.get("/object") == [1, 9, 9, 9])
        }
    }

    @Test("M25 · Of racers that take one object each gets it alone", arguments: subjects)
    func racers(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            guard store.has(.take) else { return }
            try await store.driver.put("/object", [])
            try await withThrowingTaskGroup(of: Int.self) { group in
                for racer in 0..<8 {
                    group.addTask { try await Self.append(UInt8(racer), to: store.other(), times: 20) }
                }
                let count = try await group.reduce(0, +)
                let content = try await store.driver.get("/object")
                #expect(content.count == count)
                for racer in 0..<8 { #expect(content.count { $0 == racer } == 20) }
            }
        }
    }

    /// Appends a byte so many times, each with a writer of its own; how many there are.
    private static func append(_ byte: UInt8, to driver: any StorageDriver, times: Int) async throws -> Int {
        var done = 0
        while done < times {
            do {
                let writer = try await driver.take("/object")
                try await writer.append([byte])
                try await writer.commit(checksum: "", if: nil)
                await writer.close()
                done += 1
            } catch let error as StorageError where [.busy, .notFound].contains(error.code) {
                await Task.yield()
            }
        }
        return done
    }
}
