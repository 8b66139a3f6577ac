import NIOCore
import RegistryStorage
import Testing

/// Cases 11–22, 35 and 36 of Distribution's driver suite: readers and writers.
@Suite("Distribution's cases: streams")
struct StreamTests {
    @Test("11 · One byte comes back through streams", arguments: StorageDriverUnderTest.all)
    func oneByte(subject: StorageDriverUnderTest) async throws { try await roundTrip(subject, Array("a".utf8)) }

    @Test("12 · A character of two bytes comes back through streams", arguments: StorageDriverUnderTest.all)
    func unicode(subject: StorageDriverUnderTest) async throws { try await roundTrip(subject, Array("\u{c5}".utf8)) }

    @Test("13 · 32 bytes come back through streams", arguments: StorageDriverUnderTest.all)
    func small(subject: StorageDriverUnderTest) async throws { try await roundTrip(subject, randomBytes(32)) }

    @Test("14 · A mebibyte comes back through streams", arguments: StorageDriverUnderTest.all)
    func large(subject: StorageDriverUnderTest) async throws { try await roundTrip(subject, randomBytes(1 << 20)) }

    @Test("15 · Bytes that aren't UTF-8 come back through streams", arguments: StorageDriverUnderTest.all)
    func notText(subject: StorageDriverUnderTest) async throws {
        try await roundTrip(subject, [0x80, 0x80, 0x80, 0x80])
    }

    private func roundTrip(_ subject: StorageDriverUnderTest, _ content: [UInt8]) async throws {
        try await subject.withStore { store in
            let stat = try await store.driver.write("/some/object", content)
            #expect(stat.size == UInt64(content.count))
            #expect(try await store.driver.read("/some/object") == content)
        }
    }

    @Test("16 · A large stream comes back (48 MiB)", arguments: StorageDriverUnderTest.all)
    func veryLarge(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let blocks = (0..<48).map { ByteBuffer(bytes: randomBytes(1 << 20, seed: UInt64($0))) }
            let writer = try await store.driver.openWriter(
                at: try StoragePath("/large"), mode: .create, sizeHint: 48 << 20)
            for block in blocks { try await writer.write([block]) }
            try await writer.commit(checksum: "", if: nil)
            await writer.close()
            let reader = try await store.driver.reader("/large")
            var rest = ByteBuffer()
            var compared = 0
            while let next = try await reader.next(upTo: 1 << 20) {
                rest.writeImmutableBuffer(next)
                while rest.readableBytes >= 1 << 20 {
                    #expect(rest.readSlice(length: 1 << 20) == blocks[compared])
                    compared += 1
                    rest.discardReadBytes()
                }
            }
            reader.close()
            #expect(compared == 48)
            #expect(rest.readableBytes == 0)
        }
    }

    @Test("17 · A reader starts at its offset", arguments: StorageDriverUnderTest.all)
    func readerWithOffset(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let content = randomBytes(96)
            try await store.driver.put("/object", content)
            for offset in [0, 32, 64, 95, 96] {
                #expect(try await store.driver.read("/object", from: UInt64(offset)) == Array(content[offset...]))
            }
            let atEnd = try await store.driver.reader("/object", from: 96)
            #expect(atEnd.length == 0)
            #expect(try await atEnd.next(upTo: 10) == nil)
            atEnd.close()
            let error = await expectError(.range) { try await store.driver.reader("/object", from: 97) }
            #expect(error?.driver == store.driver.name)
            await expectError(.range) { try await store.driver.reader("/object", from: .max - 1) }
        }
    }

    @Test("18 · Writing goes on after a suspension (3 × 3 MiB)", arguments: StorageDriverUnderTest.all)
    func continueLarge(subject: StorageDriverUnderTest) async throws {
        try await suspendAndContinue(subject, chunk: 3 << 20)
    }

    @Test("19 · Writing goes on after a suspension (3 × 32 bytes)", arguments: StorageDriverUnderTest.all)
    func continueSmall(subject: StorageDriverUnderTest) async throws {
        try await suspendAndContinue(subject, chunk: 32)
    }

    private func suspendAndContinue(_ subject: StorageDriverUnderTest, chunk: Int) async throws {
        try await subject.withStore { store in
            let content = randomBytes(3 * chunk)
            var writer = try await store.driver.writer("/object")
            for part in 0..<3 {
                if part > 0 {
                    let token = writer.resumeToken
                    await writer.close()
                    writer = try await store.driver.append("/object", at: UInt64(part * chunk), token: token)
                }
                #expect(writer.startOffset == UInt64(part * chunk))
                let reached = try await writer.append(Array(content[part * chunk..<(part + 1) * chunk]))
                #expect(reached == UInt64((part + 1) * chunk))
                await expectError(.notFound) { try await store.driver.look("/object") }
            }
            try await writer.commit(checksum: "", if: nil)
            await writer.close()
            #expect(try await store.driver.read("/object") == content)
        }
    }

    @Test("20 · A reader of nothing is an error, whatever its offset", arguments: StorageDriverUnderTest.all)
    func readNothing(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            for offset: UInt64 in [0, 64] {
                let error = await expectError(.notFound) { try await store.driver.reader("/none", from: offset) }
                #expect(error?.driver == store.driver.name)
            }
        }
    }

    @Test("21 · An empty stream is an object, and can be gone on with", arguments: StorageDriverUnderTest.all)
    func emptyStream(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let stat = try await store.driver.write("/object")
            #expect(stat.size == 0)
            #expect(try await store.driver.read("/object").isEmpty)
            try await append(store, randomBytes(32))
        }
    }

    @Test("22 · An empty content can be gone on with", arguments: StorageDriverUnderTest.all)
    func emptyContent(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/object", [])
            #expect(try await store.driver.get("/object").isEmpty)
            try await append(store, randomBytes(32))
        }
    }

    private func append(_ store: Store, _ content: [UInt8]) async throws {
        let writer = try await store.driver.append("/object", at: 0)
        #expect(writer.startOffset == 0)
        #expect(try await writer.append(content) == UInt64(content.count))
        let stat = try await writer.commit(checksum: "", if: nil)
        await writer.close()
        #expect(stat.size == UInt64(content.count))
        #expect(try await store.driver.read("/object") == content)
    }

    @Test("35 · Ten readers at random offsets of one object", arguments: StorageDriverUnderTest.all)
    func concurrentReads(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let content = randomBytes(2 << 20)
            try await store.driver.write("/object", content)
            var generator = SeededGenerator(seed: 35)
            let offsets = (0..<10).map { _ in Int.random(in: 0...content.count, using: &generator) }
            try await withThrowingTaskGroup { group in
                for offset in offsets {
                    group.addTask {
                        let bytes = try await store.driver.read("/object", from: UInt64(offset), chunk: 65_536)
                        #expect(bytes == Array(content[offset...]))
                    }
                }
                try await group.waitForAll()
            }
        }
    }

    @Test("36 · Eight objects are written at once", arguments: StorageDriverUnderTest.all)
    func concurrentWrites(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await withThrowingTaskGroup { group in
                for seed: UInt64 in 0..<8 {
                    group.addTask {
                        let content = randomBytes(2 << 20, seed: seed)
                        let writer = try await store.driver.writer("/shared/object-\(seed)")
                        for start in stride(from: 0, to: content.count, by: 300_000) {
                            try await writer.append(Array(content[start..<min(start + 300_000, content.count)]))
                        }
                        try await writer.commit(checksum: "", if: nil)
                        await writer.close()
                        #expect(try await store.driver.read("/shared/object-\(seed)") == content)
                    }
                }
                try await group.waitForAll()
            }
            #expect(try await store.driver.children("/shared") == (0..<8).map { "object-\($0)" })
        }
    }
}
