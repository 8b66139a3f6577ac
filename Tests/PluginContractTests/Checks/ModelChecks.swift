import NIOCore
import RegistryStorage
import Testing

/// P66: many random operations, each compared with a model of what the store must hold.
@Suite("The ABI's checks: a model")
struct ModelChecks {
    @Test("P66 · 10,000 random operations do what a model says", arguments: StorageDriverUnderTest.all)
    func randomOperations(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            // Four lanes at once, each with keys of its own: what a lane sees doesn't depend on the others.
            try await withThrowingTaskGroup { group in
                for lane: UInt64 in 0..<4 {
                    group.addTask {
                        var model = StoreModel(store, root: "/model/lane-\(lane)", seed: 66 + lane)
                        for step in 0..<(subject.isRemote ? 300 : 2500) {
                            try await model.step()
                            if step % 16 == 0 { await Task.yield() }
                        }
                        try await model.compareAll()
                    }
                }
                try await group.waitForAll()
            }
        }
    }
}

/// Objects below two prefixes, kept in a dictionary beside the driver.
private struct StoreModel {
    private let store: Store
    private let root: String
    private var generator: SeededGenerator
    private var objects: [String: [UInt8]] = [:]
    /// Suspended writers: path, token, and what they have.
    private var suspended: [(path: String, token: [UInt8], bytes: [UInt8])] = []

    init(_ store: Store, root: String, seed: UInt64) {
        self.store = store
        self.root = root
        generator = SeededGenerator(seed: seed)
    }

    private var driver: any StorageDriver { store.driver }

    private mutating func pick(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }

    private mutating func key() -> String { "\(root)/\(["x", "y"][pick(2)])/key-\(pick(8))" }

    private mutating func content() -> [UInt8] { generator.bytes([0, 1, 17, 300, 4097][pick(5)]) }

    mutating func step() async throws {
        switch pick(16) {
        case 0, 1, 2: try await put()
        case 3: try await putIfAbsent()
        case 4: try await write()
        case 5: try await suspend()
        case 6: try await resume()
        case 7: try await move()
        case 8: try await remove()
        case 9: try await copy()
        case 10: try await list()
        case 11: try await look()
        case 12: try await readRange()
        case 13 where pick(20) == 0: try await removeTree()
        default: try await get()
        }
    }

    private mutating func put() async throws {
        let (path, bytes) = (key(), content())
        let stat = try await driver.put(path, bytes)
        #expect(stat.size == UInt64(bytes.count))
        objects[path] = bytes
    }

    private mutating func putIfAbsent() async throws {
        let (path, bytes) = (key(), content())
        if !store.has(.putIfAbsent) {
            await expectError(.unsupported) { try await driver.put(path, bytes, if: .ifAbsent) }
        } else if objects[path] != nil {
            await expectError(.alreadyExists) { try await driver.put(path, bytes, if: .ifAbsent) }
        } else {
            try await driver.put(path, bytes, if: .ifAbsent)
            objects[path] = bytes
        }
    }

    private mutating func write() async throws {
        let path = key()
        let writer = try await driver.writer(path)
        var bytes: [UInt8] = []
        for _ in 0..<pick(4) {
            let part = content()
            bytes += part
            #expect(try await writer.append(part) == UInt64(bytes.count))
        }
        if pick(5) == 0 {
            try await writer.cancel()
        } else {
            try await writer.commit(checksum: "", if: nil)
            objects[path] = bytes
        }
        await writer.close()
    }

    private mutating func suspend() async throws {
        guard suspended.count < 8 else { return }
        let (path, bytes) = (key(), content())
        let writer = try await driver.writer(path)
        try await writer.append(bytes)
        suspended.append((path, writer.resumeToken, bytes))
        await writer.close()
    }

    private mutating func resume() async throws {
        guard !suspended.isEmpty else { return }
        var (path, token, bytes) = suspended.remove(at: pick(suspended.count))
        let writer = try await driver.append(path, at: UInt64(bytes.count), token: token)
        let part = content()
        bytes += part
        #expect(try await writer.append(part) == UInt64(bytes.count))
        if pick(3) == 0 {
            suspended.append((path, writer.resumeToken, bytes))
        } else {
            try await writer.commit(checksum: "", if: nil)
            objects[path] = bytes
        }
        await writer.close()
    }

    private mutating func move() async throws {
        let (source, destination) = (key(), key())
        guard let bytes = objects[source] else {
            await expectError(.notFound) { try await driver.move(source, destination) }
            return
        }
        try await driver.move(source, destination)
        objects[source] = nil
        objects[destination] = bytes
    }

    private mutating func remove() async throws {
        let path = key()
        if objects.removeValue(forKey: path) != nil {
            try await driver.remove(path)
        } else {
            await expectError(.notFound) { try await driver.remove(path) }
        }
    }

    private mutating func copy() async throws {
        let (source, destination) = (key(), key())
        guard store.has(.copy), source != destination else { return }
        let (from, to) = (try StoragePath(source), try StoragePath(destination))
        guard let bytes = objects[source] else {
            await expectError(.notFound) { try await driver.copy(from, to: to, if: nil) }
            return
        }
        try await driver.copy(from, to: to, if: nil)
        objects[destination] = bytes
    }

    private mutating func list() async throws {
        let folder = "\(root)/\(["x", "y"][pick(2)])"
        let entries = try await driver.entries(folder, page: 1 + pick(10))
        #expect(entries.map(\.path) == objects.keys.filter { $0.hasPrefix(folder + "/") }.sorted())
        for entry in entries where entry.size != 0 {
            #expect(entry.size == objects[entry.path].map { UInt64($0.count) })
        }
    }

    private mutating func look() async throws {
        let path = key()
        guard let bytes = objects[path] else {
            await expectError(.notFound) { try await driver.look(path) }
            return
        }
        let stat = try await driver.look(path)
        #expect(stat.size == UInt64(bytes.count))
        #expect(stat.kind == .object)
    }

    private mutating func readRange() async throws {
        let path = key()
        let (offset, length) = (pick(400), pick(400))
        guard let bytes = objects[path] else {
            await expectError(.notFound) { try await driver.read(path, from: UInt64(offset)) }
            return
        }
        guard offset <= bytes.count else {
            await expectError(.range) { try await driver.read(path, from: UInt64(offset), length: UInt64(length)) }
            return
        }
        let seen = try await driver.read(path, from: UInt64(offset), length: UInt64(length), chunk: 1 + pick(500))
        #expect(seen == Array(bytes[offset..<min(bytes.count, offset + length)]))
    }

    private mutating func get() async throws {
        let path = key()
        guard let bytes = objects[path] else {
            await expectError(.notFound) { try await driver.get(path) }
            return
        }
        #expect(try await driver.get(path) == bytes)
    }

    private mutating func removeTree() async throws {
        let folder = "\(root)/\(["x", "y"][pick(2)])"
        let isEmpty = !objects.keys.contains { $0.hasPrefix(folder + "/") }
        do {
            try await driver.remove(folder, tree: true)
        } catch let error as StorageError {
            #expect(error.code == .notFound && isEmpty, "\(error)")
        }
        objects = objects.filter { !$0.key.hasPrefix(folder + "/") }
        suspended.removeAll { $0.path.hasPrefix(folder + "/") }
    }

    /// Everything the model has is there, and nothing else.
    func compareAll() async throws {
        for (path, bytes) in objects { #expect(try await driver.get(path) == bytes) }
        #expect(try await driver.objects(below: root) == objects.keys.sorted())
        for (path, token, bytes) in suspended {
            let writer = try await driver.append(path, at: UInt64(bytes.count), token: token)
            try await writer.cancel()
            await writer.close()
        }
    }
}
