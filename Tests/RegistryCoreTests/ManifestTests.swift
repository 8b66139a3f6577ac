import NIOCore
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Manifests in the registry")
struct ManifestTests {
    private let storage = TestStorage()
    private let image = Image()

    private func load(_ registry: Registry, _ name: RepositoryName, _ reference: Reference) async throws -> String {
        String(buffer: try await registry.manifest(name, reference).bytes)
    }

    private func tag(_ text: String) throws -> Reference { .tag(try Tag(text)) }

    @Test("A push by tag has Distribution's layout, byte for byte")
    func layout() async throws {
        let name = try name("team/app")
        try await Registry(storage).push(image, to: name, tag: "v1")
        let root = "/docker/registry/v2"
        let manifests = "\(root)/repositories/team/app/_manifests"
        let hex = image.digest.hex
        var expected: [String: String] = [
            "\(root)/blobs/sha256/\(hex.prefix(2))/\(hex)/data": image.manifest,
            "\(manifests)/revisions/sha256/\(hex)/link": "sha256:\(hex)",
            "\(manifests)/tags/v1/current/link": "sha256:\(hex)",
            "\(manifests)/tags/v1/index/sha256/\(hex)/link": "sha256:\(hex)",
        ]
        for blob in image.blobs {
            let hex = digest(of: blob).hex
            expected["\(root)/blobs/sha256/\(hex.prefix(2))/\(hex)/data"] = blob
            expected["\(root)/repositories/team/app/_layers/sha256/\(hex)/link"] = "sha256:\(hex)"
        }
        #expect(storage.objects.mapValues(String.init(buffer:)) == expected)
    }

    @Test("A manifest comes back byte for byte by tag and by digest, also without a cache")
    func roundTrip() async throws {
        let name = try name("a")
        try await Registry(storage).push(image, to: name, tag: "v1")
        for cacheBytes in [0, 1 << 20] {
            let registry = Registry(storage) { $0.manifestCacheBytes = cacheBytes }
            for reference in [try tag("v1"), .digest(image.digest), try tag("v1")] {
                let manifest = try await registry.manifest(name, reference)
                #expect(String(buffer: manifest.bytes) == image.manifest)
                #expect(manifest.digest == image.digest)
                #expect(manifest.mediaType == .ociManifest)
            }
        }
    }

    @Test("A tag that moves leads to the newest manifest; the older ones stay by digest")
    func moves() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let images = (0..<3).map { Image(note: "\($0)") }
        for image in images {
            try await registry.push(image, to: name, tag: "latest")
            #expect(try await load(registry, name, try tag("latest")) == image.manifest)
        }
        for image in images { #expect(try await load(registry, name, .digest(image.digest)) == image.manifest) }
        #expect(try await registry.tags(name, after: nil, limit: nil).names == ["latest"])
    }

    @Test("A manifest by SHA-512 is known by both digests")
    func sha512() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        for blob in image.blobs { try await registry.push(blob, to: name) }
        let alias = digest(of: image.manifest, .sha512)
        #expect(try await registry.put(image.manifest, to: name, .digest(alias)) == alias)
        for digest in [alias, image.digest] {
            #expect(try await load(registry, name, .digest(digest)) == image.manifest)
        }
        try await registry.deleteManifest(name, .digest(image.digest))
        #expect(await failure { _ = try await load(registry, name, .digest(alias)) }?.code == .manifestUnknown)
    }

    @Test("A manifest by another's digest is DIGEST_INVALID and stores nothing")
    func digestMismatch() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        for blob in image.blobs { try await registry.push(blob, to: name) }
        let before = storage.objects
        for algorithm in RegistryModel.Digest.Algorithm.allCases {
            let wrong = Reference.digest(digest(of: "other", algorithm))
            let error = await failure { try await registry.put(image.manifest, to: name, wrong) }
            #expect(error?.code == .digestInvalid)
        }
        #expect(storage.objects == before)
    }

    @Test("Missing references are listed one by one, each once, and nothing is stored")
    func missingReferences() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let image = Image(layers: ["one", "two", "three", "two"])
        try await registry.push("two", to: name)
        try await registry.push("one", to: try RegistryCoreTests.name("elsewhere"))
        let before = storage.objects
        let error = try #require(
            await failure { try await registry.put(image.manifest, to: name, try tag("v1")) })
        let all = [error] + error.others
        #expect(all.allSatisfy { $0.code == .manifestBlobUnknown })
        #expect(all.map(\.detail) == ["{}", "one", "three"].map { .text(digest(of: $0).description) })
        #expect(storage.objects == before)
    }

    @Test("An index needs its children as manifests of the same repository, as the operator decides")
    func indexes() async throws {
        let name = try name("a")
        let (one, two) = (Image(note: "1"), Image(note: "2"))
        let index = Image.index([one.manifest, two.manifest])
        let strict = Registry(storage)
        try await strict.push(one, to: name, tag: "one")
        try await strict.push(two, to: try RegistryCoreTests.name("elsewhere"), tag: "two")
        let error = await failure { try await strict.put(index, to: name, try tag("all"), type: .ociIndex) }
        #expect(error?.code == .manifestBlobUnknown)
        #expect(error?.detail == .text(two.digest.description))
        #expect(error?.others.isEmpty == true)
        let lax = Registry(storage) { $0.indexValidation = .none }
        try await lax.put(index, to: name, try tag("sparse"), type: .ociIndex)
        try await strict.push(two, to: name, tag: "two")
        try await strict.put(index, to: name, try tag("all"), type: .ociIndex)
        #expect(try await load(strict, name, try tag("all")) == index)
        #expect(try await strict.manifest(name, try tag("all")).mediaType == .ociIndex)
    }

    @Test("With a list of platforms only their children must be there, and those that say none")
    func platforms() async throws {
        let registry = Registry(storage) { $0.indexValidation = .platforms(["linux/amd64"]) }
        let name = try name("a")
        func index(_ platform: String) -> String {
            let child = Image.descriptor(MediaType.ociManifest.rawValue, "missing", platform)
            return #"{"schemaVersion":2,"mediaType":"\#(MediaType.ociIndex)","manifests":[\#(child)]}"#
        }
        let arm = index(#","platform":{"os":"linux","architecture":"arm64"}"#)
        try await registry.put(arm, to: name, try tag("arm"), type: .ociIndex)
        for platform in ["", #","platform":{"os":"linux","architecture":"amd64"}"#] {
            let error = await failure {
                try await registry.put(index(platform), to: name, try tag("x"), type: .ociIndex)
            }
            #expect(error?.code == .manifestBlobUnknown)
        }
    }

    @Test("Layers that are fetched from elsewhere need not be here, unless they don't say where")
    func foreignLayers() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        try await registry.push("{}", to: name)
        func manifest(_ more: String) -> String {
            let config = Image.descriptor("application/vnd.oci.image.config.v1+json", "{}")
            let layer = Image.descriptor(MediaType.ociForeignLayerGzip.rawValue, "foreign", more)
            return #"{"schemaVersion":2,"config":\#(config),"layers":[\#(layer)]}"#
        }
        let error = await failure { try await registry.put(manifest(""), to: name, try tag("v1")) }
        #expect(error?.code == .manifestBlobUnknown)
        try await registry.put(manifest(#","urls":["https://example.com/layer"]"#), to: name, try tag("v1"))
    }

    @Test(
        "What is no manifest is MANIFEST_INVALID and stores nothing",
        arguments: [
            "", "{", "[]", "null", #"{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[],"history":[]}"#,
            #"{"schemaVersion":2}"#, #"{"schemaVersion":2,"mediaType":"application/json"}"#,
            String(repeating: "[", count: 100_000),
        ])
    func invalid(text: String) async throws {
        let error = await failure { try await Registry(storage).put(text, to: try name("a"), try tag("v1")) }
        #expect(error?.code == .manifestInvalid)
        #expect(storage.calls.isEmpty)
    }

    @Test("A manifest of schema 1 is refused by its type, too")
    func schema1() async throws {
        let error = await failure {
            try await Registry(storage).put(image.manifest, to: try name("a"), try tag("v1"), type: .schema1Signed)
        }
        #expect(error?.code == .manifestInvalid)
    }

    @Test("A read by tag costs the tag, its revision and once the content and the tag's name; by digest one call")
    func cost() async throws {
        let name = try name("a")
        try await Registry(storage).push(image, to: name, tag: "v1")
        let registry = Registry(storage)
        storage.forget()
        _ = try await registry.manifest(name, try tag("v1"))
        // The last one: whether the tag was given with a longer digest.
        #expect(storage.calls.map(\.kind) == [.content, .stat, .content, .stat])
        storage.forget()
        _ = try await registry.manifest(name, try tag("v1"))
        #expect(storage.calls.map(\.kind) == [.content, .stat])
        storage.forget()
        _ = try await registry.manifest(name, .digest(image.digest))
        #expect(storage.calls.map(\.kind) == [.stat])
    }

    @Test("The cache never answers for a repository that hasn't the manifest, or not any more")
    func cacheAndMembership() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        try await registry.push(image, to: name, tag: "v1")
        _ = try await registry.manifest(name, .digest(image.digest))
        let elsewhere = try RegistryCoreTests.name("b")
        let foreign = await failure { _ = try await registry.manifest(elsewhere, .digest(image.digest)) }
        #expect(foreign?.code == .manifestUnknown)
        // Another process deletes it.
        try await Registry(storage).deleteManifest(name, .digest(image.digest))
        for reference in [try tag("v1"), .digest(image.digest)] {
            #expect(await failure { _ = try await registry.manifest(name, reference) }?.code == .manifestUnknown)
        }
    }

    @Test("The cache stays within its bytes, and keeps what is used")
    func cacheBound() {
        let cache = ManifestCache(limit: 100_000)
        func manifest(_ index: Int, _ size: Int) -> StoredManifest {
            let text = String(repeating: "x", count: size) + "\(index)"
            return StoredManifest(
                digest: digest(of: text), mediaType: .ociManifest, bytes: ByteBuffer(string: text))
        }
        let favourite = manifest(-1, 1000)
        cache.insert(favourite)
        for index in 0..<1000 {
            cache.insert(manifest(index, 100 + index * 7 % 5000))
            #expect(cache.manifest(favourite.digest) != nil)
            #expect(cache.size.bytes <= 100_000)
        }
        #expect(cache.size.count > 10)
        cache.insert(manifest(5000, 90_000))
        #expect(cache.manifest(manifest(5000, 90_000).digest) == nil, "one manifest mustn't displace all others")
        let off = ManifestCache(limit: 0)
        off.insert(favourite)
        #expect(off.manifest(favourite.digest) == nil)
    }

    @Test("Stored content that can't be served is unknown, not an error of the server")
    func unservable() async throws {
        let registry = Registry(storage) { $0.manifestLimit = 1000 }
        let name = try name("old")
        let huge = Image(note: String(repeating: "x", count: Manifest.maximumSize))
        for (index, text) in [
            #"{"schemaVersion":1,"name":"old","tag":"v1"}"#, "garbage", "", huge.manifest,
        ].enumerated() {
            let digest = digest(of: text)
            storage.plant(text, at: RegistryLayout.blobData(digest).string)
            storage.plant("\(digest)\n", at: RegistryLayout.revisionLink(name, digest).string)
            storage.plant("\(digest)", at: RegistryLayout.tagLink(name, try Tag("v\(index)")).string)
            for reference in [try tag("v\(index)"), .digest(digest)] {
                let error = await failure { _ = try await registry.manifest(name, reference) }
                #expect(error?.code == .manifestUnknown, "\(text.prefix(50))")
            }
        }
        // A limit that was lowered doesn't hide what is there.
        let large = Image(note: String(repeating: "x", count: 5000))
        try await Registry(storage).push(large, to: name, tag: "large")
        #expect(try await load(registry, name, try tag("large")) == large.manifest)
    }

    @Test("Dangling and broken tags are unknown", arguments: ["", "garbage", "sha256:00", "dangling"])
    func brokenTags(text: String) async throws {
        let registry = Registry(storage)
        let name = try name("a")
        let link = text == "dangling" ? digest(of: "nothing").description : text
        storage.plant(link, at: RegistryLayout.tagLink(name, try Tag("v1")).string)
        #expect(await failure { _ = try await registry.manifest(name, try tag("v1")) }?.code == .manifestUnknown)
        try await registry.deleteManifest(name, try tag("v1"))
        #expect(storage.objects.isEmpty)
    }

    // MARK: Deletion

    @Test("Deleting a tag leaves the manifest and other tags", arguments: [true, false])
    func deleteTag(byTree: Bool) async throws {
        let storage = TestStorage(capabilities: byTree ? [.resume, .removeTree] : [.resume])
        let registry = Registry(storage)
        let name = try name("a")
        for text in ["one", "two", "one.more"] { try await registry.push(image, to: name, tag: text) }
        try await registry.deleteManifest(name, try tag("one"))
        #expect(try await registry.tags(name, after: nil, limit: nil).names == ["one.more", "two"])
        #expect(try await load(registry, name, .digest(image.digest)) == image.manifest)
        #expect(await failure { try await registry.deleteManifest(name, try tag("one")) }?.code == .manifestUnknown)
    }

    @Test("Deleting a manifest takes its tags along, and no others", arguments: [true, false])
    func deleteManifest(byTree: Bool) async throws {
        let storage = TestStorage(capabilities: byTree ? [.resume, .removeTree] : [.resume])
        let registry = Registry(storage)
        let name = try name("a")
        let other = Image(note: "other")
        for index in 0..<5 {
            try await registry.push(image, to: name, tag: "t\(index)")
            try await registry.push(other, to: name, tag: "u\(index)")
        }
        try await registry.deleteManifest(name, .digest(image.digest))
        #expect(try await registry.tags(name, after: nil, limit: nil).names == (0..<5).map { "u\($0)" })
        for reference in [try tag("t0"), .digest(image.digest)] {
            #expect(await failure { _ = try await registry.manifest(name, reference) }?.code == .manifestUnknown)
            #expect(await failure { try await registry.deleteManifest(name, reference) }?.code == .manifestUnknown)
        }
        #expect(try await load(registry, name, try tag("u0")) == other.manifest)
    }

    @Test("Whichever call of a deletion fails, every tag that is left leads to a manifest", arguments: [true, false])
    func deleteFaults(byTree: Bool) async throws {
        var number = 0
        var isPast = false
        while !isPast {
            let storage = TestStorage(capabilities: byTree ? [.resume, .removeTree] : [.resume])
            let registry = Registry(storage)
            let name = try name("a")
            for text in ["one", "two"] { try await registry.push(image, to: name, tag: text) }
            try await registry.push(Image(note: "other"), to: name, tag: "other")
            storage.forget()
            storage.fail { [number] _, current in
                current == number ? .before(StorageError(.unavailable, "injected")) : nil
            }
            let error = await failure { try await registry.deleteManifest(name, .digest(image.digest)) }
            isPast = storage.calls.count <= number
            #expect(isPast == (error == nil))
            storage.fail(nil)
            if error != nil {
                for text in ["one", "two"]
                where storage.objects[RegistryLayout.tagLink(name, try Tag(text)).string] != nil {
                    #expect(try await load(registry, name, try tag(text)) == image.manifest)
                }
                _ = await failure { try await registry.deleteManifest(name, .digest(image.digest)) }
            }
            #expect(try await registry.tags(name, after: nil, limit: nil).names == ["other"], "call \(number)")
            number += 1
        }
    }

    @Test("Two clients that delete the same manifest at once: one succeeds, no one sees a failure of the server")
    func deleteTwice() async throws {
        let registry = Registry(storage)
        let name = try name("a")
        for index in 0..<20 { try await registry.push(image, to: name, tag: "t\(index)") }
        let codes = await withTaskGroup(of: RegistryErrorCode?.self) { group in
            for _ in 0..<8 {
                group.addTask { await failure { try await registry.deleteManifest(name, .digest(image.digest)) }?.code }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(codes.contains(nil))
        #expect(codes.allSatisfy { $0 == nil || $0 == .manifestUnknown }, "\(codes)")
    }
}
