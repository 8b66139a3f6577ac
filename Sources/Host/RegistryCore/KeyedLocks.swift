import RegistryModel
import Synchronization

/// Makes tasks of this process that change the same thing follow one another. Other processes are not held up: what they
/// may do in between is for the order of the storage calls to stand.
final class KeyedLocks<Key: Hashable & Sendable>: Sendable {
    private struct State {
        /// Who waits for a key that is held, first come first served.
        var waiting: [Key: [CheckedContinuation<Void, Never>]] = [:]
    }

    private let state = Mutex(State())

    /// Runs `body` while nobody else runs one for the same key. Whoever holds two locks takes them in one fixed order.
    func withLock<Value: Sendable>(_ key: Key, _ body: () async throws -> Value) async rethrows -> Value {
        await acquire(key)
        defer { release(key) }
        return try await body()
    }

    private func acquire(_ key: Key) async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.waiting[key] == nil {
                    state.waiting[key] = []
                    return true
                }
                state.waiting[key]?.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    private func release(_ key: Key) {
        let next: CheckedContinuation<Void, Never>? = state.withLock { state in
            guard state.waiting[key]?.isEmpty == false else {
                state.waiting[key] = nil
                return nil
            }
            return state.waiting[key]?.removeFirst()
        }
        next?.resume()
    }
}

/// What changes of manifests exclude each other on. A manifest's lock is taken before that of a tag.
enum ManifestLock: Hashable, Sendable {
    case manifest(RepositoryName, Digest)
    case tag(RepositoryName, Tag)
}
