import NIOCore
import RegistryModel
import RegistryStorage
import Synchronization
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Upload sessions")
struct UploadSessionTests {
    private let storage = TestStorage()
    private let content = "0123456789"

    @Test("Beginning an upload touches no storage, and gives ordered ids")
    func begin() throws {
        let registry = Registry(storage)
        let uploads = try (0..<50).map { _ in try registry.beginUpload(try name("a")) }
        #expect(storage.calls.isEmpty)
        #expect(Set(uploads.map(\.id)).count == 50)
        #expect(uploads.allSatisfy { $0.offset == 0 && $0.id.description.utf8.count == 36 })
        let times = uploads.map { $0.id.description.prefix(13) }
        #expect(times == times.sorted())
    }

    @Test("A blob comes in chunks, with the progress after each")
    func chunks() async throws {
        let registry = Registry(storage)
        let name = try name("a/b")
        var session = try registry.beginUpload(name)
        for (index, character) in content.enumerated() {
            session = try await registry.append(
                .text(String(character)), to: UploadReference(name, session), at: index % 2 == 0 ? UInt64(index) : nil)
            #expect(session.offset == UInt64(index + 1))
            #expect(try await registry.status(of: UploadReference(name, session)).offset == session.offset)
        }
        try await registry.commitUpload(
            UploadReference(name, session), digest: digest(of: content), body: .empty, at: nil)
        #expect(try await registry.text(name, digest(of: content)) == content)
        #expect(storage.suspendedPaths.isEmpty)
        #expect(storage.violations.isEmpty, "\(storage.violations)")
        #expect(!storage.objects.keys.contains { $0.contains("_uploads") })
    }

    @Test("A chunk opens the staged bytes once, and no byte is read to end an upload", arguments: Keeping.allCases)
    func costOfAChunk(keeping: Keeping) async throws {
        let storage = keeping.storage()
        let registry = Registry(storage)
        let name = try name("a")
        var session = try await registry.append(
            .text("one"), to: UploadReference(name, try registry.beginUpload(name)), at: nil)
        storage.forget()
        session = try await registry.append(.text("two"), to: UploadReference(name, session), at: nil)
        let chunk: [TestStorage.Call.Kind] =
            keeping == .suspended || keeping == .adopted
            ? [.append, .write, .sync, .suspend] : [.stat, .take, .write, .commit, .suspend]
        #expect(storage.calls.map(\.kind) == chunk)
        storage.forget()
        try await registry.commitUpload(
            UploadReference(name, session), digest: digest(of: "onetwo"), body: .empty, at: nil)
        let end: [TestStorage.Call.Kind] =
            switch keeping {
            case .suspended: [.append, .commit, .suspend, .stat, .move, .put, .removeTree]
            case .adopted: [.append, .commit, .suspend, .put, .removeTree]
            case .asObjects: [.stat, .move, .stat, .stat, .move, .put, .removeTree]
            // Without a tag nobody knows whose bytes they are.
            case .unnamed: [.stat, .move, .stat, .openReader, .read, .read, .stat, .move, .put, .removeTree]
            }
        #expect(storage.calls.map(\.kind) == end)
    }

    @Test("A chunk that goes elsewhere is RANGE_INVALID with the way on", arguments: [UInt64(0), 2, 4, 1000, .max])
    func wrongStart(start: UInt64) async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let session = try await registry.append(
            .text("abc"), to: UploadReference(name, try registry.beginUpload(name)), at: 0)
        let error = await failure {
            _ = try await registry.append(.text("x"), to: UploadReference(name, session), at: start)
        }
        #expect(error?.code == .rangeInvalid)
        let progress = try #require(error?.upload)
        #expect(progress.offset == 3)
        #expect(try await registry.append(.text("x"), to: UploadReference(name, progress), at: 3).offset == 4)
    }

    @Test("An old Location is RANGE_INVALID with the progress, for PATCH and PUT")
    func oldToken() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let first = try registry.beginUpload(name)
        let second = try await registry.append(.text("abc"), to: UploadReference(name, first), at: nil)
        _ = try await registry.append(.text("de"), to: UploadReference(name, second), at: nil)
        for old in [first, second] {
            let patch = await failure {
                _ = try await registry.append(.text("x"), to: UploadReference(name, old), at: nil)
            }
            let put = await failure {
                try await registry.commitUpload(
                    UploadReference(name, old), digest: digest(of: "abcx"), body: .text("x"), at: nil)
            }
            for error in [patch, put] {
                #expect(error?.code == .rangeInvalid)
                #expect(error?.upload?.offset == 5)
            }
            #expect(try await registry.status(of: UploadReference(name, old)).offset == 5)
        }
    }

    @Test("A session goes on without a token, and can be cancelled without one")
    func withoutToken() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let session = try registry.beginUpload(name)
        let bare = UploadReference(name, session, token: false)
        #expect(try await registry.status(of: bare).offset == 0)
        #expect(try await registry.append(.text("abc"), to: bare, at: nil).offset == 3)
        #expect(try await registry.append(.text("de"), to: bare, at: nil).offset == 5)
        try await registry.cancelUpload(bare)
        #expect(storage.objects.isEmpty)
        #expect(storage.suspendedPaths.isEmpty)
        #expect(await failure { _ = try await registry.status(of: bare) }?.code == .blobUploadUnknown)
        #expect(
            await failure { _ = try await registry.append(.text("x"), to: bare, at: nil) }?.code == .blobUploadUnknown)
    }

    @Test("A session that nobody began is unknown to every request, and leaves nothing in memory")
    func unknown() async throws {
        let registry = Registry(storage)
        let bare = UploadReference(name: try name("a"), id: try #require(UploadID("nobody")), token: nil)
        for _ in 0..<2 {
            let errors = [
                await failure { _ = try await registry.append(.text("x"), to: bare, at: nil) },
                await failure { _ = try await registry.status(of: bare) },
                await failure { try await registry.cancelUpload(bare) },
                await failure {
                    try await registry.commitUpload(bare, digest: digest(of: "x"), body: .text("x"), at: nil)
                },
            ]
            for error in errors { #expect(error?.code == .blobUploadUnknown) }
        }
        #expect(registry.uploads.count == 0)
        #expect(storage.objects.isEmpty)
    }

    @Test("A session belongs to its repository: another one's is unknown by the same id")
    func otherRepository() async throws {
        let registry = Registry(storage)
        let session = try registry.beginUpload(try name("a"))
        let elsewhere = UploadReference(name: try name("b"), id: session.id, token: nil)
        #expect(await failure { _ = try await registry.status(of: elsewhere) }?.code == .blobUploadUnknown)
        #expect(
            await failure { _ = try await registry.append(.text("x"), to: elsewhere, at: nil) }?.code
                == .blobUploadUnknown)
    }

    @Test("Another process with the same secret goes on, and hashes again")
    func otherProcess() async throws {
        let name = try name("a")
        let (here, there) = (Registry(storage), Registry(storage))
        var session = try here.beginUpload(name)
        session = try await there.append(.text("01234"), to: UploadReference(name, session), at: 0)
        session = try await here.append(.text("56"), to: UploadReference(name, session), at: 5)
        #expect(try await there.status(of: UploadReference(name, session)).offset == 7)
        let wrong = await failure {
            try await there.commitUpload(
                UploadReference(name, session), digest: digest(of: "other"), body: .text("789"), at: nil)
        }
        #expect(wrong?.code == .digestInvalid)
        try await there.commitUpload(
            UploadReference(name, session), digest: digest(of: content), body: .text("789"), at: 7)
        #expect(try await here.text(name, digest(of: content)) == content)
        #expect(storage.violations.isEmpty, "\(storage.violations)")
    }

    @Test("A process with another secret refuses the token")
    func otherSecret() async throws {
        let name = try name("a")
        let session = try Registry(storage, secret: "x").beginUpload(name)
        let error = await failure {
            _ = try await Registry(storage, secret: "y").append(.text("1"), to: UploadReference(name, session), at: nil)
        }
        #expect(error?.code == .blobUploadInvalid)
    }

    @Test(
        "Two requests on one session, also at two servers: the second is told that there is another", arguments: 1...2)
    func twoAtOnce(servers: Int) async throws {
        let registry = Registry(storage)
        let other = servers == 1 ? registry : Registry(storage)
        let name = try name("a")
        let session = try registry.beginUpload(name)
        let (reached, release) = (AsyncStream.makeStream(of: Void.self), AsyncStream.makeStream(of: Void.self))
        let sent = Mutex(false)
        let slow = UploadBody(length: nil) {
            if sent.withLock({ $0 }) { return nil }
            reached.continuation.yield()
            for await _ in release.stream { break }
            sent.withLock { $0 = true }
            return [ByteBuffer(string: "abc")]
        }
        let begun = try await registry.append(.text("123"), to: UploadReference(name, session), at: nil)
        async let first = registry.append(slow, to: UploadReference(name, begun), at: nil)
        for await _ in reached.stream { break }
        let errors = [
            await failure { _ = try await other.append(.text("x"), to: UploadReference(name, begun), at: nil) },
            await failure {
                let whole = digest(of: "123x")
                try await other.commitUpload(UploadReference(name, begun), digest: whole, body: .text("x"), at: nil)
            },
            await failure { try await other.cancelUpload(UploadReference(name, begun)) },
        ]
        for error in errors {
            #expect(error?.status == 409)
            #expect(error?.code == .blobUploadInvalid)
            #expect(error?.retryAfter != nil)
        }
        // Who only asks where the upload stands may ask again.
        let status = await failure { _ = try await other.status(of: UploadReference(name, begun)) }
        #expect(status?.code == .unavailable && status?.status == nil)
        release.continuation.yield()
        let end = try await first
        #expect(end.offset == 6)
        let late = await failure { _ = try await other.append(.text("x"), to: UploadReference(name, begun), at: nil) }
        #expect(late?.code == .rangeInvalid)
        #expect(late?.upload?.offset == 6)
    }

    @Test("What came before the client went away is kept")
    func brokenChunk() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let session = try registry.beginUpload(name)
        let error = await failure {
            _ = try await registry.append(.broken(after: "01234", of: 10), to: UploadReference(name, session), at: nil)
        }
        #expect(error?.status == 400)
        let progress = try await registry.status(of: UploadReference(name, session))
        #expect(progress.offset == 5)
        try await registry.commitUpload(
            UploadReference(name, progress), digest: digest(of: content), body: .text("56789"), at: 5)
        #expect(try await registry.text(name, digest(of: content)) == content)
    }

    @Test("An upload that Distribution began, with its data as an object, goes on without a token")
    func distributionsUpload() async throws {
        let registry = Registry(storage)
        let name = try name("old")
        let id = try #require(UploadID("0191d9c2-0000-7000-8000-000000000000"))
        storage.plant("01234", at: RegistryLayout.uploadData(name, id).string)
        storage.plant("2026-01-02T03:04:05Z", at: RegistryLayout.uploadStartedAt(name, id).string)
        storage.plant("state", at: "\(RegistryLayout.upload(name, id))/hashstates/sha256/5")
        let bare = UploadReference(name: name, id: id, token: nil)
        #expect(try await registry.status(of: bare).offset == 5)
        let session = try await registry.append(.text("56"), to: bare, at: 5)
        try await registry.commitUpload(
            UploadReference(name, session), digest: digest(of: content), body: .text("789"), at: nil)
        #expect(try await registry.text(name, digest(of: content)) == content)
        #expect(!storage.objects.keys.contains { $0.contains("_uploads") })
        #expect(storage.suspendedPaths.isEmpty)
    }

    @Test("An empty chunk, declared or not, changes nothing")
    func emptyChunk() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        var session = try registry.beginUpload(name)
        session = try await registry.append(.empty, to: UploadReference(name, session), at: 0)
        #expect(storage.calls.isEmpty)
        session = try await registry.append(.text(length: false), to: UploadReference(name, session), at: 0)
        #expect(session.offset == 0)
        try await registry.commitUpload(
            UploadReference(name, session), digest: digest(of: content), body: .text(content), at: nil)
        #expect(try await registry.text(name, digest(of: content)) == content)
    }

    @Test("Memory of sessions is bounded, and what is in use is not forgotten")
    func bounded() throws {
        let sessions = UploadSessions(limit: 100)
        let keys = try (0..<1000).map { UploadSessions.Key(name: try name("a"), id: try #require(UploadID("u\($0)"))) }
        #expect(sessions.activate(keys[0]))
        for key in keys.dropFirst() { sessions.begin(key) }
        #expect(sessions.count <= 101)
        #expect(!sessions.activate(keys[0]))
        #expect(sessions.entry(keys[999])?.hasBegun == true)
    }

    @Test("A read-only registry begins, continues and ends no upload")
    func readOnly() async throws {
        let name = try name("a")
        let session = try Registry(storage).beginUpload(name)
        let registry = Registry(storage) { $0.readOnly = true }
        let reference = UploadReference(name, session)
        let errors = [
            await failure { _ = try registry.beginUpload(name) },
            await failure { _ = try await registry.append(.text("x"), to: reference, at: nil) },
            await failure { try await registry.cancelUpload(reference) },
            await failure { try await registry.push("x", to: name) },
            await failure { _ = try await registry.mount(digest(of: "x"), from: name, to: name) },
        ]
        for error in errors { #expect(error?.code == .unsupported) }
        #expect(storage.calls.isEmpty)
    }
}
