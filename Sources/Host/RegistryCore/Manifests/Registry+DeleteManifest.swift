import NIOCore
public import RegistryModel
import RegistryStorage

extension Registry {
    /// Removes a tag, or a manifest by any of its digests with every tag that points to it. The bytes stay until they are
    /// collected.
    public func deleteManifest(_ name: RepositoryName, _ reference: Reference) async throws(RegistryError) {
        try requireDeletes()
        try await onWorker(of: driver) { [self] in
            switch reference {
            case .tag(let tag): try await removeTag(tag, in: name)
            case .digest(let digest):
                guard let canonical = try await resolve(name, reference) else { throw unknownManifest(name, reference) }
                try await manifestLocks.withLock(.manifest(name, canonical)) {
                    // Someone may have been faster.
                    guard try await resolve(name, reference) == canonical else {
                        throw unknownManifest(name, reference)
                    }
                    try await removeManifest(canonical, asked: digest, in: name)
                }
            }
        }
    }

    /// A tag without its link, as a crash may leave it, is listed, so it can be removed too.
    private func removeTag(_ tag: Tag, in name: RepositoryName) async throws {
        let folder = RegistryLayout.tag(name, tag)
        try await manifestLocks.withLock(.tag(name, tag)) {
            guard try await exists(folder) else { throw unknownManifest(name, .tag(tag)) }
            try await removeTree(folder)
        }
    }

    /// Tags first: a tag that leads nowhere is worse than a manifest without a tag. Then what makes it visible, by every
    /// name; then its entry in the index of referrers.
    private func removeManifest(_ canonical: Digest, asked: Digest, in name: RepositoryName) async throws {
        let stored = try await loadIfServable(canonical)
        // Its other names follow from its bytes.
        var aliases = stored.map { stored in
            [Digest.Algorithm.sha384, .sha512].map { ContentHasher.digest($0, of: stored.bytes) }
        }
        if asked != canonical, aliases?.contains(asked) != true { aliases = (aliases ?? []) + [asked] }
        let names = [canonical] + (aliases ?? [])
        try await removeTags(of: Set(names), in: name)
        for digest in names { try await removeTree(RegistryLayout.revision(name, digest)) }
        // Another process may have pushed the manifest to a tag before the manifest was gone.
        try await removeTags(of: Set(names), in: name, unless: RegistryLayout.revisionLink(name, canonical))
        guard let stored,
            let manifest = try? Manifest(
                parsing: stored.bytes.readableBytesView, contentType: nil, validation: .stored)
        else { return }
        let entry = try await indexed(manifest, stored.bytes, canonical: canonical, in: name)
        try await removeReferrer(entry, in: name)
    }

    /// Reads all tags of the repository, some at once: there is no way back from a manifest to its tags.
    /// - Parameter back: what must not be there if tags are to be removed: then the manifest was pushed again.
    private func removeTags(
        of digests: Set<Digest>, in name: RepositoryName, unless back: StoragePath? = nil
    ) async throws {
        let objects = try await objectsOfTags(in: name)
        var cursor = StorageCursor.start
        while true {
            let page = try await driver.list(RegistryLayout.tags(name), from: cursor, limit: 1000)
            let tags = page.entries.compactMap { $0.kind == .prefix ? try? Tag($0.name) : nil }
            _ = try await concurrently(tags) {
                try await self.removeTag($0, in: name, ifOneOf: digests, unless: back, objects[$0.description])
            }
            guard let last = page.entries.last, page.next != nil else { return }
            cursor = .after(String(last.name))
            // Other requests of this driver's workers get their turn.
            await Task.yield()
        }
    }

    /// What lies below each tag, where a request that lists them all is cheaper than one for each; else nothing.
    private func objectsOfTags(in name: RepositoryName) async throws -> [String: [StoragePath]] {
        guard looksAreRequests, driver.capabilities.isSuperset(of: [.walk, .batchRemove]) else { return [:] }
        let folder = RegistryLayout.tags(name)
        var objects: [String: [StoragePath]] = [:]
        var cursor = StorageCursor.start
        // Beyond that, a list of each tag's own is made.
        for _ in 0..<100 {
            let page = try await driver.walk(folder, from: cursor, limit: 1000)
            for entry in page.entries {
                let rest = entry.path.utf8.dropFirst(folder.string.utf8.count + 1)
                guard let tag = String(rest.prefix { $0 != UInt8(ascii: "/") }) else { continue }
                objects[tag, default: []].append(try StoragePath(entry.path))
            }
            guard let next = page.next else { return objects }
            cursor = .token(next)
        }
        return [:]
    }

    private func removeTag(
        _ tag: Tag, in name: RepositoryName, ifOneOf digests: Set<Digest>, unless back: StoragePath?,
        _ objects: [StoragePath]?
    ) async throws {
        func points() async throws(StorageError) -> Bool {
            try await readLink(RegistryLayout.tagLink(name, tag)).map(digests.contains) ?? false
        }
        if !looksAreRequests { guard try await points() else { return } }
        try await manifestLocks.withLock(.tag(name, tag)) {
            // It may have been moved to another manifest, which must not lose it.
            guard try await points() else { return }
            if let back, try await exists(back) { return }
            guard let objects, objects.count <= 1000 else {
                return try await removeTree(RegistryLayout.tag(name, tag))
            }
            let errors = try await driver.removeBatch(objects).compactMap { $0 }
            if let error = errors.first(where: { $0.code != .notFound }) { throw error }
        }
    }
}
