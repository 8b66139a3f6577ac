import RegistryModel
import Synchronization

/// Tags whose manifest is known to have been given by its canonical digest alone, so that this need not be asked of the
/// storage with every pull. At worst, another process having changed that, a pull is answered with the canonical digest,
/// which names the same bytes.
final class TagNames: Sendable {
    /// A tag and what it points to.
    struct Key: Hashable, Sendable {
        let name: RepositoryName
        let tag: Tag
        let digest: Digest
    }

    private static let limit = 16_384
    private let plain = Mutex<Set<Key>>([])

    func isPlain(_ key: Key) -> Bool { plain.withLock { $0.contains(key) } }

    func insert(_ key: Key) {
        plain.withLock { plain in
            // Rare, and all that it costs is to ask again.
            if plain.count >= Self.limit { plain.removeAll(keepingCapacity: true) }
            plain.insert(key)
        }
    }

    func remove(_ key: Key) { plain.withLock { _ = $0.remove(key) } }

    /// Repositories none of whose manifests was pushed by another digest, as far as is known.
    private let plainRepositories = Mutex<Set<RepositoryName>>([])

    func isPlain(_ name: RepositoryName) -> Bool { plainRepositories.withLock { $0.contains(name) } }

    func insert(_ name: RepositoryName) {
        plainRepositories.withLock { names in
            if names.count >= Self.limit { names.removeAll(keepingCapacity: true) }
            names.insert(name)
        }
    }

    func remove(_ name: RepositoryName) { plainRepositories.withLock { _ = $0.remove(name) } }
}
