import NIOCore
import RegistryModel
import RegistryStorage
import TestSupport

@testable import RegistryCore

/// A manifest that refers to another one.
struct Referrer: Sendable {
    let subject: RegistryModel.Digest
    var note = ""
    var artifactType: String? = "application/vnd.test.signature"
    var isIndex = false

    var type: MediaType { isIndex ? .ociIndex : .ociManifest }
    var digest: RegistryModel.Digest { RegistryCoreTests.digest(of: manifest) }

    var manifest: String {
        let subject = #""subject":{"mediaType":"\#(MediaType.ociManifest)","digest":"\#(subject)","size":2}"#
        let kind = artifactType.map { #""artifactType":"\#($0)","# } ?? ""
        let content =
            isIndex
            ? #""manifests":[]"#
            : #""config":\#(Image.descriptor("application/vnd.test.config", "{}")),"layers":[]"#
        return """
            {"schemaVersion":2,"mediaType":"\(type)",\(kind)\(content),\(subject),"annotations":{"note":"\(note)"}}
            """
    }

    /// What a list says of it.
    func descriptor(_ algorithm: RegistryModel.Digest.Algorithm = .sha256) -> Descriptor {
        Descriptor(
            mediaType: type, digest: RegistryCoreTests.digest(of: manifest, algorithm),
            size: Int64(manifest.utf8.count), annotations: ["note": note],
            artifactType: artifactType ?? (isIndex ? nil : "application/vnd.test.config"))
    }
}

extension Registry {
    /// Pushes what a referrer needs, and itself by its digest.
    func push(
        _ referrer: Referrer, to name: RepositoryName, by algorithm: RegistryModel.Digest.Algorithm = .sha256
    ) async throws {
        try await push("{}", to: name)
        let digest = RegistryCoreTests.digest(of: referrer.manifest, algorithm)
        try await put(referrer.manifest, to: name, .digest(digest), type: referrer.type)
    }

    /// All pages of a list, and how many there were.
    func allReferrers(
        of subject: RegistryModel.Digest, in name: RepositoryName, type: String? = nil, limit: Int? = nil
    ) async throws -> (descriptors: [Descriptor], pages: Int) {
        var descriptors: [Descriptor] = []
        var last: RegistryModel.Digest?
        var pages = 0
        repeat {
            let page = try await referrers(of: subject, in: name, artifactType: type, after: last, limit: limit)
            descriptors += page.descriptors
            last = page.next
            pages += 1
        } while last != nil && pages < 10_000
        return (descriptors, pages)
    }
}

extension TestStorage {
    /// Removes what Distribution doesn't know, as in a root that it wrote.
    func forgetOwn() {
        for path in objects.keys where path.hasPrefix(RegistryLayout.own.string) { uproot(path) }
    }

    /// Paths of the index.
    var ownPaths: [String] { objects.keys.filter { $0.hasPrefix(RegistryLayout.own.string) }.sorted() }
}
