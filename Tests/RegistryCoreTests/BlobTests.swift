import NIOCore
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Blobs")
struct BlobTests {
    private let storage = TestStorage()

    @Test("A blob of another repository is unknown")
    func membership() async throws {
        let registry = Registry(storage)
        let digest = try await registry.push("content", to: try name("a"))
        for other in ["b", "a/b"] {
            #expect(await failure { _ = try await registry.blobStatus(try name(other), digest) }?.code == .blobUnknown)
            #expect(await failure { _ = try await registry.text(try name(other), digest) }?.code == .blobUnknown)
        }
    }

    @Test("A status costs two calls, a read two more, also of a part")
    func cost() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let digest = try await registry.push("0123456789", to: name)
        storage.forget()
        _ = try await registry.blobStatus(name, digest)
        #expect(storage.calls.map(\.kind) == [.stat, .stat])
        storage.forget()
        _ = try await registry.text(name, digest)
        #expect(storage.calls.map(\.kind) == [.stat, .openReader, .read])
        storage.forget()
        _ = try await registry.text(name, digest, range: .from(2, through: 5))
        #expect(storage.calls.map(\.kind) == [.stat, .openReader, .read])
    }

    @Test(
        "Parts of ten bytes",
        arguments: [
            (BlobRange.from(0, through: nil), "0123456789"), (.from(0, through: 0), "0"), (.from(3, through: 5), "345"),
            (.from(9, through: nil), "9"), (.from(9, through: .max), "9"), (.from(0, through: .max), "0123456789"),
            (.last(1), "9"), (.last(10), "0123456789"), (.last(.max), "0123456789"), (.from(5, through: 4), "56789"),
        ])
    func parts(range: BlobRange, expected: String) async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let digest = try await registry.push("0123456789", to: name)
        #expect(try await registry.text(name, digest, range: range) == expected)
        #expect(storage.violations.isEmpty, "\(storage.violations)")
    }

    @Test(
        "Parts that lie behind the end are RANGE_INVALID with the size",
        arguments: [BlobRange.from(10, through: nil), .from(11, through: 12), .from(.max, through: .max), .last(0)])
    func unsatisfiable(range: BlobRange) async throws {
        let registry = Registry(storage)
        let digest = try await registry.push("0123456789", to: try name("a"))
        let error = await failure { _ = try await registry.text(try name("a"), digest, range: range) }
        #expect(error?.code == .rangeInvalid)
        #expect(error?.detail == .fields(["size": "10"]))
        #expect(storage.violations.isEmpty, "\(storage.violations)")
    }

    @Test(
        "A blob without bytes is given whole, whatever part is asked for",
        arguments: [BlobRange.from(0, through: nil), .from(5, through: 6), .last(1), .last(0)])
    func partsOfNothing(range: BlobRange) async throws {
        let registry = Registry(storage)
        let digest = try await registry.push("", to: try name("a"))
        #expect(try await registry.text(try name("a"), digest, range: range).isEmpty)
    }

    @Test("A link whose data is gone is an unknown blob")
    func dangling() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let digest = try await registry.push("content", to: name)
        storage.uproot(RegistryLayout.blobData(digest).string)
        #expect(await failure { _ = try await registry.blobStatus(name, digest) }?.code == .blobUnknown)
        for range in [nil, BlobRange.from(1, through: 2), .last(1)] {
            #expect(await failure { _ = try await registry.text(name, digest, range: range) }?.code == .blobUnknown)
        }
        #expect(try await !registry.mount(digest, from: name, to: try RegistryCoreTests.name("b")))
    }

    @Test("A large blob is given as a reader, a small one as bytes")
    func sources() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        for (size, isSmall) in [(65_536, true), (65_537, false)] {
            let content = String(repeating: "x", count: size)
            let source = try await registry.blob(name, try await registry.push(content, to: name)).source
            switch source {
            case .bytes(let bytes): #expect(isSmall && bytes.readableBytes == size)
            case .reader(let reader):
                #expect(!isSmall && reader.length == UInt64(size))
                reader.close()
            }
        }
    }

    @Test("A mount links what the other repository has, and nothing else")
    func mount() async throws {
        let registry = Registry(storage)
        let (source, target) = (try name("source"), try name("target"))
        let digest = try await registry.push("content", to: source)
        #expect(try await registry.mount(digest, from: source, to: target))
        #expect(try await registry.text(target, digest) == "content")
        #expect(try await registry.mount(digest, from: source, to: source))
        #expect(try await !registry.mount(RegistryCoreTests.digest(of: "other"), from: source, to: target))
        #expect(try await !registry.mount(digest, from: try name("nowhere"), to: try name("third")))
        #expect(await failure { _ = try await registry.blobStatus(try name("third"), digest) } != nil)
    }

    @Test("A mount by SHA-512 is found by both digests")
    func mountByAlias() async throws {
        let registry = Registry(storage)
        let alias = digest(of: "content", .sha512)
        try await registry.push(.text("content"), alias, to: try name("source"))
        #expect(try await registry.mount(alias, from: try name("source"), to: try name("target")))
        for digest in [alias, digest(of: "content")] {
            #expect(try await registry.text(try name("target"), digest) == "content")
        }
    }

    @Test("A blob is deleted from one repository; the second time it is unknown")
    func delete() async throws {
        let registry = Registry(storage)
        let digest = try await registry.push("content", to: try name("a"))
        try await registry.push("content", to: try name("b"))
        try await registry.deleteBlob(try name("a"), digest)
        #expect(await failure { try await registry.deleteBlob(try name("a"), digest) }?.code == .blobUnknown)
        #expect(await failure { _ = try await registry.blobStatus(try name("a"), digest) }?.code == .blobUnknown)
        #expect(try await registry.text(try name("b"), digest) == "content")
    }

    @Test("Deletion that is off, and a read-only registry, refuse before they look")
    func deleteRefused() async throws {
        let digest = try await Registry(storage).push("content", to: try name("a"))
        for registry in [Registry(storage) { $0.deleteEnabled = false }, Registry(storage) { $0.readOnly = true }] {
            storage.forget()
            #expect(await failure { try await registry.deleteBlob(try name("a"), digest) }?.code == .unsupported)
            for reference in [Reference.digest(digest), .tag(try Tag("latest"))] {
                let error = await failure { try await registry.deleteManifest(try name("a"), reference) }
                #expect(error?.code == .unsupported)
            }
            #expect(storage.calls.isEmpty)
        }
    }

    @Test("A redirect is given for what the repository has, if the driver can and the operator wants")
    func redirects() async throws {
        let storage = TestStorage(capabilities: [.resume, .removeTree, .redirectGet])
        storage.redirect { "https://bucket\($0.path)?agent=\($0.userAgent)" }
        let registry = Registry(storage)
        let name = try name("a")
        let digest = try await registry.push("content", to: name)
        func url(_ registry: Registry, _ digest: RegistryModel.Digest) async throws -> String? {
            try await registry.redirect(name, digest, headOnly: false, clientAddress: "::1", userAgent: "curl")
        }
        #expect(try await url(registry, digest) == "https://bucket\(RegistryLayout.blobData(digest))?agent=curl")
        #expect(
            await failure { _ = try await url(registry, RegistryCoreTests.digest(of: "no")) }?.code == .blobUnknown)
        #expect(try await url(Registry(storage) { $0.redirects = false }, digest) == nil)
    }

    @Test(
        "Links are read leniently, and broken ones are none",
        arguments: ["", " ", "\n", "sha256:abc", "garbage", "\u{0}"])
    func corruptLinks(text: String) async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let alias = digest(of: "content", .sha512)
        try await registry.push(.text("content"), alias, to: name)
        let link = RegistryLayout.layerLink(name, alias).string
        storage.plant(" \(digest(of: "content"))\n", at: link)
        #expect(try await registry.text(name, alias) == "content")
        storage.plant(text, at: link)
        #expect(await failure { _ = try await registry.blobStatus(name, alias) }?.code == .blobUnknown)
        storage.plant(String(repeating: "x", count: 5000), at: link)
        #expect(await failure { _ = try await registry.blobStatus(name, alias) }?.code == .blobUnknown)
    }
}
