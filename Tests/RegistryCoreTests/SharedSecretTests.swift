import NIOCore
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryCore

@Suite("The secret of a root")
struct SharedSecretTests {
    private let path = "/mooring/secret"

    private func storageOfARoot() -> TestStorage { TestStorage(capabilities: [.putIfAbsent, .resume, .removeTree]) }

    @Test("The first process makes it, all others find the same, and none is like another root's")
    func oneForAll() async throws {
        let storage = storageOfARoot()
        let first = try await SharedSecret.shared(in: storage)
        #expect(first.utf8.count == 64 && first.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) })
        #expect(try await SharedSecret.shared(in: storage) == first)
        #expect(storage.objects.keys.sorted() == [path])
        #expect(try await SharedSecret.shared(in: storageOfARoot()) != first)
    }

    @Test("Processes that start at the same moment agree")
    func together() async throws {
        for _ in 0..<50 {
            let storage = storageOfARoot()
            let secrets = try await withThrowingTaskGroup { group in
                for _ in 0..<8 { group.addTask { try await SharedSecret.shared(in: storage) } }
                return try await group.reduce(into: Set<String>()) { $0.insert($1) }
            }
            #expect(secrets.count == 1)
        }
    }

    @Test("One whose answer was lost is found again")
    func lostAnswer() async throws {
        let storage = storageOfARoot()
        storage.fail { call, _ in call.kind == .put ? .after(StorageError(.alreadyExists, "made by itself")) : nil }
        let secret = try await SharedSecret.shared(in: storage)
        storage.fail(nil)
        #expect(try await SharedSecret.shared(in: storage) == secret)
    }

    @Test("A root that can't be written has none, and neither an empty nor a short one is taken")
    func unavailable() async throws {
        let storage = storageOfARoot()
        storage.fail { call, _ in call.kind == .put ? .before(StorageError(.permission, "read-only")) : nil }
        await #expect(throws: SharedSecret.Unavailable.self) { try await SharedSecret.shared(in: storage) }
        storage.fail(nil)
        #expect(storage.objects.isEmpty)
        for content in ["", "short", String(repeating: "\n", count: 64), String(repeating: "a", count: 2000)] {
            storage.plant(content, at: path)
            await #expect(throws: SharedSecret.Unavailable.self, "\(content)") {
                try await SharedSecret.shared(in: storage)
            }
        }
        // What cannot be changed any more can still be read.
        storage.plant(String(repeating: "k", count: 64), at: path)
        storage.fail { call, _ in call.kind == .put ? .before(StorageError(.permission, "read-only")) : nil }
        #expect(try await SharedSecret.shared(in: storage) == String(repeating: "k", count: 64))
    }

    @Test("A storage that can't make a file in one step gets none")
    func noCondition() async throws {
        let storage = TestStorage(capabilities: TestStorage.suspending)
        await #expect(throws: SharedSecret.Unavailable.self) { try await SharedSecret.shared(in: storage) }
        #expect(storage.objects.isEmpty)
    }

    @Test("An upload that one process began goes on in another")
    func uploads() async throws {
        let storage = storageOfARoot()
        var registries: [Registry] = []
        for _ in 0..<3 { registries.append(Registry(storage, secret: try await SharedSecret.shared(in: storage))) }
        let repository = try name("a")
        let begun = try registries[0].beginUpload(repository)
        #expect(registries[1].tokens.state(from: begun.token, in: repository)?.id == begun.id)
        #expect(registries[2].tokens.state(from: begun.token, in: repository)?.id == begun.id)
    }
}
