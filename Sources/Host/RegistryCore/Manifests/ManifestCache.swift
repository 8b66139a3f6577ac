public import NIOCore
public import RegistryModel
import Synchronization

/// A manifest's bytes, as they are served.
public struct StoredManifest: Sendable {
    /// The digest that names it in the storage, SHA-256.
    public let digest: Digest
    /// The digest that the client knows it by: the one it asked for, or the one its tag was given with.
    public internal(set) var answeredDigest: Digest
    /// The type it is served as.
    public let mediaType: MediaType
    /// The bytes, exactly as they were pushed.
    public let bytes: ByteBuffer

    init(digest: Digest, mediaType: MediaType, bytes: ByteBuffer) {
        self.digest = digest
        answeredDigest = digest
        self.mediaType = mediaType
        self.bytes = bytes
    }
}

/// Manifests by digest, bounded in bytes. They never change, so an entry is never stale; whether a repository has one is
/// asked of the storage each time.
final class ManifestCache: Sendable {
    private struct Entry {
        var manifest: StoredManifest
        var used: Bool
    }

    private struct State {
        var entries: [Digest: Entry] = [:]
        var order: [Digest] = []
        var hand = 0
        var bytes = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: bytes; 0 turns the cache off.
    init(limit: Int) {
        self.limit = limit
    }

    func manifest(_ digest: Digest) -> StoredManifest? {
        state.withLock { state in
            guard let index = state.entries.index(forKey: digest) else { return nil }
            state.entries.values[index].used = true
            return state.entries.values[index].manifest
        }
    }

    func insert(_ manifest: StoredManifest) {
        let size = cost(manifest)
        guard size <= limit / 4 else { return }
        state.withLock { state in
            guard state.entries[manifest.digest] == nil else { return }
            while state.bytes + size > limit, evictOne(&state) {}
            state.entries[manifest.digest] = Entry(manifest: manifest, used: false)
            state.order.append(manifest.digest)
            state.bytes += size
        }
    }

    /// Bytes held, and how many manifests they are; for tests.
    var size: (bytes: Int, count: Int) { state.withLock { ($0.bytes, $0.entries.count) } }

    private func cost(_ manifest: StoredManifest) -> Int { manifest.bytes.storageCapacity + 512 }

    /// The clock algorithm: what was used since the hand last passed gets another round.
    private func evictOne(_ state: inout State) -> Bool {
        while !state.order.isEmpty {
            if state.hand >= state.order.count { state.hand = 0 }
            let digest = state.order[state.hand]
            if state.entries[digest]?.used == true {
                state.entries[digest]?.used = false
                state.hand += 1
                continue
            }
            if let entry = state.entries.removeValue(forKey: digest) { state.bytes -= cost(entry.manifest) }
            state.order[state.hand] = state.order[state.order.count - 1]
            state.order.removeLast()
            return true
        }
        return false
    }
}
