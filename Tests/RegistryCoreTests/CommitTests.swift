import NIOCore
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Commits of uploads")
struct CommitTests {
    private let storage = TestStorage()

    /// How a session comes to its last request.
    enum Way: String, CaseIterable, CustomTestStringConvertible {
        case inPlace = "the whole body in the PUT"
        case streamed = "the whole body in the PUT, of unknown length"
        case staged = "all staged, an empty PUT"
        case lastChunk = "the last chunk in the PUT"
        case longLastChunk = "a last chunk of 2 MiB in the PUT"
        case streamedLastChunk = "a last chunk of unknown length in the PUT"

        var testDescription: String { rawValue }
        var staged: String {
            switch self {
            case .inPlace, .streamed: ""
            case .staged: "first and last"
            default: "first "
            }
        }
        var rest: String {
            switch self {
            case .inPlace, .streamed: "first and last"
            case .staged: ""
            case .longLastChunk: String(repeating: "0123456789abcdef", count: 1 << 17)
            default: "and last"
            }
        }
        var content: String { staged + rest }
        var body: UploadBody { .text(rest, length: self != .streamed && self != .streamedLastChunk) }
    }

    /// A session with its first bytes.
    private func session(_ way: Way, _ name: RepositoryName, _ registry: Registry) async throws -> UploadReference {
        let session = try registry.beginUpload(name)
        if way.staged.isEmpty { return UploadReference(name, session) }
        return UploadReference(
            name, try await registry.append(.text(way.staged), to: UploadReference(name, session), at: nil))
    }

    private func visible(_ storage: TestStorage) -> [String] {
        storage.objects.keys.filter { !$0.contains("/_uploads/") }.sorted()
    }

    @Test("However a blob comes, the layout is the same byte for byte", arguments: Way.allCases, Keeping.allCases)
    func layout(way: Way, keeping: Keeping) async throws {
        let storage = keeping.storage()
        let registry = Registry(storage)
        let name = try name("team/app")
        let digest = digest(of: way.content)
        let reference = try await session(way, name, registry)
        try await registry.commitUpload(reference, digest: digest, body: way.body, at: nil)
        let hex = digest.hex
        let root = "/docker/registry/v2"
        #expect(
            storage.objects.mapValues(String.init(buffer:)) == [
                "\(root)/blobs/sha256/\(hex.prefix(2))/\(hex)/data": way.content,
                "\(root)/repositories/team/app/_layers/sha256/\(hex)/link": "sha256:\(hex)",
            ])
        #expect(storage.suspendedPaths.isEmpty)
        #expect(storage.violations.isEmpty, "\(storage.violations)")
    }

    @Test("While a session has bytes, its files are Distribution's")
    func sessionLayout() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let reference = try await session(.staged, name, registry)
        let folder = "/docker/registry/v2/repositories/a/_uploads/\(reference.id)"
        #expect(storage.objects.keys.sorted() == ["\(folder)/data", "\(folder)/startedat"])
        #expect(storage.objects["\(folder)/data"].map { String(buffer: $0) } == Way.staged.content)
        #expect(storage.suspendedPaths.isEmpty)
        let text = String(buffer: try #require(storage.objects["\(folder)/startedat"]))
        #expect(text.wholeMatch(of: /20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ/) != nil, "\(text)")
    }

    @Test(
        "A wrong digest leaves nothing visible and the session where it was", arguments: Way.allCases, Keeping.allCases)
    func mismatch(way: Way, keeping: Keeping) async throws {
        let storage = keeping.storage()
        let registry = Registry(storage)
        let name = try name("a")
        let reference = try await session(way, name, registry)
        for _ in 0..<2 {
            let error = await failure {
                try await registry.commitUpload(reference, digest: digest(of: "other"), body: way.body, at: nil)
            }
            #expect(error?.code == .digestInvalid)
            #expect(visible(storage).isEmpty)
            #expect(try await registry.status(of: reference).offset == UInt64(way.staged.utf8.count))
        }
        try await registry.commitUpload(reference, digest: digest(of: way.content), body: way.body, at: nil)
        #expect(try await registry.text(name, digest(of: way.content)) == way.content)
        #expect(storage.suspendedPaths.isEmpty)
        #expect(storage.violations.isEmpty, "\(storage.violations)")
    }

    @Test("The same in a process that has not seen the staged bytes", arguments: Way.allCases, Keeping.allCases)
    func mismatchElsewhere(way: Way, keeping: Keeping) async throws {
        let storage = keeping.storage()
        let name = try name("a")
        let reference = try await session(way, name, Registry(storage))
        let registry = Registry(storage)
        let error = await failure {
            try await registry.commitUpload(reference, digest: digest(of: "other"), body: way.body, at: nil)
        }
        #expect(error?.code == .digestInvalid)
        #expect(visible(storage).isEmpty)
        #expect(try await registry.status(of: reference).offset == UInt64(way.staged.utf8.count))
        try await registry.commitUpload(reference, digest: digest(of: way.content), body: way.body, at: nil)
        #expect(try await registry.text(name, digest(of: way.content)) == way.content)
        #expect(storage.suspendedPaths.isEmpty)
    }

    @Test("A client that goes away in its PUT can send the same PUT again", arguments: Way.allCases, Keeping.allCases)
    func brokenPut(way: Way, keeping: Keeping) async throws {
        let storage = keeping.storage()
        let registry = Registry(storage)
        let name = try name("a")
        let reference = try await session(way, name, registry)
        let error = await failure {
            try await registry.commitUpload(
                reference, digest: digest(of: way.content), body: .broken(after: "ab", of: 5 << 20), at: nil)
        }
        #expect(error?.status == 400)
        #expect(try await registry.status(of: reference).offset == UInt64(way.staged.utf8.count))
        try await registry.commitUpload(reference, digest: digest(of: way.content), body: way.body, at: nil)
        #expect(try await registry.text(name, digest(of: way.content)) == way.content)
        #expect(storage.suspendedPaths.isEmpty)
    }

    @Test("A PUT that is repeated since its answer got lost succeeds again", arguments: Way.allCases, Keeping.allCases)
    func repeated(way: Way, keeping: Keeping) async throws {
        let storage = keeping.storage()
        let registry = Registry(storage)
        let name = try name("a")
        let reference = try await session(way, name, registry)
        for _ in 0..<3 {
            try await registry.commitUpload(reference, digest: digest(of: way.content), body: way.body, at: nil)
        }
        #expect(visible(storage).count == 2)
        let other = await failure {
            try await registry.commitUpload(reference, digest: digest(of: "other"), body: .text("other"), at: nil)
        }
        #expect(other?.code == .blobUploadUnknown)
    }

    @Test("A session that was cancelled can't be committed", arguments: Way.allCases, Keeping.allCases)
    func cancelled(way: Way, keeping: Keeping) async throws {
        let storage = keeping.storage()
        let registry = Registry(storage)
        let reference = try await session(way, try name("a"), registry)
        try await registry.cancelUpload(reference)
        let error = await failure {
            try await registry.commitUpload(reference, digest: digest(of: way.content), body: way.body, at: nil)
        }
        #expect(error?.code == .blobUploadUnknown)
        #expect(storage.objects.isEmpty)
        #expect(storage.suspendedPaths.isEmpty)
    }

    @Test("A last chunk for another place is RANGE_INVALID; without bytes the place doesn't matter")
    func lastChunkElsewhere() async throws {
        let registry = Registry(storage)
        let reference = try await session(.lastChunk, try name("a"), registry)
        let error = await failure {
            try await registry.commitUpload(reference, digest: digest(of: "x"), body: .text("x"), at: 3)
        }
        #expect(error?.code == .rangeInvalid)
        #expect(error?.upload?.offset == 6)
        try await registry.commitUpload(reference, digest: digest(of: "first "), body: .empty, at: 3)
    }

    @Test("A blob without bytes is a blob", arguments: [false, true])
    func zeroBytes(staged: Bool) async throws {
        let registry = Registry(storage)
        let name = try name("a")
        if staged {
            var session = try registry.beginUpload(name)
            session = try await registry.append(.text(length: false), to: UploadReference(name, session), at: nil)
            try await registry.commitUpload(
                UploadReference(name, session), digest: digest(of: ""), body: .empty, at: nil)
        } else {
            try await registry.push("", to: name)
        }
        #expect(try await registry.blobStatus(name, digest(of: "")).size == 0)
        #expect(try await registry.text(name, digest(of: "")).isEmpty)
    }

    @Test(
        "A blob by SHA-512 or SHA-384 lies by SHA-256 and is found by both", arguments: Way.allCases, Keeping.allCases)
    func otherAlgorithms(way: Way, keeping: Keeping) async throws {
        let storage = keeping.storage()
        let registry = Registry(storage)
        let name = try name("a")
        let algorithm: RegistryModel.Digest.Algorithm = way == .staged ? .sha384 : .sha512
        let wanted = digest(of: way.content, algorithm)
        let reference = try await session(way, name, registry)
        let wrong = await failure {
            try await registry.commitUpload(reference, digest: digest(of: "no", algorithm), body: way.body, at: nil)
        }
        #expect(wrong?.code == .digestInvalid)
        #expect(visible(storage).isEmpty)
        try await registry.commitUpload(reference, digest: wanted, body: way.body, at: nil)
        let canonical = digest(of: way.content)
        #expect(try await registry.blobStatus(name, wanted).digest == canonical)
        #expect(try await registry.text(name, wanted) == way.content)
        #expect(try await registry.text(name, canonical) == way.content)
        let links = storage.objects.filter { $0.key.hasSuffix("/link") }.mapValues(String.init(buffer:))
        #expect(
            links == [
                RegistryLayout.layerLink(name, wanted).string: canonical.description,
                RegistryLayout.layerLink(name, canonical).string: canonical.description,
            ])
        try await registry.deleteBlob(name, canonical)
        #expect(await failure { _ = try await registry.blobStatus(name, wanted) }?.code == .blobUnknown)
    }

    @Test("The same blob from 16 clients at once: all succeed")
    func concurrently() async throws {
        let registry = Registry(storage)
        let content = Way.longLastChunk.content
        try await withThrowingTaskGroup(of: Void.self) { group in
            for index in 0..<16 {
                group.addTask {
                    let name = try name(index % 2 == 0 ? "a" : "b\(index)")
                    let way: Way = index % 3 == 0 ? .longLastChunk : .inPlace
                    if way == .inPlace { return _ = try await registry.push(content, to: name) }
                    let reference = try await session(way, name, registry)
                    try await registry.commitUpload(reference, digest: digest(of: content), body: way.body, at: nil)
                }
            }
            try await group.waitForAll()
        }
        #expect(visible(storage).filter { $0.hasSuffix("/data") }.count == 1)
        #expect(try await registry.text(try name("a"), digest(of: content)) == content)
        #expect(storage.suspendedPaths.isEmpty)
        #expect(storage.violations.isEmpty, "\(storage.violations)")
    }

    @Test("Data of another length at the blob's place is replaced")
    func tornData() async throws {
        let content = "whole"
        for way in [Way.inPlace, .staged] {
            storage.plant("who", at: RegistryLayout.blobData(digest(of: content)).string)
            let registry = Registry(storage)
            let name = try name("a")
            var session = try registry.beginUpload(name)
            if way == .staged {
                session = try await registry.append(.text(content), to: UploadReference(name, session), at: nil)
            }
            try await registry.commitUpload(
                UploadReference(name, session), digest: digest(of: content),
                body: way == .staged ? .empty : .text(content), at: nil)
            #expect(try await registry.text(name, digest(of: content)) == content)
        }
    }

    @Test("A failed push in one request leaves nothing at all")
    func failedPush() async throws {
        let registry = Registry(storage)
        for algorithm in RegistryModel.Digest.Algorithm.allCases {
            let error = await failure {
                try await registry.push(.text("x"), digest(of: "y", algorithm), to: try name("a"))
            }
            #expect(error?.code == .digestInvalid)
            #expect(storage.objects.isEmpty)
            #expect(storage.suspendedPaths.isEmpty)
        }
    }
}

@Suite("The hash of staged bytes")
struct StagedHashTests {
    @Test("Bytes of one repository's session never vouch for another's", arguments: [true, false])
    func acrossRepositories(named: Bool) async throws {
        let storage = TestStorage(namesWriters: named)
        let registry = Registry(storage)
        let (mine, other) = (try name("mine"), try name("other"))
        let session = try registry.beginUpload(mine)
        let staged = try await registry.append(.text("evil"), to: UploadReference(mine, session), at: nil)
        // The same id elsewhere, with other bytes of the same length.
        storage.plant("2026-01-02T03:04:05Z", at: RegistryLayout.uploadStartedAt(other, session.id).string)
        _ = try await registry.append(
            .text("good"), to: UploadReference(name: other, id: session.id, token: nil), at: nil)
        let error = await failure {
            try await registry.commitUpload(
                UploadReference(mine, staged), digest: digest(of: "good"), body: .empty, at: nil)
        }
        #expect(error?.code == .digestInvalid)
        #expect(!storage.objects.keys.contains { $0.contains("/blobs/") })
    }

    @Test(
        "Bytes that another process staged at the same place never pass for those hashed here",
        arguments: [true, false])
    func acrossWriters(named: Bool) async throws {
        let storage = TestStorage(namesWriters: named)
        let (here, there) = (Registry(storage), Registry(storage))
        let name = try name("a")
        let session = try here.beginUpload(name)
        _ = try await here.append(.text("good"), to: UploadReference(name, session), at: nil)
        let evil = try await there.append(.text("evil"), to: UploadReference(name, session), at: nil)
        let error = await failure {
            try await here.commitUpload(
                UploadReference(name, evil), digest: digest(of: "good"), body: .empty, at: nil)
        }
        #expect(error?.code == .digestInvalid)
        #expect(!storage.objects.keys.contains { $0.contains("/blobs/") })
    }

    @Test("Without names for its writers a storage still takes chunks")
    func unnamedWriters() async throws {
        let storage = TestStorage(namesWriters: false)
        let registry = Registry(storage)
        let name = try name("a")
        var session = try registry.beginUpload(name)
        for part in ["ab", "cd", "ef"] {
            session = try await registry.append(.text(part), to: UploadReference(name, session), at: nil)
        }
        try await registry.commitUpload(
            UploadReference(name, session), digest: digest(of: "abcdefgh"), body: .text("gh"), at: 6)
        #expect(try await registry.text(name, digest(of: "abcdefgh")) == "abcdefgh")
        #expect(storage.suspendedPaths.isEmpty)
    }
}
