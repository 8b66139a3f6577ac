import Glibc
import NIOCore
import RegistryStorage
import TestSupport
import Testing

/// P72–P77, and what Distribution's suite leaves out of writers.
@Suite("The ABI's checks: writers")
struct WriterChecks {
    @Test("P72 · Parts of every size add up", arguments: StorageDriverUnderTest.all)
    func parts(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let content = randomBytes(300_000)
            let writer = try await store.driver.writer("/odd")
            var at = 0
            for size in [0, 1, 3, 4095, 0, 4097, 100_001] {
                #expect(try await writer.append(Array(content[at..<at + size])) == UInt64(at + size))
                at += size
            }
            #expect(try await writer.write([]) == UInt64(at))
            let rest = stride(from: at, to: content.count, by: 7777).map {
                ByteBuffer(bytes: content[$0..<min($0 + 7777, content.count)])
            }
            try await writer.write(rest)
            try await writer.commit(checksum: "", if: nil)
            await writer.close()
            #expect(try await store.driver.get("/odd") == content)

            let small = try await store.driver.writer("/small")
            for round in 0..<100 {
                try await small.write((0..<100).map { ByteBuffer(bytes: [content[round * 100 + $0]]) })
            }
            try await small.commit(checksum: "", if: nil)
            await small.close()
            #expect(try await store.driver.get("/small") == Array(content[..<10_000]))

            try await store.driver.write("/large", randomBytes(24 << 20))
            #expect(try await store.driver.get("/large") == randomBytes(24 << 20))
        }
    }

    @Test("P73 · Nothing is visible before the commit, everything after it", arguments: StorageDriverUnderTest.all)
    func visibility(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/replaced", [9])
            for path in ["/new/object", "/replaced"] {
                let writer = try await store.driver.writer(path)
                try await writer.append([1, 2])
                #expect(try await writer.sync() == 2)
                try await writer.append([3])
                if path == "/replaced" {
                    #expect(try await store.driver.get(path) == [9])
                } else {
                    await expectError(.notFound) { try await store.driver.get(path) }
                }
                let stat = try await writer.commit(checksum: "", if: nil)
                #expect(stat.path == path)
                #expect(stat.size == 3)
                #expect(stat.kind == .object)
                #expect(try await store.driver.get(path) == [1, 2, 3])
                await writer.close()
                #expect(try await store.driver.get(path) == [1, 2, 3])
            }
        }
    }

    @Test("M15 · Bytes of a writer are seen by no look and no listing", arguments: StorageDriverUnderTest.all)
    func inProgress(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let writer = try await store.driver.writer("/up/data")
            try await writer.append(randomBytes(10_000))
            for isOpen in [true, false] {
                if !isOpen { await writer.close() }
                await expectError(.notFound) { try await store.driver.look("/up/data") }
                await expectError(.notFound) { try await store.driver.reader("/up/data") }
                #expect(try await store.driver.children("/up").isEmpty)
                #expect(try await store.driver.objects(below: "/") == [])
                if store.has(.walk) {
                    #expect(try await store.driver.walk(.root, from: .start, limit: 10).entries.isEmpty)
                }
            }
        }
    }

    @Test("M1 · A cancelled writer leaves nothing", arguments: StorageDriverUnderTest.all)
    func cancel(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let writer = try await store.driver.writer("/cancelled/object")
            try await writer.append(randomBytes(1000))
            try await writer.cancel()
            try await writer.cancel()
            await writer.close()
            await expectError(.notFound) { try await store.driver.look("/cancelled/object") }
            await expectError(.notFound) {
                try await store.driver.append("/cancelled/object", token: writer.resumeToken)
            }
            await expectError(.notFound) { try await store.driver.append("/cancelled/object") }
            if subject.prefix.isEmpty { #expect(try await store.driver.entries("/").isEmpty) }
        }
    }

    @Test("M2 · A new writer leaves other suspended bytes alone", arguments: StorageDriverUnderTest.all)
    func otherWriters(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let first = try await store.driver.writer("/object")
            try await first.append([1, 1])
            await first.close()
            try await store.driver.write("/object", [2])
            #expect(try await store.driver.get("/object") == [2])
            let resumed = try await store.driver.append("/object", at: 2, token: first.resumeToken)
            try await resumed.append([3])
            try await resumed.commit(checksum: "", if: nil)
            await resumed.close()
            #expect(try await store.driver.get("/object") == [1, 1, 3])
        }
    }

    @Test("M3 · After its end a writer refuses work", arguments: StorageDriverUnderTest.all)
    func afterTheEnd(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let committed = try await store.driver.writer("/committed")
            try await committed.append([1])
            try await committed.commit(checksum: "", if: nil)
            await expectError(.invalidArgument) { try await committed.commit(checksum: "", if: nil) }
            await expectError(.invalidArgument) { try await committed.append([2]) }
            await expectError(.invalidArgument) { try await committed.cancel() }
            await committed.close()
            await committed.close()
            #expect(try await store.driver.get("/committed") == [1])
            let cancelled = try await store.driver.writer("/cancelled")
            try await cancelled.cancel()
            await expectError(.invalidArgument) { try await cancelled.append([2]) }
            await expectError(.invalidArgument) { try await cancelled.commit(checksum: "", if: nil) }
            await cancelled.close()
            await expectError(.notFound) { try await store.driver.look("/cancelled") }
            let token = committed.resumeToken
            await expectError(.notFound) { try await store.driver.append("/committed", token: token) }
        }
    }

    @Test("P75 · A writer goes on only where the content ends", arguments: StorageDriverUnderTest.all)
    func offsets(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let writer = try await store.driver.writer("/object")
            try await writer.append(randomBytes(1000))
            let token = writer.resumeToken
            await writer.close()
            for offset: UInt64 in [0, 999, 1001, 1 << 40] {
                for token in [token, []] {
                    let error = await expectError(.offset) {
                        try await store.driver.append("/object", at: offset, token: token)
                    }
                    #expect(error?.durableOffset == 1000)
                }
            }
            for stale in [[0], [UInt8](repeating: 0x61, count: 32), [UInt8](repeating: 0xff, count: 1024)] {
                await expectError(.notFound) { try await store.driver.append("/object", at: 1000, token: stale) }
            }
            if !store.has(.adopt) {
                await expectError(.notFound) { try await store.driver.append("/elsewhere", at: 1000, token: token) }
            }
            await expectError(.notFound) { try await store.driver.append("/elsewhere", at: 0) }
            let resumed = try await store.driver.append("/object", token: token)
            #expect(resumed.startOffset == 1000)
            try await resumed.commit(checksum: "", if: nil)
            await resumed.close()
            #expect(try await store.driver.get("/object") == randomBytes(1000))
            let error = await expectError(.offset) { try await store.driver.append("/object", at: 1) }
            #expect(error?.durableOffset == 1000)
        }
    }

    @Test(
        "M27 · Suspended bytes are published at another path, where the driver can",
        arguments: StorageDriverUnderTest.all)
    func adopt(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            guard store.has(.adopt) else { return }
            for size in [0, 1000, 12 << 20] {
                let content = randomBytes(size)
                let first = try await store.driver.writer("/staged/object")
                try await first.append(content)
                try await first.sync()
                await first.close()
                // Without a commit they stay where they were.
                let token = first.resumeToken
                let undecided = try await store.other().append("/blobs/object-\(size)", token: token)
                #expect(undecided.startOffset == UInt64(size))
                await expectError(.busy) { try await store.driver.append("/staged/object", token: token) }
                await undecided.close()
                let again = try await store.driver.append("/staged/object", at: UInt64(size), token: token)
                await again.close()
                let adopted = try await store.driver.append("/blobs/object-\(size)", at: UInt64(size), token: token)
                try await adopted.append([1, 2, 3])
                try await adopted.commit(checksum: "", if: nil)
                await adopted.close()
                #expect(try await store.driver.get("/blobs/object-\(size)") == content + [1, 2, 3])
                await expectError(.notFound) { try await store.driver.append("/staged/object", token: token) }
                await expectError(.notFound) { try await store.driver.look("/staged/object") }
            }
        }
    }

    @Test("M20 · Without a token the newest suspended bytes are gone on with", arguments: StorageDriverUnderTest.all)
    func newest(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            for size in [10, 20, 30] {
                // Files tell their age in ticks of the kernel's clock.
                try await store.driver.put("/tick", [])
                let before = try await store.driver.look("/tick").modified
                try await eventually("the clock has moved on") {
                    try await store.driver.put("/tick", [])
                    return try await store.driver.look("/tick").modified > before
                }
                let writer = try await store.driver.writer("/object")
                try await writer.append(randomBytes(size))
                await writer.close()
            }
            let resumed = try await store.driver.append("/object")
            #expect(resumed.startOffset == 30)
            try await resumed.cancel()
            await resumed.close()
            let next = try await store.driver.append("/object", at: 20)
            await next.close()
        }
    }

    @Test(
        "P76 · A commit with a wrong checksum publishes nothing, where the driver checks it",
        arguments: StorageDriverUnderTest.all)
    func checksum(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let wrong = "sha256:" + String(repeating: "0", count: 64)
            let writer = try await store.driver.writer("/object")
            try await writer.append(Array("abc".utf8))
            do {
                try await writer.commit(checksum: wrong, if: nil)
                #expect(try await store.driver.get("/object") == Array("abc".utf8), "this driver doesn't check")
            } catch let error as StorageError {
                #expect(error.code == .corrupt)
                await expectError(.notFound) { try await store.driver.look("/object") }
                try await writer.commit(checksum: ConditionChecks.digestOfABC, if: nil)
                #expect(try await store.driver.get("/object") == Array("abc".utf8))
            }
            await writer.close()
            let right = try await store.driver.writer("/right")
            try await right.append(Array("abc".utf8))
            try await right.commit(checksum: ConditionChecks.digestOfABC, if: nil)
            await right.close()
            #expect(try await store.driver.get("/right") == Array("abc".utf8))
        }
    }

    @Test(
        "P77 · Two writers never share bytes; what is committed is one of the contents",
        arguments: StorageDriverUnderTest.all)
    func twoWriters(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let first = try await store.driver.writer("/object")
            let second = try await store.driver.writer("/object")
            for _ in 0..<10 {
                try await first.append([1, 1])
                try await second.append([2])
            }
            await expectError(.busy) { try await store.other().append("/object", token: first.resumeToken) }
            try await first.commit(checksum: "", if: nil)
            #expect(try await store.driver.get("/object") == [UInt8](repeating: 1, count: 20))
            try await second.commit(checksum: "", if: nil)
            #expect(try await store.driver.get("/object") == [UInt8](repeating: 2, count: 10))
            await first.close()
            await second.close()
            #expect(try await store.driver.get("/object") == [UInt8](repeating: 2, count: 10))
            #expect(try await store.driver.children("/") == ["object"])
        }
    }

    @Test(
        "P78 · A file's window is written as its bytes are, and its position stays",
        arguments: StorageDriverUnderTest.all)
    func files(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let content = randomBytes(3_000_000)
            let source = try SourceFile(content)
            let writer = try await store.driver.writer("/object")
            let first = content.count - 1000
            try await writer.append([7])
            guard store.driver.capabilities.contains(.descriptorWrite) else {
                await expectError(.unsupported) { try await writer.write(source.window(0, first)) }
                #expect(try await writer.append([8]) == 2)
                return await writer.close()
            }
            #expect(try await writer.write(source.window(500, first)) == UInt64(1 + first))
            #expect(try await writer.write(source.window(0, 0)) == UInt64(1 + first))
            #expect(try await writer.append([8]) == UInt64(2 + first))
            #expect(try await writer.write(source.window(0, 500)) == UInt64(502 + first))
            // More than the file has: refused, and nothing of it is kept.
            await expectError(.invalidArgument, .internal, .range, .corrupt) {
                try await writer.write(source.window(content.count - 10, 20))
            }
            #expect(try await writer.append([9]) == UInt64(503 + first))
            #expect(source.position == 123)
            try await writer.commit(checksum: "", if: nil)
            await writer.close()
            #expect(
                try await store.driver.get("/object") == [7] + content[500..<500 + first] + [8] + content[..<500] + [9])
        }
    }

    @Test("M21 · A suspended writer goes on in another instance", arguments: StorageDriverUnderTest.persistent)
    func anotherInstance(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let content = randomBytes(100_000)
            let writer = try await store.driver.writer("/object")
            try await writer.append(Array(content[..<70_000]))
            try await writer.sync()
            await writer.close()
            let resumed = try await store.reopen().append("/object", at: 70_000, token: writer.resumeToken)
            try await resumed.append(Array(content[70_000...]))
            try await resumed.commit(checksum: "", if: nil)
            await resumed.close()
            #expect(try await store.driver.get("/object") == content)
        }
    }

    @Test("M16 · Times never run backwards", arguments: StorageDriverUnderTest.all)
    func times(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            var last: Int64 = 0
            for turn in 0..<20 {
                let stat =
                    turn % 2 == 0
                    ? try await store.driver.put("/object", [UInt8(turn)])
                    : try await store.driver.write("/object", [UInt8(turn)])
                let seen = try await store.driver.look("/object").modified
                #expect(seen >= last)
                // A store may answer without saying when.
                #expect(stat.modified == seen || stat.modified == 0)
                last = seen
            }
        }
    }
}

/// A file without a name, to be written from.
private final class SourceFile: OwnedDescriptor {
    let number: CInt

    init(_ content: [UInt8]) throws {
        var name = Array("/tmp/mooring-source-XXXXXX".utf8CString)
        number = mkstemp(&name)
        try #require(number >= 0)
        unlink(name)
        try #require(write(number, content, content.count) == content.count)
        lseek(number, 123, SEEK_SET)
    }

    deinit { close(number) }

    var position: off_t { lseek(number, 0, SEEK_CUR) }

    func window(_ offset: Int, _ length: Int) -> StorageFileRange {
        StorageFileRange(descriptor: self, offset: UInt64(offset), length: UInt64(length))
    }
}
