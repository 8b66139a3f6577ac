import RegistryStorage
import TestSupport
import Testing

/// Cases 23–33 of Distribution's driver suite: listing, moving, removing, looking.
@Suite("Distribution's cases: trees")
struct TreeTests {
    @Test("23 · A listing gives the direct children and nothing else", arguments: StorageDriverUnderTest.all)
    func list(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            #expect(try await store.driver.entries("/no/such/prefix").isEmpty)
            for index in 0..<50 { try await store.driver.put("/root/parent/child-\(index)", [1]) }
            #expect(try await store.driver.entries("/").map(\.path) == ["/root"])
            let parents = try await store.driver.entries("/root")
            #expect(parents.map(\.path) == ["/root/parent"])
            #expect(parents.map(\.kind) == [.prefix])
            let children = try await store.driver.entries("/root/parent")
            #expect(Set(children.map(\.path)) == Set((0..<50).map { "/root/parent/child-\($0)" }))
            #expect(children.count == 50)
            #expect(children.allSatisfy { $0.kind == .object })
        }
    }

    @Test("24 · A moved object is at its new path only", arguments: StorageDriverUnderTest.all)
    func move(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/from/object", randomBytes(32))
            try await store.driver.move("/from/object", "/to/a/new/place")
            #expect(try await store.driver.get("/to/a/new/place") == randomBytes(32))
            await expectError(.notFound) { try await store.driver.get("/from/object") }
            await expectError(.notFound) { try await store.driver.look("/from/object") }
        }
    }

    @Test("25 · A move replaces what stands at the new path", arguments: StorageDriverUnderTest.all)
    func moveOverwrites(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/source", randomBytes(32, seed: 1))
            try await store.driver.put("/destination", randomBytes(64, seed: 2))
            try await store.driver.move("/source", "/destination")
            #expect(try await store.driver.get("/destination") == randomBytes(32, seed: 1))
            await expectError(.notFound) { try await store.driver.get("/source") }
        }
    }

    @Test("26 · Moving nothing leaves the destination as it is", arguments: StorageDriverUnderTest.all)
    func moveNothing(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/destination", randomBytes(64))
            let error = await expectError(.notFound) { try await store.driver.move("/no/source", "/destination") }
            #expect(error?.driver == store.driver.name)
            #expect(try await store.driver.get("/destination") == randomBytes(64))
        }
    }

    @Test("27 · An object can't be moved below an object", arguments: StorageDriverUnderTest.all)
    func moveInvalid(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/object", [1])
            try await store.driver.put("/other", [2])
            if subject.hasFlatKeys {
                try await store.driver.move("/other", "/object/below")
                #expect(try await store.driver.get("/object/below") == [2])
                try await store.driver.remove("/object/below")
            } else {
                await expectError(.invalidArgument) { try await store.driver.move("/other", "/object/below") }
                #expect(try await store.driver.get("/other") == [2])
            }
            #expect(try await store.driver.get("/object") == [1])
        }
    }

    @Test("28 · A removed object can't be read", arguments: StorageDriverUnderTest.all)
    func remove(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/some/object", [1])
            try await store.driver.remove("/some/object")
            await expectError(.notFound) { try await store.driver.get("/some/object") }
        }
    }

    @Test("29 · A driver gives a URL only if it claims that it can", arguments: StorageDriverUnderTest.all)
    func redirect(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/object", randomBytes(32))
            for method in [StorageRedirect.Method.get, .head, .put] {
                let claims = store.has(method == .put ? .redirectPut : .redirectGet)
                let url = try await store.driver.redirectURL(
                    StorageRedirect(method: method, path: try StoragePath("/object"), clientAddress: "192.0.2.7"))
                #expect((url != nil) == claims)
            }
        }
    }

    @Test("30 · Removing nothing is an error", arguments: StorageDriverUnderTest.all)
    func removeNothing(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            for tree in [false, true] {
                let error = await expectError(.notFound) { try await store.driver.remove("/nothing", tree: tree) }
                #expect(error?.driver == store.driver.name)
            }
        }
    }

    @Test(
        "31 · Removing an object keeps its siblings; removing a tree keeps nothing",
        arguments: StorageDriverUnderTest.all)
    func removeFolder(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            for name in ["one", "two", "three"] { try await store.driver.put("/folder/\(name)", Array(name.utf8)) }
            try await store.driver.remove("/folder/one")
            await expectError(.notFound) { try await store.driver.get("/folder/one") }
            #expect(try await store.driver.get("/folder/two") == Array("two".utf8))
            try await store.driver.remove("/folder", tree: true)
            for name in ["one", "two", "three"] {
                await expectError(.notFound) { try await store.driver.get("/folder/\(name)") }
            }
            await expectError(.notFound) { try await store.driver.look("/folder") }
        }
    }

    @Test("32 · Paths that only begin alike survive a removal", arguments: StorageDriverUnderTest.all)
    func removeOnlySubpaths(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let kept = ["/dir/filesuffix", "/dirsuffix/file", "/di"]
            for path in kept + ["/dir/file", "/dir/sub/file"] { try await store.driver.put(path, Array(path.utf8)) }
            try await store.driver.remove("/dir/file")
            for path in kept { #expect(try await store.driver.get(path) == Array(path.utf8)) }
            try await store.driver.remove("/dir", tree: true)
            await expectError(.notFound) { try await store.driver.get("/dir/sub/file") }
            #expect(try await store.driver.get("/dirsuffix/file") == Array("/dirsuffix/file".utf8))
            #expect(try await store.driver.get("/di") == Array("/di".utf8))
        }
    }

    @Test("33 · A look tells size, kind and time", arguments: StorageDriverUnderTest.all)
    func stat(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            await expectError(.notFound) { try await store.driver.look("/folder") }
            await expectError(.notFound) { try await store.driver.look("/folder/object") }
            try await store.driver.put("/folder/object", randomBytes(2048))
            let first = try await store.driver.look("/folder/object")
            #expect(first.path == "/folder/object")
            #expect(first.kind == .object)
            #expect(first.size == 2048)
            let folder = try await store.driver.look("/folder")
            #expect(folder.path == "/folder")
            #expect(folder.kind == .prefix)
            #expect(folder.size == 0)
            try await eventually("a later write has a later time") {
                try await store.driver.put("/folder/object", randomBytes(1024))
                return try await store.driver.look("/folder/object").modified > first.modified
            }
            #expect(try await store.driver.look("/folder/object").size == 1024)
        }
    }
}
