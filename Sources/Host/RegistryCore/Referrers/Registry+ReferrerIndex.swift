import Logging
import NIOCore
import RegistryModel
import RegistryStorage

// The index of referrers: for every manifest with a subject one object that holds its descriptor, written before the
// manifest can be seen and removed after it is gone. A crash in between leaves an entry that says too much, never too
// little: readers ask for the manifest's own link before they believe one.
extension Registry {
    /// Writes the entry of a manifest that is about to become visible. An index that may not be written is no reason to
    /// refuse a manifest: this process answers from the manifests then.
    func writeReferrer(_ manifest: IndexedManifest, in name: RepositoryName) async throws(StorageError) {
        do throws(StorageError) {
            try await putReferrer(manifest, in: name)
        } catch {
            guard error.code == .permission else { throw error }
            noteUnwritable(name, error)
        }
    }

    /// As `writeReferrer`, for an index that must be complete.
    func putReferrer(_ manifest: IndexedManifest, in name: RepositoryName) async throws(StorageError) {
        guard let subject = manifest.subject else { return }
        let path = RegistryLayout.referrer(name, of: subject, manifest.canonical)
        try await driver.put(ByteBuffer(string: manifest.descriptor.json), at: path, if: nil)
    }

    /// From now on the repository's manifests are asked, until its index can be written.
    func noteUnwritable(_ name: RepositoryName, _ error: StorageError) {
        guard referrerScans.noteUnwritable(name) else { return }
        logger.warning(
            "the index of referrers can't be written: lists are made from the manifests, which takes longer",
            metadata: ["repository": "\(name)", "path": "\(RegistryLayout.referrers(name))", "error": "\(error)"])
    }

    /// Sees to it that a manifest that is visible now has its entry, whoever may have removed it in the meantime.
    func confirmReferrer(_ manifest: IndexedManifest, in name: RepositoryName) async throws(StorageError) {
        guard let subject = manifest.subject else { return }
        if try await exists(RegistryLayout.referrer(name, of: subject, manifest.canonical)) { return }
        try await writeReferrer(manifest, in: name)
    }

    /// Removes the entry of a manifest whose link is gone. Another process may have pushed it again in the same moment:
    /// it looks for its entry after it wrote the link, and here the link is looked for after the entry went, so that one
    /// of the two restores it.
    func removeReferrer(_ manifest: IndexedManifest, in name: RepositoryName) async throws(StorageError) {
        guard let subject = manifest.subject else { return }
        do throws(StorageError) {
            try await removeObject(RegistryLayout.referrer(name, of: subject, manifest.canonical))
        } catch {
            // Readers don't believe an entry without the manifest's link.
            guard error.code == .permission else { throw error }
        }
        if try await hasLink(RegistryLayout.revisionLink(name, manifest.canonical)) {
            try await writeReferrer(manifest, in: name)
        }
    }

    /// A manifest as the index sees it.
    /// - Parameter asked: the digest by which it is being pushed, if it is.
    func indexed(
        _ manifest: Manifest, _ bytes: ByteBuffer, canonical: Digest, asked: Digest? = nil, in name: RepositoryName
    ) async throws(StorageError) -> IndexedManifest {
        var digest = asked ?? canonical
        if manifest.subject != nil, digest.algorithm == .sha256 {
            // Whoever gave it a longer name looks for that one; the others can follow it too.
            let longer = ContentHasher.digest(.sha512, of: bytes)
            if try await hasLink(RegistryLayout.revisionLink(name, longer)) { digest = longer }
        }
        return IndexedManifest(
            canonical: canonical, subject: manifest.subject?.digest,
            descriptor: manifest.descriptor(digest: digest, size: bytes.readableBytes))
    }

    /// What the index says of one manifest; nil if that can't be read, or has more bytes than the limit.
    func referrerEntry(_ path: StoragePath, limit: Int) async throws(StorageError) -> ReadReferrer? {
        let bytes: ByteBuffer
        do {
            bytes = try await driver.content(at: path, limit: limit)
        } catch {
            if error.code == .notFound || error.code == .range { return nil }
            throw error
        }
        guard let descriptor = try? Descriptor(json: bytes.readableBytesView) else { return nil }
        return ReadReferrer(descriptor: descriptor, bytes: bytes.readableBytes)
    }
}

/// What was found out about one candidate, and what it cost.
struct ReadReferrer: Sendable {
    /// Nil: it isn't in the list.
    var descriptor: Descriptor?
    /// Bytes that were read.
    let bytes: Int
}

/// What the index holds of a manifest.
struct IndexedManifest: Sendable {
    /// The digest that names the entry.
    let canonical: Digest
    /// Whom it refers to; without it there is no entry.
    let subject: Digest?
    /// What the entry says.
    let descriptor: Descriptor
}
