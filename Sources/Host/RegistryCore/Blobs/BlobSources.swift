import RegistryModel
import Synchronization

/// Which repositories got a blob lately through this process: where to look for one whose repository a client doesn't name.
///
/// Only hints: whoever uses them asks the storage whether the repository has the blob still. Bounded: when half of the room
/// is used up, what wasn't touched since the last time is forgotten.
final class BlobSources: Sendable {
    private struct State {
        var young: [Digest: [RepositoryName]] = [:]
        var old: [Digest: [RepositoryName]] = [:]
    }

    /// The most repositories remembered for one blob.
    private static let width = 4
    private let limit: Int
    private let state = Mutex(State())

    /// - Parameter limit: the most blobs remembered.
    init(limit: Int = 8192) {
        self.limit = limit
    }

    /// Remembers that a repository got a blob.
    func note(_ digest: Digest, _ name: RepositoryName) {
        state.withLock { state in
            var names = state.young[digest] ?? state.old[digest] ?? []
            names.removeAll { $0 == name }
            state.young[digest] = [name] + names.prefix(Self.width - 1)
            guard state.young.count > limit / 2 else { return }
            state.old = state.young
            state.young = [:]
        }
    }

    /// Repositories that may have a blob, the latest first.
    func names(_ digest: Digest) -> [RepositoryName] {
        state.withLock { $0.young[digest] ?? $0.old[digest] ?? [] }
    }
}
