import RegistryModel
import RegistryStorage
import Synchronization

/// What this process remembers of uploads: the hash so far, that a session is in use, that it has ended. Everything in it
/// can be lost: then content is hashed again from the storage.
final class UploadSessions: Sendable {
    /// Whose session: the same id in two repositories is two sessions.
    struct Key: Hashable, Sendable {
        let name: RepositoryName
        let id: UploadID
    }

    /// The hash of bytes that the driver keeps.
    struct StagedHash: Sendable {
        let hasher: ContentHasher
        /// What tells the bytes from others at the same path: of a writer its resume token, of an object its etag.
        let identity: [UInt8]
    }

    /// A content whose digest was found to hold, on its way into the repository.
    struct ProvedBlob: Sendable {
        /// The digest that the client named.
        let asked: Digest
        let canonical: Digest
        let size: UInt64
        /// Where the bytes wait; nil: they are where they belong.
        let staged: StoragePath?
    }

    struct Entry {
        var staged: StagedHash?
        /// Whether the storage may hold bytes of the session.
        var hasStaged = false
        /// Whether the storage may have a folder of the session.
        var hasFolder = false
        var proved: ProvedBlob?
        var hasBegun = false
        var isActive = false
        var hasEnded = false
        /// Whether a request of the session failed, which may have left something in the storage.
        var hasFailed = false
        var touched: UInt64 = 0

        var isWorthKeeping: Bool { hasBegun || isActive || hasEnded || hasFolder || proved != nil }
    }

    private struct State {
        var entries: [Key: Entry] = [:]
        var clock: UInt64 = 0
    }

    /// The most sessions remembered.
    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int = 65_536) {
        self.limit = limit
    }

    /// How many sessions are remembered.
    var count: Int { state.withLock { $0.entries.count } }

    func entry(_ key: Key) -> Entry? { state.withLock { $0.entries[key] } }

    /// Remembers that a session exists.
    func begin(_ key: Key) { update(key) { $0.hasBegun = true } }

    /// Marks a session as in use. False: it is already.
    func activate(_ key: Key) -> Bool {
        state.withLock { state in
            if state.entries[key]?.isActive == true { return false }
            touch(key, &state) { $0.isActive = true }
            return true
        }
    }

    func deactivate(_ key: Key) { update(key) { $0.isActive = false } }

    /// Remembers that a request of the session failed.
    func noteFailure(_ key: Key) { update(key) { $0.hasFailed = true } }

    /// Remembers that the session has a folder in the storage.
    func noteFolder(_ key: Key) { update(key) { $0.hasFolder = true } }

    /// Remembers the hash of staged bytes. Bytes without an identity might be others the next time.
    func remember(_ hasher: ContentHasher, of identity: [UInt8], for key: Key) {
        let isNamed = !identity.isEmpty && hasher.isComplete
        update(key) {
            $0.staged = isNamed ? StagedHash(hasher: hasher, identity: identity) : nil
            $0.hasStaged = true
            $0.hasFolder = true
        }
    }

    /// Forgets staged bytes that are no more.
    func forgetStaged(_ key: Key) {
        update(key) {
            $0.staged = nil
            $0.hasStaged = false
        }
    }

    /// Remembers that a content is what the client says, so that a request that fails later on can be repeated.
    func prove(_ blob: ProvedBlob?, for key: Key) {
        update(key) {
            $0.proved = blob
            $0.staged = nil
        }
    }

    /// Remembers that a session is over.
    func end(_ key: Key) {
        update(key) {
            $0.staged = nil
            $0.hasEnded = true
        }
    }

    private func update(_ key: Key, _ change: (inout Entry) -> Void) {
        state.withLock { touch(key, &$0, change) }
    }

    private func touch(_ key: Key, _ state: inout State, _ change: (inout Entry) -> Void) {
        state.clock &+= 1
        var entry = state.entries[key] ?? Entry()
        change(&entry)
        entry.touched = state.clock
        state.entries[key] = entry.isWorthKeeping ? entry : nil
        guard state.entries.count > limit else { return }
        // Forget the older half of what is idle; seldom, so its cost spreads over many uploads.
        let middle = state.clock &- UInt64(limit / 2)
        state.entries = state.entries.filter { $0.value.isActive || $0.value.touched > middle }
    }
}

extension UploadReference {
    var key: UploadSessions.Key { UploadSessions.Key(name: name, id: id) }
}
