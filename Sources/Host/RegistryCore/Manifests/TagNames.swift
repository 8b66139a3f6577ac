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
}
