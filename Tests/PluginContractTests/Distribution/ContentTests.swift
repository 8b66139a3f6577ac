import NIOCore
import Testing

@testable import RegistryStorage

/// Cases 1–10 and 34 of Distribution's driver suite: whole objects.
@Suite("Distribution's cases: content")
struct ContentTests {
    @Test("1 · The root of an empty store can be listed", arguments: StorageDriverUnderTest.all)
    func rootExists(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            #expect(try await store.driver.entries("/").isEmpty)
            guard subject.prefix.isEmpty else { return }
            let root = try await store.driver.look("/")
            #expect(root.kind == .prefix)
            #expect(root.size == 0)
        }
    }

    @Test("2 · Legal paths are accepted", arguments: StorageDriverUnderTest.all)
    func validPaths(subject: StorageDriverUnderTest) async throws {
        let paths = [
            "/a", "/2", "/aa", "/a.a", "/0-9/abcdefg", "/abcdefg/z.75", "/abc/1.2.3.4.5-6_zyx/123.z/4",
            "/docker/docker-registry", "/123.abc", "/abc./abc", "/.abc", "/a--b", "/a-.b", "/_.abc",
            "/Docker/docker-registry", "/Abc/Cba",
        ]
        try await subject.withStore { store in
            for (index, path) in paths.enumerated() {
                let content = randomBytes(32, seed: UInt64(index))
                try await store.driver.put(path, content)
                #expect(try await store.driver.get(path) == content)
            }
            for (index, path) in paths.enumerated() {
                #expect(try await store.driver.get(path) == randomBytes(32, seed: UInt64(index)), "\(path)")
            }
        }
    }

    @Test("3 · Illegal paths are refused, by the plugin itself too", arguments: StorageDriverUnderTest.all)
    func invalidPaths(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            for path in ["", "abc", "123.abc", "//bcd", "/abc_123/"] {
                await expectError(.invalidArgument) { try StoragePath(path) }
            }
            guard subject.prefix.isEmpty else { return }
            for text in ["", "/", "abc", "123.abc", "//bcd", "/abc_123/", "/a/../b", "/a/./b", "/a\u{0}b", "/ä"] {
                let path = StoragePath(trusted: text)
                let written = await expectError(.invalidArgument) {
                    try await store.driver.put(ByteBuffer(bytes: [1]), at: path, if: nil)
                }
                let read = await expectError(.invalidArgument) { try await store.driver.content(at: path, limit: 9) }
                #expect(written?.driver == store.driver.name)
                #expect(read.map { "\($0)".contains(store.driver.name) } == true)
            }
        }
    }

    @Test("4 · One byte comes back", arguments: StorageDriverUnderTest.all)
    func oneByte(subject: StorageDriverUnderTest) async throws { try await roundTrip(subject, Array("a".utf8)) }

    @Test("5 · A character of two bytes comes back", arguments: StorageDriverUnderTest.all)
    func unicode(subject: StorageDriverUnderTest) async throws { try await roundTrip(subject, Array("\u{c5}".utf8)) }

    @Test("6 · 32 bytes come back", arguments: StorageDriverUnderTest.all)
    func small(subject: StorageDriverUnderTest) async throws { try await roundTrip(subject, randomBytes(32)) }

    @Test("7 · A mebibyte comes back", arguments: StorageDriverUnderTest.all)
    func large(subject: StorageDriverUnderTest) async throws { try await roundTrip(subject, randomBytes(1 << 20)) }

    @Test("8 · Bytes that aren't UTF-8 come back", arguments: StorageDriverUnderTest.all)
    func notText(subject: StorageDriverUnderTest) async throws {
        try await roundTrip(subject, [0x80, 0x80, 0x80, 0x80])
    }

    private func roundTrip(_ subject: StorageDriverUnderTest, _ content: [UInt8]) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/some/object", content)
            #expect(try await store.driver.get("/some/object") == content)
        }
    }

    @Test("9 · A shorter content replaces a longer one wholly", arguments: StorageDriverUnderTest.all)
    func truncate(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/object", randomBytes(1 << 20))
            try await store.driver.put("/object", randomBytes(1024, seed: 2))
            #expect(try await store.driver.get("/object") == randomBytes(1024, seed: 2))
        }
    }

    @Test("10 · Reading nothing is an error that names the driver", arguments: StorageDriverUnderTest.all)
    func readNothing(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let error = await expectError(.notFound) { try await store.driver.get("/no/such/object") }
            #expect(error?.driver == store.driver.name)
            #expect(error.map { "\($0)".contains(store.driver.name) } == true)
        }
    }

    @Test("34 · An object can be put many times", arguments: StorageDriverUnderTest.all)
    func putAgain(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            for (seed, size) in [4096, 2048, 1, 4096].enumerated() {
                let content = randomBytes(size, seed: UInt64(seed))
                let stat = try await store.driver.put("/deep/down/object", content)
                #expect(stat.size == UInt64(size))
                #expect(try await store.driver.get("/deep/down/object") == content)
            }
        }
    }
}
