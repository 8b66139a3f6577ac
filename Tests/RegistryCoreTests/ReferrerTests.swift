import NIOCore
import RegistryModel
import RegistryStorage
import Synchronization
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Referrers in the registry")
struct ReferrerTests {
    private let storage = TestStorage()
    private let subject = digest(of: "the subject need not exist")

    @Test("A list has what refers to the digest, of this repository, in one order, whatever was pushed first")
    func list() async throws {
        let registry = Registry(storage)
        let name = try name("team/app")
        let referrers = (0..<20).map { Referrer(subject: subject, note: "\($0)", isIndex: $0 % 3 == 0) }
        for referrer in referrers.shuffled() { try await registry.push(referrer, to: name) }
        try await registry.push(Referrer(subject: digest(of: "another")), to: name)
        try await registry.push(Referrer(subject: subject, note: "elsewhere"), to: try RegistryCoreTests.name("team"))
        let expected = referrers.map { $0.descriptor() }.sorted { $0.digest < $1.digest }
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors == expected)
        #expect(try await Registry(storage).allReferrers(of: subject, in: name).descriptors == expected)
        #expect(storage.violations.isEmpty)
    }

    @Test("Of a digest that nothing refers to, and of a repository that isn't there, the list is empty")
    func empty() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors.isEmpty)
        #expect(storage.objects.isEmpty, "asking for any name must not fill the storage")
        try await registry.push(Image(), to: name, tag: "v1")
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors.isEmpty)
    }

    @Test("The artifact type is the manifest's, else the config's; an index without one has none")
    func artifactTypes() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let referrers = [
            Referrer(subject: subject, note: "own"), Referrer(subject: subject, note: "config", artifactType: nil),
            Referrer(subject: subject, note: "empty", artifactType: ""),
            Referrer(subject: subject, note: "index", isIndex: true),
            Referrer(subject: subject, note: "bare index", artifactType: nil, isIndex: true),
        ]
        for referrer in referrers { try await registry.push(referrer, to: name) }
        for (type, notes) in [
            ("application/vnd.test.signature", ["index", "own"]), ("application/vnd.test.config", ["config", "empty"]),
            ("", ["bare index"]), ("application/vnd.test.none", []), ("APPLICATION/vnd.test.signature", []),
        ] as [(String, [String])] {
            let found = try await registry.allReferrers(of: subject, in: name, type: type).descriptors
            #expect(found.compactMap { $0.annotations["note"] }.sorted() == notes, "\(type)")
            #expect(found.allSatisfy { $0.artifactType ?? "" == type })
        }
    }

    @Test("Pages of any size give the same list, also filtered, and end", arguments: [1, 2, 7, 24, 25, 1000])
    func pages(size: Int) async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let referrers = (0..<25).map {
            Referrer(subject: subject, note: "\($0)", artifactType: $0 % 2 == 0 ? "even/x" : "odd/x")
        }
        for referrer in referrers { try await registry.push(referrer, to: name) }
        let expected = referrers.map { $0.descriptor() }.sorted { $0.digest < $1.digest }
        let (all, pages) = try await registry.allReferrers(of: subject, in: name, limit: size)
        #expect(all == expected)
        #expect(pages == (25 + size - 1) / size)
        let even = try await registry.allReferrers(of: subject, in: name, type: "even/x", limit: size)
        #expect(even.descriptors == expected.filter { $0.artifactType == "even/x" })
        let none = try await registry.referrers(of: subject, in: name, artifactType: nil, after: nil, limit: 0)
        #expect(none.descriptors.isEmpty && none.next == nil)
    }

    @Test("A page stays below 4 MiB, with many entries and with large ones")
    func size() async throws {
        let registry = Registry(storage) { $0.manifestCacheBytes = 0 }
        let name = try name("a")
        // Of the longest kind: the largest manifest there may be, nearly all of it annotations.
        let base = Referrer(subject: subject).manifest.utf8.count
        let notes = [1_500_000, 1_500_000, 1_500_000, 30_000, 4 * 1024 * 1024 - base]
        let referrers = notes.enumerated().map { index, size in
            Referrer(subject: subject, note: "\(index)" + String(repeating: "x", count: size - 1))
        }
        for referrer in referrers { try await registry.push(referrer, to: name) }
        var last: RegistryModel.Digest?
        var found: [Descriptor] = []
        repeat {
            let page = try await registry.referrers(of: subject, in: name, artifactType: nil, after: last, limit: nil)
            #expect(page.descriptors.reduce(100) { $0 + $1.json.utf8.count + 1 } <= 4 * 1024 * 1024)
            found += page.descriptors
            last = page.next
        } while last != nil
        #expect(found == referrers.map { $0.descriptor() }.sorted { $0.digest < $1.digest })
    }

    @Test(
        "What one answer reads is bounded, also where nothing is of the type that is asked for",
        arguments: [false, true])
    func reading(unindexed: Bool) async throws {
        let registry = Registry(storage) { $0.referrersReading = 50_000 }
        let name = try name("a")
        let referrers = (0..<300).map {
            Referrer(subject: subject, note: "\($0)" + String(repeating: "x", count: 1000))
        }
        for referrer in referrers { try await registry.push(referrer, to: name) }
        if unindexed {
            storage.forgetOwn()
            storage.fail { call, _ in
                call.kind == .put && call.path.hasPrefix("/mooring") ? .before(StorageError(.permission, "no")) : nil
            }
        }
        var (last, pages): (RegistryModel.Digest?, Int) = (nil, 0)
        repeat {
            storage.forget()
            let page = try await registry.referrers(
                of: subject, in: name, artifactType: "none", after: last, limit: nil)
            #expect(page.descriptors.isEmpty)
            // The first one sees to the index.
            if pages > 0 { #expect(storage.calls.count { $0.kind == .content } <= 70) }
            (last, pages) = (page.next, pages + 1)
        } while last != nil && pages < 100
        #expect(pages >= 4)
        let all = try await registry.allReferrers(of: subject, in: name).descriptors
        #expect(all == referrers.map { $0.descriptor() }.sorted { $0.digest < $1.digest })
    }

    @Test("By SHA-512 a manifest has that name in the list, however it was pushed else; subjects may be by SHA-512")
    func sha512() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let long = digest(of: "the subject need not exist", .sha512)
        let referrer = Referrer(subject: long)
        try await registry.push(referrer, to: name, by: .sha512)
        #expect(try await registry.allReferrers(of: long, in: name).descriptors == [referrer.descriptor(.sha512)])
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors.isEmpty)
        try await registry.put(referrer.manifest, to: name, .tag(try Tag("v1")))
        #expect(try await registry.allReferrers(of: long, in: name).descriptors == [referrer.descriptor(.sha512)])
        // As after somebody removed the longer name only.
        storage.uproot(RegistryLayout.revisionLink(name, digest(of: referrer.manifest, .sha512)).string)
        #expect(try await registry.allReferrers(of: long, in: name).descriptors == [referrer.descriptor()])
        storage.forgetOwn()
        #expect(try await registry.allReferrers(of: long, in: name).descriptors == [referrer.descriptor()])
    }

    @Test("What is deleted is in no list, by either of its names, and leaves nothing behind")
    func delete() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let (one, two) = (Referrer(subject: subject, note: "1"), Referrer(subject: subject, note: "2"))
        for algorithm in [RegistryModel.Digest.Algorithm.sha256, .sha512] {
            try await registry.push(one, to: name)
            try await registry.push(two, to: name, by: .sha512)
            #expect(try await registry.allReferrers(of: subject, in: name).descriptors.count == 2)
            try await registry.deleteManifest(name, .digest(digest(of: two.manifest, algorithm)))
            #expect(try await registry.allReferrers(of: subject, in: name).descriptors == [one.descriptor()])
            for gone in [RegistryModel.Digest.Algorithm.sha256, .sha512] {
                let reference = Reference.digest(digest(of: two.manifest, gone))
                #expect(await failure { _ = try await registry.manifest(name, reference) }?.code == .manifestUnknown)
            }
            #expect(!storage.objects.keys.contains { $0.contains(digest(of: two.manifest, .sha512).hex) })
            #expect(!storage.ownPaths.contains { $0.contains(two.digest.hex) })
        }
    }

    @Test("What was removed without the index is in no list")
    func vanished() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let referrer = Referrer(subject: subject)
        try await registry.push(referrer, to: name)
        storage.uproot(RegistryLayout.revisionLink(name, referrer.digest).string)
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors.isEmpty)
        try await registry.push(referrer, to: name)
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors == [referrer.descriptor()])
    }

    @Test("A broken entry is made up for from the manifest itself", arguments: ["", "{", "null", "[1]", "{}"])
    func brokenEntry(text: String) async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let referrer = Referrer(subject: subject)
        try await registry.push(referrer, to: name)
        let path = RegistryLayout.referrer(name, of: subject, referrer.digest)
        storage.plant(text, at: path.string)
        storage.plant("x", at: "\(RegistryLayout.referrers(name, of: subject))/sha256-00.tmp")
        storage.plant("x", at: "\(RegistryLayout.referrers(name, of: subject))/unknown")
        #expect(try await registry.allReferrers(of: subject, in: name).descriptors == [referrer.descriptor()])
    }
}
