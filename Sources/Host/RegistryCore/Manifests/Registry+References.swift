import RegistryModel
import RegistryStorage

// What a manifest refers to must be in the same repository, where it could be pulled: a link, and the bytes it leads to.
extension Registry {
    /// Errors that one answer lists; who misses more has enough to do.
    private static var maximumErrors: Int { 1000 }

    func requireReferences(of manifest: Manifest, in name: RepositoryName) async throws {
        var errors = try settings.urlRules.violations(in: manifest)
        var checked: Set<Digest> = []
        for blob in manifest.blobs where checked.insert(blob.digest).inserted && errors.count < Self.maximumErrors {
            // Layers that may not be distributed lie elsewhere.
            if blob.mediaType.isForeignLayer, !blob.urls.isEmpty { continue }
            if try await hasBlob(blob.digest, in: name) { continue }
            // A manifest that is listed as a layer is there as a manifest.
            if blob.mediaType.isManifest, try await hasManifest(blob.digest, in: name) { continue }
            errors.append(.init(.manifestBlobUnknown, detail: .text(blob.digest.description)))
        }
        for child in manifest.children
        where mustExist(child) && checked.insert(child.digest).inserted && errors.count < Self.maximumErrors {
            if try await hasManifest(child.digest, in: name) { continue }
            errors.append(.init(.manifestBlobUnknown, detail: .text(child.digest.description)))
        }
        guard var first = errors.first else { return }
        first.others = Array(errors.dropFirst())
        throw first
    }

    private func hasBlob(_ digest: Digest, in name: RepositoryName) async throws -> Bool {
        do {
            let canonical = try await member(name, digest)
            // A link comes behind the bytes; a client has just looked for them, or sent them. Where a look is a request it
            // isn't made again for each layer.
            if looksAreRequests { return true }
            guard try await size(of: RegistryLayout.blobData(canonical)) != nil else { return false }
            try await settleLink(RegistryLayout.layerLink(name, canonical), canonical, in: name)
            return true
        } catch is RegistryError {
            return false
        }
    }

    private func hasManifest(_ digest: Digest, in name: RepositoryName) async throws(StorageError) -> Bool {
        guard let canonical = try await resolve(name, .digest(digest)) else { return false }
        if looksAreRequests { return true }
        guard try await size(of: RegistryLayout.blobData(canonical)) != nil else { return false }
        try await settleLink(RegistryLayout.revisionLink(name, canonical), canonical, in: name)
        return true
    }

    private func mustExist(_ child: Descriptor) -> Bool {
        switch settings.indexValidation {
        case .all: true
        case .none: false
        case .platforms(let platforms):
            child.platform.map { platforms.contains("\($0.os)/\($0.architecture)") } ?? true
        }
    }
}
