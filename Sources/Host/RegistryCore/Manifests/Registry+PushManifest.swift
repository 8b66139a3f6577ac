public import NIOCore
public import RegistryModel
import RegistryStorage

extension Registry {
    /// Stores a manifest, and lets tags point to it.
    /// - Parameters:
    ///   - bytes: the body, exactly as it is to be served.
    ///   - contentType: the body's `Content-Type`.
    ///   - tags: further tags that point to it.
    /// - Returns: the digest, in the algorithm that the reference uses.
    /// - Throws: `MANIFEST_INVALID`, `DIGEST_INVALID`, or one `MANIFEST_BLOB_UNKNOWN` per missing reference.
    @discardableResult
    public func putManifest(
        _ name: RepositoryName, _ reference: Reference, contentType: MediaType?, _ bytes: ByteBuffer, tags: [Tag] = []
    ) async throws(RegistryError) -> (digest: Digest, manifest: Manifest) {
        try requireWritable()
        let (canonical, asked) = try digests(of: bytes, for: reference)
        let manifest: Manifest
        do {
            manifest = try Manifest(parsing: bytes.readableBytesView, contentType: contentType)
        } catch {
            throw RegistryError(.manifestInvalid, "manifest invalid: \(error)")
        }
        var push = ManifestPush(name: name, bytes: bytes, canonical: canonical, asked: asked, tags: tags)
        if case .tag(let tag) = reference { push.tags.insert(tag, at: 0) }
        try await onWorker(of: driver) { [self, push] in
            try await requireReferences(of: manifest, in: name)
            // Deletions of the same manifest come before or after, never in between.
            try await manifestLocks.withLock(.manifest(name, canonical)) { try await store(push, manifest) }
        }
        manifestCache.insert(StoredManifest(digest: canonical, mediaType: manifest.mediaType, bytes: bytes))
        sources.note(canonical, name)
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

    /// Blob before what makes the manifest visible before tags. Its entry in the index of referrers comes before it is
    /// visible, so that nobody sees a signature that isn't listed.
    private func store(_ push: ManifestPush, _ manifest: Manifest) async throws {
        let (name, canonical) = (push.name, push.canonical)
        let data = RegistryLayout.blobData(canonical)
        let stored = looksAreRequests ? nil : try await object(at: data)
        if stored?.size != UInt64(push.bytes.readableBytes) || stored.map(Durability.isSettled) != true {
            try await driver.put(push.bytes, at: data, if: nil)
        }
        let entry = try await indexed(manifest, push.bytes, canonical: canonical, asked: push.asked, in: name)
        try await writeReferrer(entry, in: name)
        // A longer name leads nowhere without the canonical one, which therefore comes last.
        if push.isAlias { try await ensureLink(RegistryLayout.revisionLink(name, push.asked), canonical) }
        try await ensureLink(RegistryLayout.revisionLink(name, canonical), canonical)
        for tag in push.tags {
            try await manifestLocks.withLock(.tag(name, tag)) { try await point(tag, to: push) }
        }
        try await confirm(push)
        try await confirmReferrer(entry, in: name)
    }

    /// Another process may have deleted the same manifest meanwhile, and taken only a part of what was written: what is
    /// acknowledged is there as a whole, as if it had come behind the deletion.
    private func confirm(_ push: ManifestPush) async throws {
        let revision = RegistryLayout.revisionLink(push.name, push.canonical)
        // A tag that is gone while the manifest is there was deleted by its own name, which may well come behind the push.
        if try await hasLink(revision) { return }
        for _ in 0..<16 {
            try await ensureLink(revision, push.canonical)
            var isWhole = true
            for tag in push.tags where try await readLink(RegistryLayout.tagLink(push.name, tag)) == nil {
                isWhole = false
                try await manifestLocks.withLock(.tag(push.name, tag)) { try await point(tag, to: push) }
            }
            if isWhole, try await hasLink(revision) { return }
        }
        var error = RegistryError(.unavailable, "the manifest is being deleted at the same time, again and again")
        error.retryAfter = .seconds(1)
        throw error
    }

    /// The tag's history comes last: nothing but cleaning, and who asks for the name it was given by, reads it. Objects in a
    /// store have no folders that a deletion could leave behind, so there it comes first.
    private func point(_ tag: Tag, to push: ManifestPush) async throws {
        let (name, canonical) = (push.name, push.canonical)
        if looksAreRequests {
            // As Distribution does it: what makes the tag visible comes last, and no deletion in between leaves a part of it.
            try await writeHistory(of: tag, push)
            return try await writeLink(RegistryLayout.tagLink(name, tag), canonical)
        }
        try await writeLink(RegistryLayout.tagLink(name, tag), canonical)
        try await writeHistory(of: tag, push)
        if try await !exists(RegistryLayout.tagLink(name, tag)) { await sweepTag(tag, in: name) }
    }

    private func writeHistory(of tag: Tag, _ push: ManifestPush) async throws {
        let (name, canonical) = (push.name, push.canonical)
        try await ensureLink(RegistryLayout.tagIndexLink(name, tag, canonical), canonical)
        if push.isAlias {
            try await ensureLink(RegistryLayout.tagIndexLink(name, tag, push.asked), canonical)
            tagNames.remove(TagNames.Key(name: name, tag: tag, digest: canonical))
            tagNames.remove(name)
        }
    }

    /// Another process deleted the tag between its link and its history. Each step leaves alone what a further push may
    /// have put there: folders that aren't empty are not removed so.
    private func sweepTag(_ tag: Tag, in name: RepositoryName) async {
        let folder = RegistryLayout.tag(name, tag)
        guard let history = try? folder.appending("index"), let current = try? folder.appending("current") else {
            return
        }
        try? await removeTree(history)
        for emptied in [current, folder] { try? await driver.remove(emptied, tree: false) }
    }
}

/// A manifest on its way into the storage.
private struct ManifestPush: Sendable {
    let name: RepositoryName
    let bytes: ByteBuffer
    /// The digest that names it in the storage.
    let canonical: Digest
    /// The digest that the client names it by.
    let asked: Digest
    var tags: [Tag]

    var isAlias: Bool { asked != canonical }
}
