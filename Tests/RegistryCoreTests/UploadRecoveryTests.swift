import NIOCore
import RegistryModel
import RegistryStorage
import Synchronization
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Uploads after a crash, and in several processes")
struct UploadRecoveryTests {
    private let storage = TestStorage()
    private let content = "0123456789"

    /// A session with its first bytes.
    private func session(_ text: String, _ name: RepositoryName) async throws -> UploadProgress {
        let registry = Registry(storage)
        return try await registry.append(.text(text), to: UploadReference(name, registry.beginUpload(name)), at: nil)
    }

    @Test("A process that died in a PATCH leaves bytes that another one goes on with")
    func diedInPatch() async throws {
        let name = try name("a")
        let session = try await session("01234", name)
        storage.fail { call, _ in call.kind == .commit ? .before(StorageError(.unavailable, "died")) : nil }
        let error = await failure {
            _ = try await Registry(storage).append(.text("567"), to: UploadReference(name, session), at: nil)
        }
        #expect(error?.code == .unavailable)
        storage.fail(nil)
        #expect(storage.suspendedPaths.count == 1)
        let other = Registry(storage)
        // The client knows of five bytes.
        let old = await failure { _ = try await other.append(.text("5"), to: UploadReference(name, session), at: nil) }
        #expect(old?.code == .rangeInvalid)
        let now = try #require(old?.upload)
        #expect(now.offset == 8)
        try await other.commitUpload(
            UploadReference(name, now), digest: digest(of: content), body: .text("89"), at: 8)
        #expect(try await other.text(name, digest(of: content)) == content)
        #expect(storage.suspendedPaths.isEmpty)
        #expect(!storage.objects.keys.contains { $0.contains("_uploads") })
    }

    @Test("A process that died between a PUT's proof and the blob leaves a session where it was")
    func diedInPut() async throws {
        let name = try name("a")
        let session = try await session(content, name)
        let reference = UploadReference(name, session)
        storage.fail { call, _ in
            call.kind == .move && call.path.contains("/blobs/") ? .before(StorageError(.unavailable, "died")) : nil
        }
        let digest = digest(of: content)
        let error = await failure {
            try await Registry(storage).commitUpload(reference, digest: digest, body: .empty, at: nil)
        }
        #expect(error?.code == .unavailable)
        storage.fail(nil)
        let before = storage.objects
        #expect(before.keys.contains { $0.contains("/sealed.") })
        #expect(try await Registry(storage).status(of: reference).offset == 10)
        #expect(storage.objects == before, "a look changes nothing")
        let other = Registry(storage)
        try await other.commitUpload(reference, digest: digest, body: .empty, at: nil)
        #expect(try await other.text(name, digest) == content)
        #expect(!storage.objects.keys.contains { $0.contains("_uploads") })
    }

    @Test("Whatever another process does to a session that is being ended, the blob is what its name says")
    func changedMeanwhile() async throws {
        let name = try name("a")
        let fresh = try Registry(storage).beginUpload(name)
        let first = Registry(storage)
        let session = try await first.append(.text(content), to: UploadReference(name, fresh), at: nil)
        let (reached, release) = (AsyncStream.makeStream(of: Void.self), AsyncStream.makeStream(of: Void.self))
        let isFirst = Mutex(true)
        storage.pause { call in
            guard call.kind == .move, call.path.contains("/blobs/"),
                isFirst.withLock({ first in
                    defer { first = false }
                    return first
                })
            else { return }
            reached.continuation.yield()
            for await _ in release.stream { break }
        }
        let digest = digest(of: content)
        async let ended: Void = first.commitUpload(
            UploadReference(name, session), digest: digest, body: .empty, at: nil)
        for await _ in reached.stream { break }
        // The digest holds; on its way to the blob's place the bytes can't be changed, only taken back.
        let second = Registry(storage)
        let evil = try await second.append(.text("evil bytes"), to: UploadReference(name, fresh), at: nil)
        let more = try await second.append(.text("more"), to: UploadReference(name, evil), at: nil)
        #expect(more.offset == 14)
        release.continuation.yield()
        try await ended
        for (path, bytes) in storage.objects where path.contains("/blobs/") {
            #expect(path.contains(ContentHasher.digest(.sha256, of: bytes).hex))
        }
        #expect(try await first.text(name, digest) == content)
    }

    @Test("Two processes that end one session at once: the client gets its blob")
    func endedTwice() async throws {
        let name = try name("a")
        let reference = UploadReference(name, try await session(content, name))
        let digest = digest(of: content)
        let codes = await withTaskGroup(of: RegistryErrorCode?.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    await failure {
                        try await Registry(storage).commitUpload(reference, digest: digest, body: .empty, at: nil)
                    }?.code
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(codes.contains(nil))
        #expect(codes.allSatisfy { $0 == nil || $0 == .unavailable || $0 == .blobUploadUnknown }, "\(codes)")
        #expect(try await Registry(storage).text(name, digest) == content)
    }

    @Test("An upload of Distribution goes on with the token that Distribution gave, and without a copy")
    func distributionsUpload() async throws {
        let name = try name("old")
        let id = try #require(UploadID("0191d9c2-0000-7000-8000-000000000000"))
        storage.plant("01234", at: RegistryLayout.uploadData(name, id).string)
        storage.plant("2026-01-02T03:04:05Z", at: RegistryLayout.uploadStartedAt(name, id).string)
        let tokens = UploadTokens(secret: "shared")
        let text = #"{"Name":"old","UUID":"\#(id)","Offset":5,"StartedAt":"2026-01-02T03:04:05.5Z"}"#
        let reference = UploadReference(name: name, id: id, token: tokens.sealed(Array(text.utf8)))
        let registry = Registry(storage)
        #expect(try await registry.status(of: reference).offset == 5)
        storage.forget()
        let session = try await registry.append(.text("567"), to: reference, at: nil)
        #expect(storage.calls.map(\.kind) == [.stat, .take, .write, .commit, .suspend])
        try await registry.commitUpload(
            UploadReference(name, session), digest: digest(of: content, .sha512), body: .text("89"), at: nil)
        #expect(try await registry.text(name, digest(of: content)) == content)
        #expect(!storage.objects.keys.contains { $0.contains("_uploads") })
    }

    @Test("By a declared algorithm content is hashed while it passes, in one process", arguments: Keeping.allCases)
    func declaredAlgorithm(keeping: Keeping) async throws {
        let storage = keeping.storage()
        let registry = Registry(storage)
        let name = try name("a")
        for algorithm in [RegistryModel.Digest.Algorithm.sha512, .sha384] {
            var session = try registry.beginUpload(name, algorithm)
            for part in ["01234", "567"] {
                session = try await registry.append(.text(part), to: UploadReference(name, session), at: nil)
            }
            storage.forget()
            try await registry.commitUpload(
                UploadReference(name, session), digest: digest(of: content, algorithm), body: .text("89"), at: nil)
            if keeping != .unnamed { #expect(!storage.calls.contains { $0.kind == .openReader }) }
            #expect(try await registry.text(name, digest(of: content, algorithm)) == content)
        }
        // Without a declaration the first request that names the digest is early enough.
        let session = try registry.beginUpload(name)
        storage.forget()
        try await registry.commitUpload(
            UploadReference(name, session), digest: digest(of: "whole", .sha512), body: .text("wh", "ole"), at: nil)
        if keeping != .unnamed { #expect(!storage.calls.contains { $0.kind == .openReader }) }
    }

    @Test("Writes are gathered to what the driver wants at least")
    func leastChunk() async throws {
        let storage = TestStorage(minimumChunk: 4)
        let registry = Registry(storage)
        let name = try name("a")
        #expect(registry.leastChunkLength == 0)
        let session = try await registry.append(
            .text("0", "12", "3456", "7", "8", "9"), to: UploadReference(name, registry.beginUpload(name)), at: nil)
        #expect(storage.calls.count { $0.kind == .write } == 2)
        #expect(storage.violations.isEmpty, "\(storage.violations)")
        #expect(registry.leastChunkLength == 4)
        try await registry.commitUpload(
            UploadReference(name, session), digest: digest(of: content), body: .empty, at: nil)
    }

    @Test("A failed last chunk is cut off where it began, and nothing is read or written again")
    func costOfCuttingBack() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let session = try await registry.append(
            .text(content), to: UploadReference(name, registry.beginUpload(name)), at: nil)
        storage.forget()
        let error = await failure {
            try await registry.commitUpload(
                UploadReference(name, session), digest: digest(of: "other"),
                body: .text(String(repeating: "x", count: 2 << 20)), at: nil)
        }
        #expect(error?.code == .digestInvalid)
        #expect(
            storage.calls.map(\.kind) == [
                .stat, .take, .write, .commit, .suspend, .stat, .take, .commit, .suspend,
            ])
        #expect(storage.objects[RegistryLayout.uploadData(name, session.id).string] == ByteBuffer(string: content))
    }
}

@Suite("Mounts without a source")
struct DiscoveryTests {
    private let storage = TestStorage()

    @Test("A blob is found in a repository that got it lately, has it still, and may be read")
    func found() async throws {
        let registry = Registry(storage)
        let (source, target) = (try name("source"), try name("target"))
        let digest = try await registry.push("content", to: source)
        #expect(try await !registry.mount(digest, from: nil, to: target, mayPull: { $0 != source }))
        #expect(try await registry.mount(digest, from: nil, to: target))
        #expect(try await registry.text(target, digest) == "content")
        // Who has it needs no source.
        #expect(try await Registry(storage).mount(digest, from: nil, to: target))
    }

    @Test("A blob that no repository has any more is not found, though its bytes are there")
    func gone() async throws {
        let registry = Registry(storage)
        let digest = try await registry.push("content", to: try name("source"))
        try await registry.deleteBlob(try name("source"), digest)
        #expect(try await !registry.mount(digest, from: nil, to: try name("target")))
        #expect(try await !Registry(storage).mount(digest, from: nil, to: try name("target")))
    }

    @Test("What is remembered is bounded")
    func bounded() throws {
        let sources = BlobSources(limit: 100)
        for index in 0..<1000 { sources.note(digest(of: "\(index)"), try name("a")) }
        #expect((0..<1000).count { !sources.names(digest(of: "\($0)")).isEmpty } <= 102)
        for index in 0..<10 { sources.note(digest(of: "x"), try name("r\(index % 6)")) }
        #expect(sources.names(digest(of: "x")).map(\.description) == ["r3", "r2", "r1", "r0"])
    }
}
