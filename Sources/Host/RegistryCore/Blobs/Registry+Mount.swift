public import RegistryModel
import RegistryStorage

extension Registry {
    /// Gives a repository a blob that another one has.
    ///
    /// Without a source the blob is looked for where this process has seen it lately: a blob that merely lies in the storage
    /// belongs to nobody a client could be allowed to read. What the target has already is there, wherever it is from.
    /// - Parameters:
    ///   - source: the repository that has it; nil: any.
    ///   - mayPull: whether the client may read a repository.
    /// - Returns: false if that can't be: the client uploads it then.
    public func mount(
        _ digest: Digest, from source: RepositoryName?, to target: RepositoryName,
        mayPull: @escaping @Sendable (RepositoryName) async throws -> Bool
    ) async throws(RegistryError) -> Bool {
        try requireWritable()
        let candidates = source.map { [$0] } ?? [target] + sources.names(digest).filter { $0 != target }
        return try await onWorker(of: driver) { [self] in
            for candidate in candidates where try await mayPull(candidate) {
                if try await mount(digest, from: candidate, to: target) { return true }
            }
            return false
        }
    }

    private func mount(_ digest: Digest, from source: RepositoryName, to target: RepositoryName) async throws -> Bool {
        let canonical: Digest
        do {
            canonical = try await member(source, digest)
        } catch is RegistryError {
            return false
        }
        guard try await size(of: RegistryLayout.blobData(canonical)) != nil else { return false }
        try await ensureLink(RegistryLayout.layerLink(target, canonical), canonical)
        if canonical != digest { try await ensureLink(RegistryLayout.layerLink(target, digest), canonical) }
        sources.note(digest, source)
        sources.note(digest, target)
        return true
    }
}
