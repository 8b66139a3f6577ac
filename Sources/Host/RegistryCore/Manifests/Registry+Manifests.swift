public import NIOCore
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
            if let cached = manifestCache.manifest(digest) { return cached }
            return try await load(digest, name, reference)
        }
    }

    /// The canonical digest of a manifest that the repository has; nil if it has none by that reference.
    func resolve(_ name: RepositoryName, _ reference: Reference) async throws -> Digest? {
        switch reference {
        case .tag(let tag):
            guard let digest = try await readLink(RegistryLayout.tagLink(name, tag)) else { return nil }
            return try await hasLink(RegistryLayout.revisionLink(name, digest)) ? digest : nil
        case .digest(let digest):
            let link = RegistryLayout.revisionLink(name, digest)
            if digest.algorithm == .sha256 { return try await hasLink(link) ? digest : nil }
            // Who deletes a manifest may know it by its canonical digest alone.
            guard let canonical = try await readLink(link) else { return nil }
            return try await hasLink(RegistryLayout.revisionLink(name, canonical)) ? canonical : nil
        }
    }

    private func load(_ digest: Digest, _ name: RepositoryName, _ reference: Reference) async throws -> StoredManifest {
        let bytes: ByteBuffer
        do {
            // What was stored under a larger limit is still served.
            let limit = max(settings.manifestLimit, Manifest.maximumSize)
            bytes = try await driver.content(at: RegistryLayout.blobData(digest), limit: limit)
        } catch {
            // A link whose data is gone, as an expired cache or a careless rm leaves it, or is far too large for one.
            if error.code == .notFound || error.code == .range { throw unknownManifest(name, reference) }
            throw error
        }
        let mediaType: MediaType
        do {
            mediaType = try Manifest.detectMediaType(of: bytes.readableBytesView)
        } catch {
            // As in an old root: a manifest of schema 1.
            throw RegistryError(.manifestUnknown, "the stored manifest can't be served: \(error)")
        }
        let manifest = StoredManifest(digest: digest, mediaType: mediaType, bytes: bytes)
        manifestCache.insert(manifest)
        return manifest
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

    /// Stores a manifest, and lets a tag point to it.
    /// - Parameters:
    ///   - bytes: the body, exactly as it is to be served.
    ///   - contentType: the body's `Content-Type`.
    /// - Returns: the digest, in the algorithm that the reference uses.
    /// - Throws: `MANIFEST_INVALID`, `DIGEST_INVALID`, or one `MANIFEST_BLOB_UNKNOWN` per missing reference.
    public func putManifest(
        _ name: RepositoryName, _ reference: Reference, contentType: MediaType?, _ bytes: ByteBuffer
    ) async throws(RegistryError) -> (digest: Digest, manifest: Manifest) {
        try requireWritable()
        let (canonical, asked) = try digests(of: bytes, for: reference)
        let manifest: Manifest
        do {
            manifest = try Manifest(parsing: bytes.readableBytesView, contentType: contentType)
        } catch {
            throw RegistryError(.manifestInvalid, "manifest invalid: \(error)")
        }
        try await onWorker(of: driver) { [self] in
            try await requireReferences(of: manifest, in: name)
            try await store(bytes, canonical: canonical, asked: asked, name, reference)
        }
        manifestCache.insert(StoredManifest(digest: canonical, mediaType: manifest.mediaType, bytes: bytes))
        return (asked, manifest)
    }

    private func digests(
        of bytes: ByteBuffer, for reference: Reference
    ) throws(RegistryError) -> (canonical: Digest, asked: Digest) {
        let canonical = ContentHasher.digest(.sha256, of: bytes)
        guard case .digest(let digest) = reference else { return (canonical, canonical) }
        let found = digest.algorithm == .sha256 ? canonical : ContentHasher.digest(digest.algorithm, of: bytes)
        guard found == digest else {
            throw RegistryError(
                .digestInvalid, "the manifest's digest is \(found), not \(digest)", detail: .text(digest.description))
        }
        return (canonical, digest)
    }

    /// Blob before revision link before tag link. The tag's history comes last: nothing but cleaning reads it.
    private func store(
        _ bytes: ByteBuffer, canonical: Digest, asked: Digest, _ name: RepositoryName, _ reference: Reference
    ) async throws {
        let data = RegistryLayout.blobData(canonical)
        if try await size(of: data) != UInt64(bytes.readableBytes) {
            try await driver.put(bytes, at: data, if: nil)
        }
        try await ensureLink(RegistryLayout.revisionLink(name, canonical), canonical)
        if asked != canonical { try await ensureLink(RegistryLayout.revisionLink(name, asked), canonical) }
        guard case .tag(let tag) = reference else { return }
        try await writeLink(RegistryLayout.tagLink(name, tag), canonical)
        try await ensureLink(RegistryLayout.tagIndexLink(name, tag, canonical), canonical)
    }

    func size(of path: StoragePath) async throws(StorageError) -> UInt64? {
        do {
            return try await driver.stat(path).size
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
    }

    private func requireReferences(of manifest: Manifest, in name: RepositoryName) async throws {
        var missing: [RegistryError] = []
        var checked: Set<Digest> = []
        for blob in manifest.blobs where checked.insert(blob.digest).inserted {
            // Layers that may not be distributed lie elsewhere.
            if blob.mediaType.isForeignLayer, !blob.urls.isEmpty { continue }
            if try await hasLink(RegistryLayout.layerLink(name, blob.digest)) { continue }
            // A manifest that is listed as a layer is there as a manifest.
            if blob.mediaType.isManifest, try await hasLink(RegistryLayout.revisionLink(name, blob.digest)) { continue }
            missing.append(.init(.manifestBlobUnknown, detail: .text(blob.digest.description)))
        }
        for child in manifest.children where mustExist(child) && checked.insert(child.digest).inserted {
            if try await hasLink(RegistryLayout.revisionLink(name, child.digest)) { continue }
            missing.append(.init(.manifestBlobUnknown, detail: .text(child.digest.description)))
        }
        guard var first = missing.first else { return }
        first.others = Array(missing.dropFirst())
        throw first
    }

    private func mustExist(_ child: Descriptor) -> Bool {
        switch settings.indexValidation {
        case .all: true
        case .none: false
        case .platforms(let platforms):
            child.platform.map { platforms.contains("\($0.os)/\($0.architecture)") } ?? true
        }
    }

    /// Removes a tag, or a manifest with every tag that points to it. The bytes stay until they are collected.
    public func deleteManifest(_ name: RepositoryName, _ reference: Reference) async throws(RegistryError) {
        try requireDeletes()
        try await onWorker(of: driver) { [self] in
            switch reference {
            case .tag(let tag):
                try await removeTag(tag, in: name)
            case .digest(let digest):
                guard let canonical = try await resolve(name, reference) else { throw unknownManifest(name, reference) }
                // Tags first: a tag that leads nowhere is worse than a manifest without a tag.
                try await removeTags(of: canonical, in: name)
                try await removeTree(RegistryLayout.revision(name, canonical))
                if digest != canonical { try await removeTree(RegistryLayout.revision(name, digest)) }
            }
        }
    }

    /// A tag without its link, as a crash may leave it, is listed, so it can be removed too.
    private func removeTag(_ tag: Tag, in name: RepositoryName) async throws {
        let folder = RegistryLayout.tag(name, tag)
        guard try await exists(folder) else { throw unknownManifest(name, .tag(tag)) }
        try await removeTree(folder)
    }

    private func removeTags(of digest: Digest, in name: RepositoryName) async throws {
        var cursor = StorageCursor.start
        while true {
            let page = try await driver.list(RegistryLayout.tags(name), from: cursor, limit: 1000)
            for entry in page.entries where entry.kind == .prefix {
                guard let tag = try? Tag(entry.name),
                    try await readLink(RegistryLayout.tagLink(name, tag)) == digest
                else { continue }
                try await removeTree(RegistryLayout.tag(name, tag))
            }
            guard let last = page.entries.last, page.next != nil else { return }
            cursor = .after(String(last.name))
        }
    }
}
