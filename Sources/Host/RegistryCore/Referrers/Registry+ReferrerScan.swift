import NIOCore
import RegistryModel
import RegistryStorage

// A repository is read when somebody first asks this process for its referrers: Distribution may have filled it, also
// between two times that it was ours, and the index may be lost.
extension Registry {
    /// How long a request waits for a repository to be read.
    private static var patience: Duration { .seconds(20) }

    /// Where the referrers of a repository's manifests are looked for: in the index, once it is complete; in the manifests
    /// themselves where the index may not be written. An index that was complete once is better than none if reading takes
    /// too long.
    /// - Throws: `UNAVAILABLE` if that takes longer than a request may wait; it goes on meanwhile.
    func referrerSource(_ name: RepositoryName) async throws -> ReferrerSource {
        do {
            if referrerScans.isUnwritable(name) { return .manifests }
            let wasComplete = try await exists(RegistryLayout.referrersComplete(name))
            if wasComplete, referrerScans.isDone(name) { return .index }
            // What may not be written to must not change.
            if settings.readOnly { return wasComplete ? .index : .manifests }
            // A name that nothing was pushed to gets no marker: clients could make any number of them.
            guard try await exists(RegistryLayout.revisions(name, .sha256)) else { return .index }
            try await completeIndex(name, wasComplete: wasComplete)
            return .index
        } catch let error as StorageError where error.code == .permission {
            noteUnwritable(name, error)
            return .manifests
        }
    }

    private func completeIndex(_ name: RepositoryName, wasComplete: Bool) async throws {
        let outcome = await referrerScans.run(name, patience: Self.patience) { [self] in
            try await driver.withWorker { try await self.scanReferrers(name) }
        }
        switch outcome {
        case .success: return
        case .failure(let error): throw error
        case nil:
            if wasComplete { return }
            var error = RegistryError(.unavailable, "the repository's manifests are being read for their referrers")
            error.retryAfter = .seconds(10)
            throw error
        }
    }

    /// Reads every manifest of a repository, a page at a time, and writes the entries of those that have a subject. What
    /// is pushed or removed meanwhile, here or by other processes, sees to its own entry; and several processes that do
    /// this at once write the same.
    private func scanReferrers(_ name: RepositoryName) async throws {
        let folder = RegistryLayout.revisions(name, .sha256)
        var cursor = StorageCursor.start
        while true {
            let page = try await driver.list(folder, from: cursor, limit: 1000)
            let digests = page.entries.compactMap { try? Digest("sha256:\($0.name)") }
            _ = try await concurrently(digests) { digest in
                guard let manifest = try await self.readForIndex(digest, in: name).manifest else { return }
                try await self.putReferrer(manifest, in: name)
            }
            guard let last = page.entries.last, page.next != nil else { break }
            cursor = .after(String(last.name))
        }
        try await driver.put(.init(string: "1\n"), at: RegistryLayout.referrersComplete(name), if: nil)
    }

    /// A stored manifest as the index sees it, and how many bytes were read; nil if there is none that can be read, or it
    /// has no subject. It isn't kept in the cache: a scan would drive out what is in use.
    func readForIndex(
        _ digest: Digest, in name: RepositoryName
    ) async throws -> (manifest: IndexedManifest?, bytes: Int) {
        do throws(StorageError) {
            let limit = max(settings.manifestLimit, Manifest.maximumSize)
            let bytes = try await driver.content(at: RegistryLayout.blobData(digest), limit: limit)
            let manifest = try? Manifest(parsing: bytes.readableBytesView, contentType: nil, validation: .stored)
            guard let manifest, manifest.subject != nil else { return (nil, bytes.readableBytes) }
            return (try await indexed(manifest, bytes, canonical: digest, in: name), bytes.readableBytes)
        } catch {
            if error.code == .notFound || error.code == .range { return (nil, 0) }
            throw error
        }
    }
}
