import NIOCore
import RegistryModel
import RegistryStorage
import Synchronization
import TestSupport
import Testing

@testable import RegistryCore

@Suite("The index of referrers")
struct ReferrerIndexTests {
    private let storage = TestStorage()
    private let subject = digest(of: "subject")

    /// A root as Distribution leaves it: some thousand manifests, some with a subject, and debris.
    private func oldRoot(_ name: RepositoryName, count: Int) async throws -> [Descriptor] {
        let registry = Registry(storage)
        var expected: [Descriptor] = []
        for index in 0..<count {
            let referrer = Referrer(subject: subject, note: "\(index)")
            if index % 10 == 0 {
                try await registry.push(referrer, to: name)
                expected.append(referrer.descriptor())
            } else {
                let manifest = Image(layers: [], note: "\(index)").manifest
                storage.plant(manifest, at: RegistryLayout.blobData(digest(of: manifest)).string)
                storage.plant(
                    "\(digest(of: manifest))", at: RegistryLayout.revisionLink(name, digest(of: manifest)).string)
            }
        }
        let revisions = RegistryLayout.revisions(name, .sha256)
        storage.plant("x", at: "\(revisions)/\(digest(of: "dangling").hex)/link")
        storage.plant("\(digest(of: "gone"))", at: RegistryLayout.revisionLink(name, digest(of: "gone")).string)
        storage.plant("x", at: "\(revisions)/nothing-known/link")
        let old = #"{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[],"history":[]}"#
        storage.plant(old, at: RegistryLayout.blobData(digest(of: old)).string)
        storage.plant("\(digest(of: old))", at: RegistryLayout.revisionLink(name, digest(of: old)).string)
        storage.forgetOwn()
        return expected.sorted { $0.digest < $1.digest }
    }

    @Test("An old root is read once by each process, in pages, and then answers like a new one")
    func oldRoot() async throws {
        let name = try name("old/app")
        let expected = try await oldRoot(name, count: 2500)
        let registry = Registry(storage)
        storage.forget()
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors == expected)
        #expect(storage.calls.filter { $0.kind == .list && $0.path.hasSuffix("revisions/sha256") }.count == 3)
        #expect(registry.manifestCache.size.count == 0, "reading all must not drive out what is in use")
        storage.forget()
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors == expected)
        #expect(!storage.calls.contains { $0.path.contains("revisions/sha256") && $0.kind == .list })
        // Another server had the root meanwhile, which knows nothing of the index.
        let theirs =
            #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex.rawValue)","manifests":[],"artifactType":"#
            + #""t/theirs","subject":{"mediaType":"m","digest":"\#(subject)","size":2}}"#
        storage.plant(theirs, at: RegistryLayout.blobData(digest(of: theirs)).string)
        storage.plant("\(digest(of: theirs))", at: RegistryLayout.revisionLink(name, digest(of: theirs)).string)
        let found = try await Registry(storage).allReferrers(of: subject, in: name).descriptors
        #expect(found.count == expected.count + 1)
        #expect(found.contains { $0.digest == digest(of: theirs) })
        #expect(storage.violations.isEmpty)
    }

    @Test("Requests that come while a repository is read wait for it, and it is read once")
    func oneScan() async throws {
        let name = try name("a")
        let expected = try await oldRoot(name, count: 50)
        let registry = Registry(storage)
        storage.forget()
        let answers = try await withThrowingTaskGroup(of: [Descriptor].self) { group in
            for _ in 0..<20 {
                group.addTask { try await registry.allReferrers(of: subject, in: name).descriptors }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(answers.allSatisfy { $0 == expected })
        #expect(storage.calls.filter { $0.kind == .list && $0.path.hasSuffix("revisions/sha256") }.count <= 2)
    }

    @Test("Several processes may read the same repository at once, beside pushes and deletions")
    func severalProcesses() async throws {
        let name = try name("a")
        var expected = try await oldRoot(name, count: 200)
        let gone = try #require(expected.first)
        let added = Referrer(subject: subject, note: "added")
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask { _ = try await Registry(storage).allReferrers(of: subject, in: name) }
            }
            group.addTask { try await Registry(storage).deleteManifest(name, .digest(gone.digest)) }
            group.addTask { try await Registry(storage).push(added, to: name) }
            try await group.waitForAll()
        }
        expected = (expected.dropFirst() + [added.descriptor()]).sorted { $0.digest < $1.digest }
        #expect(try await Registry(storage).allReferrers(of: subject, in: name).descriptors == expected)
    }

    @Test("A repository isn't complete until all of it was read: what failed is done again")
    func scanFails() async throws {
        let name = try name("a")
        let expected = try await oldRoot(name, count: 30)
        let registry = Registry(storage)
        storage.fail { call, _ in
            call.kind == .put && call.path.hasSuffix("_complete")
                ? .before(StorageError(.unavailable, "injected")) : nil
        }
        let error = await failure { _ = try await registry.allReferrers(of: subject, in: name) }
        #expect(error?.code == .unavailable)
        storage.fail { call, _ in
            call.kind == .put && call.path.contains("_subjects") ? .before(StorageError(.noSpace, "injected")) : nil
        }
        #expect(await failure { _ = try await registry.allReferrers(of: subject, in: name) }?.code == .unavailable)
        storage.fail(nil)
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors == expected)
    }

    @Test("An index that can't be written is made up for by the manifests, for reading and for pushing")
    func unwritable() async throws {
        let name = try name("a")
        var expected = try await oldRoot(name, count: 300)
        let isOwn: @Sendable (TestStorage.Call) -> Bool = {
            $0.path.hasPrefix("/mooring") && [.put, .remove, .removeTree].contains($0.kind)
        }
        storage.fail { call, _ in isOwn(call) ? .before(StorageError(.permission, "read-only")) : nil }
        let registry = Registry(storage)
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors == expected)
        let paged = try await registry.allReferrers(of: subject, in: name, limit: 4)
        #expect(paged.descriptors == expected)
        #expect(paged.pages >= expected.count / 4)
        #expect(try await registry.allReferrers(of: digest(of: "other"), in: name).descriptors.isEmpty)

        let added = Referrer(subject: subject, note: "added")
        try await registry.push(added, to: name)
        let gone = try #require(expected.first)
        try await registry.deleteManifest(name, .digest(gone.digest))
        expected = (expected.dropFirst() + [added.descriptor()]).sorted { $0.digest < $1.digest }
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors == expected)
        #expect(storage.ownPaths.isEmpty)
        // A process that may write makes the index.
        storage.fail(nil)
        #expect(try await Registry(storage).allReferrers(of: subject, in: name).descriptors == expected)
        #expect(!storage.ownPaths.isEmpty)
        #expect(storage.violations.isEmpty)
    }

    @Test("An index that was complete and can't be written any more isn't believed alone")
    func becomesUnwritable() async throws {
        let name = try name("a")
        let registry = Registry(storage)
        let first = Referrer(subject: subject, note: "first")
        try await registry.push(first, to: name)
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors == [first.descriptor()])
        storage.fail { call, _ in
            call.kind == .put && call.path.hasPrefix("/mooring") ? .before(StorageError(.permission, "read-only")) : nil
        }
        let second = Referrer(subject: subject, note: "second")
        try await registry.push(second, to: name)
        let expected = [first.descriptor(), second.descriptor()].sorted { $0.digest < $1.digest }
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors == expected)
        #expect(try await Registry(storage).allReferrers(of: subject, in: name).descriptors == expected)
    }

    @Test("A read-only registry writes nothing; without an index it knows what the manifests say")
    func readOnly() async throws {
        let name = try name("a")
        let expected = try await oldRoot(name, count: 30)
        let listed = try #require(expected.last)
        let children = #"{"mediaType":"\#(MediaType.ociManifest)","digest":"\#(listed.digest)","size":1}"#
        let index = #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[\#(children)]}"#
        try await Registry(storage).put(index, to: name, .tag(Tag(referrersOf: subject)), type: .ociIndex)
        let before = storage.objects
        let readOnly = Registry(storage) { $0.readOnly = true }
        #expect(try await readOnly.allReferrers(of: subject, in: name).descriptors == expected)
        #expect(storage.objects == before)
    }

    @Test("Whichever call of a push fails, a manifest that can be seen is in the list", arguments: [false, true])
    func pushFaults(lost: Bool) async throws {
        let referrer = Referrer(subject: subject)
        let name = try name("a")
        var number = 0
        var isPast = false
        while !isPast {
            let storage = TestStorage()
            let registry = Registry(storage)
            try await registry.push("{}", to: name)
            storage.plant("1\n", at: RegistryLayout.referrersComplete(name).string)
            storage.forget()
            storage.fail { [number] _, current in
                guard current == number else { return nil }
                let error = StorageError(.unavailable, "injected")
                return lost ? .after(error) : .before(error)
            }
            let error = await failure {
                try await registry.put(referrer.manifest, to: name, .digest(digest(of: referrer.manifest, .sha512)))
            }
            isPast = storage.calls.count <= number
            #expect(isPast == (error == nil))
            storage.fail(nil)
            // As after a restart.
            let other = Registry(storage)
            let isSeen = await failure { _ = try await other.manifest(name, .digest(referrer.digest)) } == nil
            let list = try await other.allReferrers(of: subject, in: name).descriptors
            #expect(list.isEmpty != isSeen, "call \(number)")
            try await other.push(referrer, to: name, by: .sha512)
            #expect(try await other.allReferrers(of: subject, in: name).descriptors == [referrer.descriptor(.sha512)])
            number += 1
        }
        #expect(number > 8)
    }

    @Test("Whichever call of a deletion fails, the list has what can be seen, and the rest can be deleted")
    func deleteFaults() async throws {
        let referrer = Referrer(subject: subject)
        let name = try name("a")
        var number = 0
        var isPast = false
        while !isPast {
            let storage = TestStorage()
            let registry = Registry(storage)
            try await registry.push(referrer, to: name, by: .sha512)
            storage.plant("1\n", at: RegistryLayout.referrersComplete(name).string)
            storage.forget()
            storage.fail { [number] _, current in
                current == number ? .before(StorageError(.unavailable, "injected")) : nil
            }
            let error = await failure { try await registry.deleteManifest(name, .digest(referrer.digest)) }
            isPast = storage.calls.count <= number
            #expect(isPast == (error == nil))
            storage.fail(nil)
            let isSeen = await failure { _ = try await registry.manifest(name, .digest(referrer.digest)) } == nil
            #expect(try await registry.allReferrers(of: subject, in: name).descriptors.isEmpty != isSeen)
            // What a crash leaves doesn't get into the way of a push by the other name.
            try await registry.push(referrer, to: name)
            #expect(try await registry.allReferrers(of: subject, in: name).descriptors.count == 1, "call \(number)")
            number += 1
        }
        #expect(number > 5)
    }

    @Test("A push and a deletion of the same manifest, in any order of their calls, by two processes")
    func race() async throws {
        let referrer = Referrer(subject: subject)
        let name = try name("a")
        for seed in 0..<300 {
            let storage = TestStorage()
            try await Registry(storage).push(referrer, to: name)
            storage.plant("1\n", at: RegistryLayout.referrersComplete(name).string)
            var random = SplitMix(state: UInt64(seed))
            let delays = (0..<64).map { _ in Int(random.next() % 4) }
            let calls = Mutex(0)
            storage.pause { _ in
                let number = calls.withLock { calls in
                    calls += 1
                    return calls
                }
                for _ in 0..<delays[number % delays.count] { await Task.yield() }
            }
            async let deletion = failure { try await Registry(storage).deleteManifest(name, .digest(referrer.digest)) }
            async let push = failure {
                try await Registry(storage).put(referrer.manifest, to: name, .digest(referrer.digest))
            }
            #expect(await [deletion, push].allSatisfy { $0 == nil })
            storage.pause(nil)
            let registry = Registry(storage)
            let isSeen = await failure { _ = try await registry.manifest(name, .digest(referrer.digest)) } == nil
            #expect(try await registry.allReferrers(of: subject, in: name).descriptors.isEmpty != isSeen, "\(seed)")
        }
    }
}

/// A small generator with a seed.
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
        return value ^ (value >> 31)
    }
}

@Suite("Lists of referrers that clients keep under a tag")
struct FallbackReferrerTests {
    private let storage = TestStorage()
    private let subject = digest(of: "subject")

    private func index(_ digests: [RegistryModel.Digest]) -> String {
        let list = digests.map { #"{"mediaType":"\#(MediaType.ociManifest)","digest":"\#($0)","size":1}"# }
        return """
            {"schemaVersion":2,"mediaType":"\(MediaType.ociIndex)","manifests":[\(list.joined(separator: ","))]}
            """
    }

    @Test("The tag's list is part of the answer, each manifest once, and without what is gone or means something else")
    func merge() async throws {
        let name = try name("a")
        let registry = Registry(storage) { $0.indexValidation = .none }
        let referrers = (0..<5).map { Referrer(subject: subject, note: "\($0)") }
        let other = Referrer(subject: digest(of: "other"))
        for referrer in referrers + [other] { try await registry.push(referrer, to: name) }
        try await registry.push(Image(), to: name, tag: "image")
        _ = try await registry.allReferrers(of: subject, in: name)
        // Pushed through Distribution after the repository was read: nothing but the tag knows of them.
        storage.forgetOwn()
        storage.plant("1\n", at: RegistryLayout.referrersComplete(name).string)
        try await registry.push(referrers[0], to: name)
        let tag = Reference.tag(Tag(referrersOf: subject))
        let listed = referrers[0...2].map(\.digest) + [other.digest, Image().digest, digest(of: "gone")]
        try await registry.put(index(listed), to: name, tag, type: .ociIndex)
        let expected = referrers[0...2].map { $0.descriptor() }.sorted { $0.digest < $1.digest }
        for size in [1, 2, 1000] {
            #expect(try await registry.allReferrers(of: subject, in: name, limit: size).descriptors == expected)
        }
        // A client changes its list; the answer follows.
        try await registry.put(index(listed + referrers[3...].map(\.digest)), to: name, tag, type: .ociIndex)
        let all = referrers.map { $0.descriptor() }.sorted { $0.digest < $1.digest }
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors == all)
        try await registry.deleteManifest(name, .digest(referrers[4].digest))
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors.count == 4)
        try await registry.deleteManifest(name, tag)
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors == [referrers[0].descriptor()])
    }

    @Test("A long digest's tag is cut; what refers to another digest under it is left out")
    func longDigests() async throws {
        let name = try name("a")
        let registry = Registry(storage)
        let long = digest(of: "subject", .sha512)
        let tag = Tag(referrersOf: long)
        #expect(tag.description == "sha512-\(long.hex.prefix(64))")
        let (one, two) = (Referrer(subject: long), Referrer(subject: digest(of: "other", .sha512)))
        for referrer in [one, two] { try await registry.push(referrer, to: name) }
        storage.forgetOwn()
        storage.plant("1\n", at: RegistryLayout.referrersComplete(name).string)
        try await registry.put(index([one.digest, two.digest]), to: name, .tag(tag), type: .ociIndex)
        #expect(try await registry.allReferrers(of: long, in: name).descriptors == [one.descriptor()])
    }

    @Test("What isn't a list under that tag is no concern", arguments: ["image", "garbage", "dangling"])
    func otherTag(kind: String) async throws {
        let name = try name("a")
        let registry = Registry(storage)
        let tag = Tag(referrersOf: subject)
        switch kind {
        case "image": try await registry.push(Image(), to: name, tag: tag.description)
        case "garbage": storage.plant("garbage", at: RegistryLayout.tagLink(name, tag).string)
        default: storage.plant("\(digest(of: "gone"))", at: RegistryLayout.tagLink(name, tag).string)
        }
        let referrer = Referrer(subject: subject)
        try await registry.push(referrer, to: name)
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors == [referrer.descriptor()])
    }
}
