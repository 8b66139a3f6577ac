import Glibc
import NIOCore
import TestSupport
import Testing

@testable import RegistryStorage

/// P49–P53: whole objects and their paths.
@Suite("The ABI's checks: content")
struct ContentChecks {
    @Test("P49 · Contents of sizes around page and buffer limits come back", arguments: StorageDriverUnderTest.all)
    func sizes(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            for size in [0, 1, 4095, 4096, 4097, 1 << 20 - 1, 16 << 20] {
                let content = randomBytes(size, seed: UInt64(size))
                let stat = try await store.driver.put("/sizes/object", content)
                #expect(stat.size == UInt64(size))
                #expect(try await store.driver.get("/sizes/object") == content)
            }
        }
    }

    @Test("P50 · A content larger than asked for is refused", arguments: StorageDriverUnderTest.all)
    func limit(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/object", randomBytes(100))
            #expect(try await store.driver.get("/object", limit: 100) == randomBytes(100))
            await expectError(.range) { try await store.driver.get("/object", limit: 99) }
            await expectError(.range) { try await store.driver.get("/object", limit: 0) }
            await expectError(.notFound) { try await store.driver.get("/missing", limit: 0) }
            try await store.driver.put("/prefix/object", [1])
            await expectError(.notFound) { try await store.driver.get("/prefix") }
        }
    }

    @Test("P51 · Eight readers see the old content or the new one, whole", arguments: StorageDriverUnderTest.all)
    func atomicOverwrite(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let contents = [UInt8(0), 1].map { [UInt8](repeating: $0, count: $0 == 0 ? 60_000 : 20_000) }
            try await store.driver.put("/object", contents[0])
            let isOver = Flag()
            try await withThrowingTaskGroup(of: Int.self) { group in
                for reader in 0..<8 {
                    group.addTask {
                        var reads = 0
                        while !isOver.isSet || reads == 0 {
                            let seen =
                                try await reader % 2 == 0
                                ? store.driver.get("/object") : store.driver.read("/object", chunk: 9999)
                            #expect(contents.contains(seen), "a mix: \(seen.count) bytes")
                            reads += 1
                            // A driver that completes inline would never let the writer have its turn.
                            await Task.yield()
                        }
                        return reads
                    }
                }
                for turn in 1...100 {
                    await Task.yield()
                    if turn % 3 == 0 {
                        try await store.driver.write("/object", contents[turn % 2])
                    } else {
                        try await store.driver.put("/object", contents[turn % 2])
                    }
                }
                isOver.set()
                for try await reads in group { #expect(reads > 0) }
            }
        }
    }

    @Test("P52 · Time and etag follow the content", arguments: StorageDriverUnderTest.all)
    func stat(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let before = wallClock()
            let written = try await store.driver.put("/object", [1, 2, 3])
            let first = try await store.driver.look("/object")
            #expect(first.size == 3)
            // Within five seconds of the writing, however long that took on a busy machine.
            #expect(first.modified > before - 5_000_000_000 && first.modified < wallClock() + 5_000_000_000)
            #expect(written.etag == first.etag)
            #expect(try await store.driver.look("/object") == first, "a look changes nothing")
            #expect(try await store.driver.entries("/").map(\.etag).allSatisfy { $0.isEmpty || $0 == first.etag })
            let reader = try await store.driver.reader("/object")
            #expect(reader.etag == first.etag || reader.etag.isEmpty)
            reader.close()
            let second = try await store.driver.put("/object", [1, 2, 4])
            #expect(second.modified >= first.modified || second.modified == 0)
            #expect(first.etag.isEmpty || second.etag != first.etag)
        }
    }

    @Test("P53 · Long, deep and odd paths work; escapes are refused", arguments: StorageDriverUnderTest.all)
    func paths(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let room = subject.longestPath - subject.prefix.utf8.count
            let wide = String((String(repeating: "/" + String(repeating: "w", count: 200), count: 6)).prefix(room))
            let deep = String(repeating: "/d", count: min(room / 2, subject.mostSegments))
            for path in ["/a", wide, deep, "/...", "/..a", "/a..", "/-", "/_", "/.x"] {
                try await store.driver.put(path, Array(path.utf8))
                #expect(try await store.driver.get(path) == Array(path.utf8))
                try await store.driver.remove(path)
            }
            let tooLong = wide + String(repeating: "/more/of/it/still/more", count: 1 + (1024 - room) / 20)
            await expectError(.invalidArgument) { try await store.driver.put(tooLong, [1]) }
            let refused = [
                "/..", "/.", "/a/..", "/a//b", "/a/", "/%2e%2e", "/a b", "/\u{1d11e}", "/a\\b", "/a:b", "/a\n",
            ]
            for text in refused {
                await expectError(.invalidArgument) { try StoragePath(text) }
                guard subject.prefix.isEmpty else { continue }
                await expectError(.invalidArgument) { try await store.driver.look(trusted: text) }
            }
            await expectError(.invalidArgument, .notFound) { try await store.driver.look(trusted: deep + deep) }
            let like = "object.f123456789abcdef0123456789abcdef.tmp"
            await expectError(.invalidArgument) { try await store.driver.put("/.\(like)", [1]) }
            // No name that a client can choose is anything but an object.
            for path in ["/\(like)", "/tags/\(like)/\(like)"] {
                try await store.driver.put(path, Array(path.utf8))
                #expect(try await store.driver.get(path) == Array(path.utf8))
                let folder = String(path.dropLast(like.utf8.count + 1))
                #expect(try await store.driver.entries(folder.isEmpty ? "/" : folder).map(\.name).contains(like[...]))
                try await store.driver.remove(path)
            }
        }
    }
}

/// CLOCK_REALTIME in nanoseconds.
func wallClock() -> Int64 {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}

extension StorageDriver {
    /// A look at a path that the host would refuse.
    func look(trusted path: String) async throws -> StorageStat { try await stat(StoragePath(trusted: path)) }
}
