import NIOCore
import RegistryStorage
import Testing

/// P57–P59, and what Distribution's suite leaves out of moving and removing.
@Suite("The ABI's checks: moving and removing")
struct MoveAndRemoveChecks {
    @Test("P57 · A move that can't be changes nothing", arguments: StorageDriverUnderTest.all)
    func move(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/object", [1])
            try await store.driver.put("/prefix/object", [2])
            await expectError(.invalidArgument) { try await store.driver.move("/prefix", "/elsewhere") }
            await expectError(.invalidArgument) { try await store.driver.move("/prefix", "/prefix/below") }
            if !subject.hasFlatKeys {
                await expectError(.invalidArgument) { try await store.driver.move("/object", "/object/below") }
                await expectError(.invalidArgument) { try await store.driver.move("/object", "/prefix") }
            }
            #expect(try await store.driver.objects(below: "/") == ["/object", "/prefix/object"])
            let ifAbsent = await #expect(throws: StorageError.self) {
                try await store.driver.move("/object", "/prefix/object", if: .ifAbsent)
            }
            #expect(ifAbsent?.code == (store.has(.putIfAbsent) ? .alreadyExists : .unsupported))
            #expect(try await store.driver.get("/object") == [1])
            #expect(try await store.driver.get("/prefix/object") == [2])
        }
    }

    @Test("M9 · A move to the same path does nothing", arguments: StorageDriverUnderTest.all)
    func moveToSelf(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/some/object", randomBytes(100))
            let before = try await store.driver.look("/some/object")
            try await store.driver.move("/some/object", "/some/object")
            #expect(try await store.driver.look("/some/object") == before)
            #expect(try await store.driver.get("/some/object") == randomBytes(100))
            await expectError(.notFound) { try await store.driver.move("/nothing", "/nothing") }
        }
    }

    @Test(
        "P58 · A prefix is removed only as a tree, and readers keep what they opened",
        arguments: StorageDriverUnderTest.all)
    func remove(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let content = randomBytes(200_000)
            try await store.driver.put("/prefix/object", content)
            try await store.driver.put("/prefix/deep/object", content)
            await expectError(.invalidArgument) { try await store.driver.remove("/prefix") }
            #expect(try await store.driver.objects(below: "/").count == 2)
            let reader = try await store.driver.reader("/prefix/object")
            let first = try await reader.next(upTo: 1000)
            try await store.driver.remove("/prefix/object")
            do {
                let rest = try await reader.rest(chunk: 65_536)
                #expect(first.map { [UInt8]($0.readableBytesView) + rest } == content)
            } catch let error as StorageError {
                #expect(error.code == .notFound)
            }
            reader.close()
            try await store.driver.remove("/prefix", tree: true)
            #expect(try await store.driver.objects(below: "/") == [])
            try await store.driver.put("/object", [1])
            try await store.driver.remove("/object", tree: true)
            await expectError(.notFound) { try await store.driver.look("/object") }
        }
    }

    @Test("M19 · Removing a tree takes suspended bytes with it", arguments: StorageDriverUnderTest.all)
    func removeSuspended(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let writer = try await store.driver.writer("/tree/_uploads/id/data")
            try await writer.append(randomBytes(1000))
            let token = writer.resumeToken
            await writer.close()
            try await store.driver.put("/tree/_uploads/id/startedat", [1])
            try await store.driver.remove("/tree/_uploads/id", tree: true)
            await expectError(.notFound) { try await store.driver.append("/tree/_uploads/id/data", token: token) }
            await expectError(.notFound) { try await store.driver.append("/tree/_uploads/id/data") }
        }
    }

    @Test("P59 · Without redirects every method and client is served here", arguments: StorageDriverUnderTest.all)
    func redirect(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/object", [1])
            for method in [StorageRedirect.Method.get, .head, .put] where !store.has(.redirectGet) {
                let request = StorageRedirect(
                    method: method, path: try StoragePath("/object"), clientAddress: "2001:db8::1",
                    userAgent: String(repeating: "agent ", count: 1000), lifetime: .seconds(60))
                #expect(try await store.driver.redirectURL(request) == nil)
            }
        }
    }

    @Test("M7 · Of many puts to one path one wins, whole", arguments: StorageDriverUnderTest.all)
    func racingPuts(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            for round in 0..<10 {
                await withTaskGroup { group in
                    for racer: UInt8 in 0..<8 {
                        group.addTask {
                            let content = [UInt8](repeating: racer, count: 1000 + Int(racer) * 1000)
                            await #expect(throws: Never.self) { try await store.driver.put("/r/\(round)", content) }
                        }
                    }
                }
                let seen = try await store.driver.get("/r/\(round)")
                let racer = try #require(seen.first)
                #expect(seen == [UInt8](repeating: racer, count: 1000 + Int(racer) * 1000))
            }
            #expect(try await store.driver.children("/r").count == 10)
        }
    }

    @Test(
        "M8 · Removing and writing at the same time leaves the object whole or gone",
        arguments: StorageDriverUnderTest.all)
    func removeWhileWriting(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let content = randomBytes(10_000)
            let isOver = Flag()
            try await withThrowingTaskGroup { group in
                group.addTask {
                    while !isOver.isSet {
                        for tree in [false, true] {
                            do {
                                try await store.driver.remove(tree ? "/d/e" : "/d/e/object", tree: tree)
                            } catch let error as StorageError where error.code == .notFound {}
                            await Task.yield()
                        }
                    }
                }
                for turn in 0..<60 {
                    do {
                        if turn % 2 == 0 {
                            try await store.driver.put("/d/e/object", content)
                        } else {
                            try await store.driver.write("/d/e/object", content)
                        }
                    } catch let error as StorageError {
                        // The removal of the tree took the bytes on their way.
                        #expect([.precondition, .busy, .notFound].contains(error.code), "\(error)")
                    }
                    do {
                        #expect(try await store.driver.get("/d/e/object") == content)
                    } catch let error as StorageError where error.code == .notFound {}
                }
                isOver.set()
                try await group.waitForAll()
            }
            try await store.driver.put("/d/e/object", content)
            #expect(try await store.driver.get("/d/e/object") == content)
        }
    }

    @Test("M11 · A cancelled operation is done wholly or not at all", arguments: StorageDriverUnderTest.all)
    func cancellation(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let contents = [UInt8(0), 1].map { [UInt8](repeating: $0, count: 50_000) }
            try await store.driver.put("/object", contents[0])
            for turn in 0..<40 {
                let task = Task {
                    if turn % 2 == 0 {
                        try await store.driver.put("/object", contents[turn / 2 % 2])
                    } else {
                        try await store.driver.write("/object", contents[turn / 2 % 2])
                    }
                }
                for _ in 0..<turn { await Task.yield() }
                task.cancel()
                switch await task.result {
                case .success: #expect(try await store.driver.get("/object") == contents[turn / 2 % 2])
                case .failure(let error):
                    #expect((error as? StorageError)?.code == .cancelled, "\(error)")
                    #expect(contents.contains(try await store.driver.get("/object")))
                }
            }
            #expect(try await store.driver.children("/") == ["object"])
        }
    }

    @Test("M10 · Segments of 255 bytes can be prefixes", arguments: StorageDriverUnderTest.all)
    func longSegments(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let segment = String(repeating: "s", count: 255)
            let path = "/\(segment)/\(segment)/\(segment)/link"
            try await store.driver.put(path, [1])
            try await store.driver.write(path, [2])
            #expect(try await store.driver.get(path) == [2])
            #expect(try await store.driver.objects(below: "/") == [path])
        }
    }
}
