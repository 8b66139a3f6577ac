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
            var page = ReferrerPageDraft(limit: limit, bytes: Self.pageBytes)
            var examined = 0
            while examined < Self.pageEntries {
                if cursor.needsPage, let position = cursor.storage {
                    cursor.take(
                        try await driver.list(source.folder(of: subject, in: name), from: position, limit: 256))
                    continue
                }
                let batch = cursor.next(atMost: min(256, Self.pageEntries - examined))
                if batch.isEmpty { return ReferrersPage(descriptors: page.descriptors, next: nil) }
                examined += batch.count
                guard try await fill(&page, with: batch, of: subject, in: name, artifactType) else { break }
            }
            return ReferrersPage(descriptors: page.descriptors, next: page.last)
        }
    }

    /// False: the page is full, and at least one more follows.
    private func fill(
        _ page: inout ReferrerPageDraft, with batch: [ReferrerCandidate], of subject: Digest, in name: RepositoryName,
        _ artifactType: String?
    ) async throws -> Bool {
        let found = try await concurrently(batch) { try await self.lookUp($0, of: subject, in: name) }
        for (candidate, outcome) in zip(batch, found) {
            var descriptor: Descriptor?
            switch outcome {
            case .absent: break
            case .entry(let entry): descriptor = entry
            case .unread: descriptor = try await read(candidate, of: subject, in: name)
            }
            if let descriptor, artifactType == nil || (descriptor.artifactType ?? "") == artifactType {
                guard page.add(descriptor) else { return false }
            }
            page.last = candidate.digest
        }
        return true
    }

    private enum ReferrerLookup: Sendable {
        /// The repository doesn't have it.
        case absent
        case entry(Descriptor)
        /// It has it; what it says must be read from something large.
        case unread
    }

    private func lookUp(
        _ candidate: ReferrerCandidate, of subject: Digest, in name: RepositoryName
    ) async throws -> ReferrerLookup {
        guard try await hasLink(RegistryLayout.revisionLink(name, candidate.digest)) else { return .absent }
        let path = RegistryLayout.referrer(name, of: subject, candidate.digest)
        guard candidate.isIndexed, let entry = try await referrerEntry(path, limit: Self.smallEntry) else {
            return .unread
        }
        return .entry(try await named(entry, candidate.digest, in: name))
    }

    /// From the whole entry, else from the manifest itself; nil if that refers to something else or can't be read.
    private func read(
        _ candidate: ReferrerCandidate, of subject: Digest, in name: RepositoryName
    ) async throws -> Descriptor? {
        let path = RegistryLayout.referrer(name, of: subject, candidate.digest)
        let limit = 2 * max(settings.manifestLimit, Manifest.maximumSize)
        if candidate.isIndexed, let entry = try await referrerEntry(path, limit: limit) {
            return try await named(entry, candidate.digest, in: name)
        }
        guard let manifest = try await readForIndex(candidate.digest, in: name), manifest.subject == subject else {
            return nil
        }
        return manifest.descriptor
    }

    /// The entry under a name that the repository knows the manifest by: the longer one may be gone.
    private func named(_ entry: Descriptor, _ canonical: Digest, in name: RepositoryName) async throws -> Descriptor {
        if entry.digest == canonical { return entry }
        if try await resolve(name, .digest(entry.digest)) == canonical { return entry }
        var entry = entry
        entry.digest = canonical
        return entry
    }
}
