import NIOCore
import RegistryModel
import RegistryStorage
import Synchronization
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Manifests beside debris and beside others")
struct ManifestDebrisTests {
    private let storage = TestStorage()
    private let image = Image()

    @Test(
        "A link that is cut off, or whose bytes are gone, is no reference; the push says which, and mends what it brings"
    )
    func references() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        for blob in image.blobs { try await registry.push(blob, to: name) }
        let layer = digest(of: "layer")
        let paths = [RegistryLayout.layerLink(name, layer).string, RegistryLayout.blobData(layer).string]
        for (path, text) in [(paths[0], ""), (paths[0], "sha256:"), (paths[1], nil)] as [(String, String?)] {
            if let text { storage.plant(text, at: path) } else { storage.uproot(path) }
            let error = await failure { try await registry.put(image.manifest, to: name, .tag(try Tag("v1"))) }
            #expect(error?.code == .manifestBlobUnknown)
            #expect(error?.detail == .text(layer.description))
            #expect(error?.others.isEmpty == true)
            try await registry.push("layer", to: name)
            #expect(try await registry.text(name, layer) == "layer")
        }
        try await registry.put(image.manifest, to: name, .tag(try Tag("v1")))
    }

    @Test("A manifest whose link is cut off is unknown, the rest is served, and a push mends it")
    func cutLink() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let other = Image(note: "other")
        try await registry.push(image, to: name, tag: "v1")
        try await registry.push(other, to: name, tag: "v2")
        let link = RegistryLayout.revisionLink(name, image.digest).string
        for text in ["", "sha256:0123"] {
            storage.plant(text, at: link)
            storage.plant("x", at: "\(RegistryLayout.revisions(name, .sha256))/unknown.tmp")
            storage.plant("x", at: "\(RegistryLayout.tags(name))/v3.0f.tmp")
            for reference in [Reference.tag(try Tag("v1")), .digest(image.digest)] {
                #expect(await failure { _ = try await registry.manifest(name, reference) }?.code == .manifestUnknown)
            }
            #expect(try await registry.manifest(name, .tag(try Tag("v2"))).digest == other.digest)
            try await registry.push(image, to: name, tag: "v1")
            #expect(storage.objects[link].map { String(buffer: $0) } == image.digest.description)
            #expect(try await registry.manifest(name, .tag(try Tag("v1"))).digest == image.digest)
        }
    }

    @Test("A tag that is moved while its old manifest is deleted stays with the new one")
    func movedTag() async throws {
        let name = try name("a")
        let other = Image(note: "other")
        for seed in 0..<100 {
            let storage = TestStorage()
            let registry = Registry(storage)
            try await registry.push(other, to: name, tag: "other")
            for tag in ["t0", "t1", "t2"] { try await registry.push(image, to: name, tag: tag) }
            let calls = Mutex(seed)
            storage.pause { _ in
                let number = calls.withLock { calls in
                    calls = (calls &* 1_103_515_245 &+ 12_345) & 0x7FFF_FFFF
                    return calls
                }
                for _ in 0..<(number >> 16) % 4 { await Task.yield() }
            }
            async let deletion = failure { try await registry.deleteManifest(name, .digest(image.digest)) }
            async let move = failure { try await registry.put(other.manifest, to: name, .tag(try Tag("t1"))) }
            #expect(await [deletion, move].allSatisfy { $0 == nil })
            storage.pause(nil)
            #expect(try await registry.manifest(name, .tag(try Tag("t1"))).digest == other.digest, "\(seed)")
            #expect(try await registry.tags(name, after: nil, limit: nil).names == ["other", "t1"])
        }
    }

    @Test("A manifest that is pushed while it is deleted is there with its tag, or neither is")
    func pushAndDelete() async throws {
        let name = try name("a")
        for seed in 0..<100 {
            let storage = TestStorage()
            let registry = Registry(storage)
            try await registry.push(Image(note: "other"), to: name, tag: "other")
            try await registry.push(image, to: name, tag: "old")
            let calls = Mutex(seed)
            storage.pause { _ in
                let number = calls.withLock { calls in
                    calls = (calls &* 1_103_515_245 &+ 12_345) & 0x7FFF_FFFF
                    return calls
                }
                for _ in 0..<(number >> 16) % 4 { await Task.yield() }
            }
            async let deletion = failure { try await registry.deleteManifest(name, .digest(image.digest)) }
            async let push = failure { try await registry.put(image.manifest, to: name, .tag(try Tag("new"))) }
            #expect(await [deletion, push].allSatisfy { $0 == nil })
            storage.pause(nil)
            let tags = try await registry.tags(name, after: nil, limit: nil).names
            let isThere = await failure { _ = try await registry.manifest(name, .digest(image.digest)) } == nil
            #expect(tags == (isThere ? ["new", "other"] : ["other"]), "\(seed)")
        }
    }

    @Test("By either name a deletion takes every name and every tag along", arguments: [0, 1, 2])
    func names(which: Int) async throws {
        let registry = Registry(storage)
        let name = try name("a")
        for blob in image.blobs { try await registry.push(blob, to: name) }
        let names = RegistryModel.Digest.Algorithm.allCases.map { digest(of: image.manifest, $0) }
        for (index, digest) in names.enumerated() {
            try await registry.putManifest(
                name, .digest(digest), contentType: .ociManifest, ByteBuffer(string: image.manifest),
                tags: [try Tag("t\(index)")])
        }
        try await registry.deleteManifest(name, .digest(names[which]))
        #expect(!storage.objects.keys.contains { $0.contains("/_manifests/") })
        for digest in names {
            #expect(await failure { _ = try await registry.manifest(name, .digest(digest)) }?.code == .manifestUnknown)
        }
    }
}
