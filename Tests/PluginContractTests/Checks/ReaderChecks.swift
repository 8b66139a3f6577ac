import Glibc
import NIOCore
import RegistryStorage
import Testing

/// P67–P71, and what Distribution's suite leaves out of readers.
@Suite("The ABI's checks: readers")
struct ReaderChecks {
    @Test("P67 · Random ranges give what the content has there", arguments: StorageDriverUnderTest.all)
    func ranges(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let content = randomBytes(100_003)
            try await store.driver.put("/object", content)
            var generator = SeededGenerator(seed: 67)
            for _ in 0..<100 {
                let start = Int.random(in: 0...content.count, using: &generator)
                let length = Int.random(in: 0...content.count, using: &generator)
                let end = min(content.count, start + length)
                let reader = try await store.driver.reader("/object", from: UInt64(start), length: UInt64(length))
                #expect(reader.objectSize == 100_003)
                #expect(reader.offset == UInt64(start))
                #expect(reader.length == UInt64(end - start))
                #expect(try await reader.rest(chunk: 33_333) == Array(content[start..<end]))
                reader.close()
            }
        }
    }

    @Test("M14 · A range ends at the object's end, also at the largest numbers", arguments: StorageDriverUnderTest.all)
    func rangeEnds(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/object", randomBytes(100))
            for length: UInt64 in [100, 101, .max - 1, .max] {
                #expect(try await store.driver.read("/object", from: 0, length: length) == randomBytes(100))
                #expect(try await store.driver.read("/object", from: 99, length: length) == [randomBytes(100)[99]])
                #expect(try await store.driver.read("/object", from: 100, length: length).isEmpty)
                await expectError(.range) { try await store.driver.read("/object", from: 101, length: length) }
                await expectError(.range) { try await store.driver.read("/object", from: .max, length: length) }
            }
            #expect(try await store.driver.read("/object", from: 50, length: 0).isEmpty)
        }
    }

    @Test(
        "P68 · A reader's descriptor is a window on the content, and only where it is claimed",
        arguments: StorageDriverUnderTest.all)
    func descriptor(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let content = randomBytes(200_000)
            try await store.driver.put("/object", content)
            let reader = try await store.driver.reader("/object", from: 1000, length: 150_000)
            defer { reader.close() }
            guard store.has(.descriptorRead) else {
                #expect(reader.file == nil)
                return
            }
            let file = try #require(reader.file)
            #expect(fcntl(file.descriptor.number, F_GETFD) & FD_CLOEXEC != 0)
            let another = dup(file.descriptor.number)
            lseek(another, 77, SEEK_SET)
            close(another)
            #expect(try sent(file) == Array(content[1000..<151_000]))
            try await store.driver.put("/object", [1])
            #expect(try sent(file) == Array(content[1000..<151_000]), "it serves what was there when it was opened")
        }
    }

    /// What sendfile gives of a file's window, through a pipe.
    private func sent(_ file: StorageFileRange) throws -> [UInt8] {
        var ends: [CInt] = [0, 0]
        try #require(pipe(&ends) == 0)
        defer { close(ends[0]) }
        var bytes: [UInt8] = []
        var offset = off_t(file.offset)
        let end = offset + off_t(file.length)
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while offset < end {
            let count = sendfile(ends[1], file.descriptor.number, &offset, min(16_384, Int(end - offset)))
            try #require(count > 0)
            try #require(read(ends[0], &buffer, buffer.count) == count)
            bytes += buffer[..<count]
        }
        close(ends[1])
        return bytes
    }

    @Test("P69 · Chunks keep their limit, and the end stays the end", arguments: StorageDriverUnderTest.all)
    func chunks(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let content = randomBytes(5000)
            try await store.driver.put("/object", content)
            for chunk in [1, 7, 4096, 5000, 1 << 20] {
                let reader = try await store.driver.reader("/object")
                #expect(try await reader.rest(chunk: chunk) == content)
                for _ in 0..<3 { #expect(try await reader.next(upTo: chunk) == nil) }
                reader.close()
            }
        }
    }

    @Test(
        "P70 · Readers can be closed at every point, and their bytes stay good", arguments: StorageDriverUnderTest.all)
    func earlyClose(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let content = randomBytes(10_000)
            try await store.driver.put("/object", content)
            var kept: [ByteBuffer] = []
            for reads in 0..<5 {
                let reader = try await store.driver.reader("/object")
                for _ in 0..<reads {
                    if let next = try await reader.next(upTo: 3000) { kept.append(next) }
                }
                reader.close()
                reader.close()
                _ = try await store.driver.reader("/object")  // dropped: closes itself
            }
            try await store.driver.remove("/object")
            #expect(kept.count == 10)
            #expect(kept.first.map { [UInt8]($0.readableBytesView) } == Array(content[..<3000]))
            #expect(kept.last.map { [UInt8]($0.readableBytesView) } == Array(content[9000...]))
        }
    }

    @Test("P71 · Two readers of one object don't disturb each other", arguments: StorageDriverUnderTest.all)
    func interleaved(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let content = randomBytes(10_000)
            try await store.driver.put("/object", content)
            let left = try await store.driver.reader("/object")
            let right = try await store.driver.reader("/object", from: 5000)
            var (seenLeft, seenRight): ([UInt8], [UInt8]) = ([], [])
            for _ in 0..<20 {
                if let next = try await left.next(upTo: 777) { seenLeft += next.readableBytesView }
                if let next = try await right.next(upTo: 333) { seenRight += next.readableBytesView }
            }
            left.close()
            right.close()
            #expect(seenLeft == content)
            #expect(seenRight == Array(content[5000...]))
        }
    }

    @Test("M13 · Reads of a byte each give the content", arguments: StorageDriverUnderTest.all)
    func shortReads(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/object", randomBytes(300))
            #expect(try await store.driver.read("/object", chunk: 1) == randomBytes(300))
            let reader = try await store.driver.reader("/object", from: 17, length: 100)
            var generator = SeededGenerator(seed: 13)
            var seen: [UInt8] = []
            while let next = try await reader.next(upTo: Int.random(in: 1...9, using: &generator)) {
                seen += next.readableBytesView
            }
            reader.close()
            #expect(seen == Array(randomBytes(300)[17..<117]))
        }
    }
}
