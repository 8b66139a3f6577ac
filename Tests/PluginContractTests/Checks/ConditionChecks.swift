import NIOCore
import RegistryStorage
import Testing

/// P60–P65, P79: conditions, capabilities and what they promise.
@Suite("The ABI's checks: conditions and capabilities")
struct ConditionChecks {
    @Test("P60 · Of 64 racers that want to be first one wins", arguments: StorageDriverUnderTest.all)
    func putIfAbsent(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let drivers = [store.driver, try await store.other()]
            guard store.has(.putIfAbsent) else {
                await expectError(.unsupported) { try await store.driver.put("/object", [1], if: .ifAbsent) }
                return
            }
            for round in 0..<5 {
                let winners = await race(64) { racer in
                    try await drivers[racer % 2].put("/race/\(round)", [UInt8(racer)], if: .ifAbsent)
                }
                #expect(winners.count == 1)
                #expect(try await store.driver.get("/race/\(round)").map(Int.init) == winners)
            }
        }
    }

    @Test("P61 · Of 16 racers that know the content one replaces it", arguments: StorageDriverUnderTest.all)
    func putIfMatch(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let first = try await store.driver.put("/object", [0])
            guard store.has(.ifMatch) else {
                await expectError(.unsupported) { try await store.driver.put("/object", [1], if: .ifMatch("etag")) }
                #expect(try await store.driver.get("/object") == [0])
                return
            }
            let second = try await store.driver.put("/object", [1], if: .ifMatch(first.etag))
            await expectError(.precondition) { try await store.driver.put("/object", [2], if: .ifMatch(first.etag)) }
            await expectError(.precondition) { try await store.driver.put("/none", [2], if: .ifMatch(first.etag)) }
            #expect(try await store.driver.get("/object") == [1])
            let winners = await race(16) { racer in
                try await store.driver.put("/object", [UInt8(100 + racer)], if: .ifMatch(second.etag))
            }
            #expect(winners.count == 1)
            #expect(try await store.driver.get("/object").map { Int($0) - 100 } == winners)
        }
    }

    /// Runs racers at once.
    /// - Returns: those that didn't fail; the others must fail because of the condition.
    private func race(
        _ count: Int, _ body: @escaping @Sendable (Int) async throws -> some Any
    ) async -> [Int] {
        await withTaskGroup(of: Int?.self) { group in
            for racer in 0..<count {
                group.addTask {
                    do {
                        _ = try await body(racer)
                        return racer
                    } catch {
                        let code = (error as? StorageError)?.code
                        #expect(code == .alreadyExists || code == .precondition, "\(error)")
                        return nil
                    }
                }
            }
            var winners: [Int] = []
            for await winner in group { if let winner { winners.append(winner) } }
            return winners
        }
    }

    @Test("P62 · What isn't claimed is refused", arguments: StorageDriverUnderTest.all)
    func capabilities(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await store.driver.put("/object", [1])
            let (object, other) = (try StoragePath("/object"), try StoragePath("/other"))
            let operations: [(StorageCapabilities, () async throws -> Void)] = [
                (.walk, { _ = try await store.driver.walk(.root, from: .start, limit: 1) }),
                (.copy, { try await store.driver.copy(object, to: other, if: nil) }),
                (.batchRemove, { _ = try await store.driver.removeBatch([other]) }),
                (.checksum, { _ = try await store.driver.checksum(of: object, algorithm: "sha256") }),
                (.removeTree, { try await store.driver.remove(object, tree: true) }),
            ]
            for (capability, operation) in operations {
                if store.has(capability) {
                    try await operation()
                } else {
                    let error = await expectError(.unsupported) { try await operation() }
                    #expect(error?.driver == store.driver.name)
                }
            }
            #expect(store.has(.resume))
        }
    }

    @Test(
        "P63 · A copy is equal and independent; a batch gives a result for each path",
        arguments: StorageDriverUnderTest.all)
    func copyAndBatch(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            if store.has(.copy) { try await copy(store.driver, ifAbsent: store.has(.putIfAbsent)) }
            guard store.has(.batchRemove) else { return }
            for name in ["a", "b", "c"] { try await store.driver.put("/batch/\(name)", [1]) }
            try await store.driver.put("/batch/prefix/object", [1])
            let paths = try ["a", "none", "c", "prefix"].map { try StoragePath("/batch/\($0)") }
            let results = try await store.driver.removeBatch(paths)
            if subject.tellsAbsenceInBatches {
                #expect(results.map { $0?.code } == [nil, .notFound, nil, .invalidArgument])
            } else {
                #expect(results.count == 4 && results.allSatisfy { $0 == nil })
            }
            #expect(results.allSatisfy { $0?.message.isEmpty != true && $0?.driver.isEmpty != true })
            #expect(try await store.driver.objects(below: "/batch") == ["/batch/b", "/batch/prefix/object"])
            #expect(try await store.driver.removeBatch([]).isEmpty)
            let tooMany = try (0...1000).map { try StoragePath("/batch/\($0)") }
            await expectError(.invalidArgument) { try await store.driver.removeBatch(tooMany) }
        }
    }

    private func copy(_ driver: any StorageDriver, ifAbsent: Bool) async throws {
        let (source, copy) = (try StoragePath("/source"), try StoragePath("/deep/down/copy"))
        try await driver.put("/source", randomBytes(300_000))
        let stat = try await driver.copy(source, to: copy, if: nil)
        #expect(stat.path == "/deep/down/copy")
        #expect(stat.size == 300_000)
        try await driver.put("/source", [1])
        #expect(try await driver.get("/deep/down/copy") == randomBytes(300_000))
        try await driver.remove("/source")
        #expect(try await driver.get("/deep/down/copy") == randomBytes(300_000))
        await expectError(.notFound) { try await driver.copy(source, to: copy, if: nil) }
        await expectError(.invalidArgument, .notFound) {
            try await driver.copy(try StoragePath("/deep"), to: source, if: nil)
        }
        guard ifAbsent else { return }
        try await driver.put("/source", [1])
        await expectError(.alreadyExists) { try await driver.copy(source, to: copy, if: .ifAbsent) }
        #expect(try await driver.get("/deep/down/copy") == randomBytes(300_000))
    }

    @Test("P64 · A checksum is the digest of the content", arguments: StorageDriverUnderTest.all)
    func checksum(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            guard store.has(.checksum) else { return }
            try await store.driver.put("/object", Array("abc".utf8))
            let digest = try await store.driver.checksum(of: try StoragePath("/object"), algorithm: "sha256")
            #expect(digest == Self.digestOfABC)
            await expectError(.unsupported) {
                try await store.driver.checksum(of: try StoragePath("/object"), algorithm: "md4")
            }
            await expectError(.notFound) {
                try await store.driver.checksum(of: try StoragePath("/none"), algorithm: "sha256")
            }
        }
    }

    static let digestOfABC = "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"

    @Test("P65 · Another instance sees each write at once", arguments: StorageDriverUnderTest.all)
    func strongList(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            guard store.has(.strongList) else { return }
            let other = try await store.other()
            for index in 0..<20 {
                try await store.driver.put("/list/\(100 + index)", [UInt8(index)])
                #expect(try await other.children("/list").count == index + 1)
                #expect(try await other.get("/list/\(100 + index)") == [UInt8(index)])
            }
            try await other.remove("/list", tree: true)
            #expect(try await store.driver.children("/list").isEmpty)
        }
    }

    @Test("P79 · Of 16 commits that want to be first one wins", arguments: StorageDriverUnderTest.all)
    func commitIfAbsent(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let drivers = [store.driver, try await store.other()]
            let winners = await race(store.has(.putIfAbsent) ? 16 : 0) { racer in
                let writer = try await drivers[racer % 2].writer("/race/object")
                try await writer.append([UInt8(racer), UInt8(racer)])
                do {
                    try await writer.commit(checksum: "", if: .ifAbsent)
                } catch {
                    try await writer.cancel()
                    await writer.close()
                    throw error
                }
                await writer.close()
            }
            guard store.has(.putIfAbsent) else { return }
            #expect(winners.count == 1)
            #expect(try await store.driver.get("/race/object").map(Int.init) == winners + winners)
        }
    }
}
