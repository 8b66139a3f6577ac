import NIOCore
public import RegistryModel
import RegistryStorage

extension Registry {
    /// The manifest that a reference names in a repository.
    /// - Throws: `MANIFEST_UNKNOWN` if the repository has none.
    public func manifest(
        _ name: RepositoryName, _ reference: Reference
    ) async throws(RegistryError) -> StoredManifest {
        try await onLookups(of: driver) { [self] in
            guard let digest = try await resolve(name, reference) else { throw unknownManifest(name, reference) }
            var manifest = try await load(digest, name, reference)
            switch reference {
            case .digest(let asked): manifest.answeredDigest = asked
            case .tag(let tag): manifest.answeredDigest = try await digestGiven(with: tag, of: manifest, in: name)
            }
            return manifest
        }
    }

    /// The canonical digest of a manifest that the repository has; nil if it has none by that reference.
    func resolve(_ name: RepositoryName, _ reference: Reference) async throws(StorageError) -> Digest? {
        switch reference {
        case .tag(let tag):
            guard let digest = try await readLink(RegistryLayout.tagLink(name, tag)) else { return nil }
            return try await resolve(name, .digest(digest))
        case .digest(let digest):
            let link = RegistryLayout.revisionLink(name, digest)
            if digest.algorithm == .sha256 { return try await hasLink(link) ? digest : nil }
            // Who deletes a manifest may know it by its canonical digest alone.
            guard let canonical = try await readLink(link) else { return nil }
            return try await hasLink(RegistryLayout.revisionLink(name, canonical)) ? canonical : nil
        }
    }

    /// By which digest a tag was given: links hold the canonical one, as Distribution reads them, but a client that pushed
    /// by SHA-512 and verifies what it pulls expects that one. The tag's history has it.
    private func digestGiven(
        with tag: Tag, of manifest: StoredManifest, in name: RepositoryName
    ) async throws(StorageError) -> Digest {
        let key = TagNames.Key(name: name, tag: tag, digest: manifest.digest)
        if tagNames.isPlain(key) { return manifest.digest }
        if looksAreRequests, try await hasNoOtherNames(name) { return manifest.digest }
        let longer = ContentHasher.digest(.sha512, of: manifest.bytes)
        if try await hasLink(RegistryLayout.tagIndexLink(name, tag, longer)),
            try await resolve(name, .digest(longer)) == manifest.digest
        {
            return longer
        }
        tagNames.insert(key)
        return manifest.digest
    }

    /// Whether no manifest of a repository was pushed by another digest: one question for all of its tags.
    private func hasNoOtherNames(_ name: RepositoryName) async throws(StorageError) -> Bool {
        if tagNames.isPlain(name) { return true }
        let folder = RegistryLayout.revisions(name, .sha512)
        guard try await driver.list(folder, from: .start, limit: 1).entries.isEmpty else { return false }
        tagNames.insert(name)
        return true
    }

    private func load(_ digest: Digest, _ name: RepositoryName, _ reference: Reference) async throws -> StoredManifest {
        switch try await stored(digest) {
        case .success(let manifest)?: return manifest
        case nil: throw unknownManifest(name, reference)
        case .failure(let error)?:
            var unknown = unknownManifest(name, reference)
            unknown.message = "the stored manifest can't be served: \(error)"
            throw unknown
        }
    }

    /// The manifest that a link leads to, if it can be served.
    func loadIfServable(_ digest: Digest) async throws(StorageError) -> StoredManifest? {
        try await stored(digest).flatMap { try? $0.get() }
    }

    /// What a link leads to; nil if its data is gone, as an expired cache or a careless rm leaves it, or is far too large
    /// for a manifest. What can't be served is of schema 1, as in an old root, or no manifest at all.
    private func stored(_ digest: Digest) async throws(StorageError) -> Result<StoredManifest, ManifestError>? {
        if let cached = manifestCache.manifest(digest) { return .success(cached) }
        let bytes: ByteBuffer
        do {
            // What was stored under a larger limit is still served.
            let limit = max(settings.manifestLimit, Manifest.maximumSize)
            bytes = try await driver.content(at: RegistryLayout.blobData(digest), limit: limit)
        } catch {
            if error.code == .notFound || error.code == .range { return nil }
            throw error
        }
        do throws(ManifestError) {
            let mediaType = try Manifest.detectMediaType(of: bytes.readableBytesView)
            let manifest = StoredManifest(digest: digest, mediaType: mediaType, bytes: bytes)
            manifestCache.insert(manifest)
            return .success(manifest)
        } catch {
            return .failure(error)
        }
    }

    func unknownManifest(_ name: RepositoryName, _ reference: Reference) -> RegistryError {
        let key =
            switch reference {
            case .tag: "Tag"
            case .digest: "Digest"
            }
        return RegistryError(
            .manifestUnknown, detail: .fields(["Name": name.description, key: reference.description]))
    }

    func size(of path: StoragePath) async throws(StorageError) -> UInt64? {
        do {
            return try await driver.stat(path).size
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
    }
}
