public import RegistryModel
import RegistryStorage

/// Part of the list of a manifest's referrers.
public struct ReferrersPage: Sendable {
    /// What refers to it, in the order of the canonical digests.
    public let descriptors: [Descriptor]
    /// Behind which digest the next part begins; nil on the last one.
    public let next: Digest?
}

extension Registry {
    /// Bytes of descriptors in one answer. Clients read no more than 4 MiB of a manifest, and this is served as one.
    private static var pageBytes: Int { 4 * 1024 * 1024 - 64 * 1024 }
    /// Candidates looked at for one answer, whether they are what is asked for or not.
    private static var pageEntries: Int { 4096 }
    /// Candidates looked up at a time.
    private static var batch: Int { 64 }
    /// Entries larger than this are read one by one, so that many of them don't fill the memory.
    private static var smallEntry: Int { 64 * 1024 }

    /// The manifests of a repository whose `subject` is a digest, which need not exist; of a repository that doesn't exist
    /// there are none (OCI Distribution Spec, "Listing Referrers").
    ///
    /// Each entry is checked against the repository, so that the answer names no manifest that is gone. Those are included
    /// that clients list under the referrers tag, as they do with registries that have no such list. Where the index can't
    /// be written, as on a root that is mounted read-only, the repository's manifests are read instead.
    /// - Parameters:
    ///   - artifactType: only those of this type; empty: only those without one.
    ///   - last: begins behind this canonical digest, whether it is in the list or not.
    ///   - limit: how many at most.
    public func referrers(
        of subject: Digest, in name: RepositoryName, artifactType: String?, after last: Digest?, limit: Int?
    ) async throws(RegistryError) -> ReferrersPage {
        let limit = min(limit ?? settings.referrersMaximum, settings.referrersMaximum)
        guard limit > 0 else { return ReferrersPage(descriptors: [], next: nil) }
        return try await onWorker(of: driver) { [self] in
            let source = try await referrerSource(name)
            let fallback = try await fallbackReferrers(of: subject, in: name)
            var cursor = ReferrerCursor(source, fallback: fallback, after: last)
            var page = ReferrerPageDraft(limit: limit, bytes: Self.pageBytes, reading: settings.referrersReading)
            var examined = 0
            while examined < Self.pageEntries, page.mayRead {
                if cursor.needsPage, let position = cursor.storage {
                    cursor.take(
                        try await driver.list(source.folder(of: subject, in: name), from: position, limit: 256))
                    continue
                }
                let batch = cursor.next(atMost: min(Self.batch, Self.pageEntries - examined))
                if batch.isEmpty { return ReferrersPage(descriptors: page.descriptors, next: nil) }
                examined += batch.count
                guard try await fill(&page, with: batch, of: subject, in: name, artifactType) else { break }
            }
            return ReferrersPage(descriptors: page.descriptors, next: page.last)
        }
    }

    /// False: the page is full, or cost enough, and at least one more follows.
    private func fill(
        _ page: inout ReferrerPageDraft, with batch: [ReferrerCandidate], of subject: Digest, in name: RepositoryName,
        _ artifactType: String?
    ) async throws -> Bool {
        let found = try await concurrently(batch) { try await self.lookUp($0, of: subject, in: name) }
        for (candidate, known) in zip(batch, found) {
            var outcome = known
            if outcome == nil {
                guard page.mayRead else { return false }
                outcome = try await read(candidate, of: subject, in: name)
            }
            page.note(read: outcome?.bytes ?? 0)
            if let descriptor = outcome?.descriptor,
                artifactType == nil || (descriptor.artifactType ?? "") == artifactType
            {
                guard page.add(descriptor) else { return false }
            }
            page.last = candidate.digest
        }
        return true
    }

    /// Nil: the repository has it, and what it says is too large to be held with others.
    private func lookUp(
        _ candidate: ReferrerCandidate, of subject: Digest, in name: RepositoryName
    ) async throws -> ReadReferrer? {
        guard try await hasLink(RegistryLayout.revisionLink(name, candidate.digest)) else {
            return ReadReferrer(descriptor: nil, bytes: 0)
        }
        guard candidate.isIndexed else {
            let read = try await readManifest(candidate, of: subject, in: name)
            return (read.descriptor?.json.utf8.count ?? 0) <= Self.smallEntry ? read : nil
        }
        let path = RegistryLayout.referrer(name, of: subject, candidate.digest)
        return try await named(try await referrerEntry(path, limit: Self.smallEntry), candidate.digest, in: name)
    }

    /// From the whole entry, else from the manifest itself.
    private func read(
        _ candidate: ReferrerCandidate, of subject: Digest, in name: RepositoryName
    ) async throws -> ReadReferrer {
        let path = RegistryLayout.referrer(name, of: subject, candidate.digest)
        let limit = 2 * max(settings.manifestLimit, Manifest.maximumSize)
        if candidate.isIndexed {
            let entry = try await referrerEntry(path, limit: limit)
            if let entry = try await named(entry, candidate.digest, in: name) { return entry }
        }
        return try await readManifest(candidate, of: subject, in: name)
    }

    /// What the manifest itself says, if it refers to the subject and can be read.
    private func readManifest(
        _ candidate: ReferrerCandidate, of subject: Digest, in name: RepositoryName
    ) async throws -> ReadReferrer {
        let (manifest, bytes) = try await readForIndex(candidate.digest, in: name)
        guard let manifest, manifest.subject == subject else { return ReadReferrer(descriptor: nil, bytes: bytes) }
        return ReadReferrer(descriptor: manifest.descriptor, bytes: bytes)
    }

    /// The entry under a name that the repository knows the manifest by: the longer one may be gone.
    private func named(
        _ entry: ReadReferrer?, _ canonical: Digest, in name: RepositoryName
    ) async throws -> ReadReferrer? {
        guard var entry, let digest = entry.descriptor?.digest else { return entry }
        if digest == canonical { return entry }
        if try await resolve(name, .digest(digest)) == canonical { return entry }
        entry.descriptor?.digest = canonical
        return entry
    }
}
