import NIOCore
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Purging of uploads")
struct PurgeTests {
    private let storage = TestStorage()
    private let week = Duration.seconds(7 * 86400)

    private func plant(_ id: String, in name: String, started: String?) {
        let folder = "/docker/registry/v2/repositories/\(name)/_uploads/\(id)"
        if let started { storage.plant(started, at: "\(folder)/startedat") }
        storage.plant("bytes", at: "\(folder)/data")
    }

    private func uploads() -> [String] {
        storage.objects.keys.filter { $0.hasSuffix("/data") }.map { path in
            path.split(separator: "/").dropFirst(4).dropLast().filter { $0 != "_uploads" }.joined(separator: "/")
        }.sorted()
    }

    @Test("What was begun long ago goes, in every repository; what is young, odd or no upload stays")
    func purge() async throws {
        let registry = Registry(storage)
        let old = "2020-01-02T03:04:05Z"
        plant("old", in: "a", started: old)
        plant("old", in: "a/b/c", started: "2020-01-02T03:04:05.678Z")
        for index in 0..<1200 { plant("old\(index)", in: "many", started: old) }
        plant("young", in: "a", started: "2999-01-01T00:00:00Z")
        for (index, text) in ["", "yesterday", "2020-01-02"].enumerated() {
            plant("odd\(index)", in: "a", started: text)
        }
        plant("without", in: "a", started: nil)
        plant("old", in: "UPPER", started: old)
        storage.plant(old, at: "/docker/registry/v2/repositories/a/_layers/_uploads/x/startedat")
        let dry = try await registry.purgeUploads(olderThan: week, isDryRun: true)
        #expect(dry.found == 1202 && dry.removed == 0)
        #expect(uploads().count == 1208)
        let wet = try await registry.purgeUploads(olderThan: week, isDryRun: false)
        #expect(wet.found == 1202 && wet.removed == 1202)
        #expect(uploads() == ["UPPER/old", "a/odd0", "a/odd1", "a/odd2", "a/without", "a/young"])
        #expect(storage.violations.isEmpty)
    }

    @Test("What a request is using stays, and what got bytes since")
    func inUse() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let session = try registry.beginUpload(name)
        _ = try await registry.append(.text("123"), to: UploadReference(name, session), at: nil)
        storage.plant("2020-01-02T03:04:05Z", at: RegistryLayout.uploadStartedAt(name, session.id).string)
        let found = try await registry.whileActive(UploadReference(name, session)) { () throws(RegistryError) in
            try await registry.purgeUploads(olderThan: week, isDryRun: false).found
        }
        #expect(found == 0)
        storage.date(.max)
        #expect(try await registry.purgeUploads(olderThan: week, isDryRun: false).found == 0)
        storage.date(0)
        #expect(try await registry.purgeUploads(olderThan: week, isDryRun: false).removed == 1)
        #expect(storage.objects.isEmpty)
    }

    @Test("A folder that can't be read or removed keeps none of the others")
    func trouble() async throws {
        let registry = Registry(storage)
        for name in ["a", "b", "c"] { plant("old", in: name, started: "2020-01-02T03:04:05Z") }
        storage.fail { call, _ in
            switch (call.kind, call.path.split(separator: "/").dropFirst(4).first) {
            case (.list, "a"): .before(StorageError(.permission, "no"))
            case (.removeTree, "b"): .before(StorageError(.permission, "no"))
            default: nil
            }
        }
        let outcome = try await registry.purgeUploads(olderThan: week, isDryRun: false)
        #expect(outcome.found == 2 && outcome.removed == 1)
        #expect(uploads() == ["a/old", "b/old"])
    }
}
