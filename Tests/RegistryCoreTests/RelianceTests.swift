import NIOCore
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryCore

/// Another process may have made an object visible and been cut off before it was durable.
@Suite("What is relied on is durable")
struct RelianceTests {
    private let storage = TestStorage()
    private let image = Image(layers: ["layer"])
    private var layer: RegistryModel.Digest { digest(of: "layer") }

    private var data: [StoragePath] { image.blobs.map { RegistryLayout.blobData(digest(of: $0)) } }

    private func links(in name: RepositoryName) -> [StoragePath] {
        image.blobs.map { RegistryLayout.layerLink(name, digest(of: $0)) }
    }

    /// All that belongs to a manifest and its tag; the tag's link comes first.
    private func manifest(in name: RepositoryName, _ tag: RegistryModel.Tag) -> [StoragePath] {
        [
            RegistryLayout.tagLink(name, tag), RegistryLayout.tagIndexLink(name, tag, image.digest),
            RegistryLayout.blobData(image.digest), RegistryLayout.revisionLink(name, image.digest),
        ]
    }

    /// Which objects are written.
    private func written(_ body: () async throws -> Void) async throws -> Set<String> {
        storage.forget()
        try await body()
        return Set(storage.calls.filter { [.put, .commit, .move].contains($0.kind) }.map(\.path))
    }

    private func paths(_ paths: [StoragePath]...) -> Set<String> { Set(paths.joined().map(\.string)) }

    @Test("What another process may have written a moment ago is written again")
    func young() async throws {
        let (name, tag) = (try name("a"), try RegistryModel.Tag("t"))
        let first = Registry(storage)
        try await first.push(image, to: name, tag: "t")

        let pushed = try await written { try await Registry(storage).push(image, to: name, tag: "t") }
        #expect(pushed == paths(data, links(in: name), manifest(in: name, tag)))
        let staged = try await written {
            let registry = Registry(storage)
            let begun = try registry.beginUpload(name)
            let session = try await registry.append(.text("layer"), to: UploadReference(name, begun), at: nil)
            try await registry.commitUpload(UploadReference(name, session), digest: layer, body: .empty, at: nil)
        }
        #expect(staged.isSuperset(of: paths([data[1]], [links(in: name)[1]])))
        // Blobs that a client found in the repository.
        let found = try await written {
            try await Registry(storage).put(image.manifest, to: name, .tag(tag))
        }
        #expect(found == paths(links(in: name), manifest(in: name, tag)))
        // What this process has acknowledged itself needs nothing.
        let own = try await written { try await first.put(image.manifest, to: name, .tag(tag)) }
        #expect(own == paths(manifest(in: name, tag)))
        let children = try await written {
            try await Registry(storage).put(Image.index([image.manifest]), to: name, .tag(tag), type: .ociIndex)
        }
        #expect(children.contains(RegistryLayout.revisionLink(name, image.digest).string))
        #expect(storage.violations.isEmpty)
    }

    @Test("A mount writes the link that another process may just have written")
    func mount() async throws {
        let (name, target) = (try name("a"), try name("b"))
        try await Registry(storage).push("layer", to: name)
        for _ in 0..<2 {
            let mounted = try await written {
                let isMounted = try await Registry(storage).mount(layer, from: name, to: target)
                #expect(isMounted)
            }
            #expect(mounted == paths([RegistryLayout.layerLink(target, layer)]))
        }
    }

    @Test("What is old is durable, and stays as it is")
    func old() async throws {
        let (name, tag) = (try name("a"), try RegistryModel.Tag("t"))
        try await Registry(storage).push(image, to: name, tag: "t")
        storage.date(1)
        let found = try await written {
            try await Registry(storage).put(image.manifest, to: name, .tag(tag))
        }
        #expect(found == paths([RegistryLayout.tagLink(name, tag)]))
        let mounted = try await written { _ = try await Registry(storage).mount(layer, from: name, to: name) }
        #expect(mounted.isEmpty)
    }
}
