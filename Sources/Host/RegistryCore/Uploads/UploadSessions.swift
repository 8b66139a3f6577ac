import RegistryModel
import RegistryStorage
import Synchronization

/// What this process remembers of uploads: the hash so far, that a session is in use, that it has ended. Everything in it
/// can be lost: then content is hashed again from the storage.
final class UploadSessions: Sendable {
    struct Entry {
        var hasher: ContentHasher?
        var isActive = false
        var hasEnded = false
        var touched: UInt64 = 0
    }

    private struct State {
        var entries: [UploadID: Entry] = [:]
        var clock: UInt64 = 0
    }

    /// The most sessions remembered.
    private let limit = 65_536
    private let state = Mutex(State())

    func entry(_ id: UploadID) -> Entry? { state.withLock { $0.entries[id] } }

    /// Remembers that a session exists.
    func begin(_ id: UploadID) { update(id) { _ in } }

    /// Marks a session as in use. False: it is already.
    func activate(_ id: UploadID) -> Bool {
        state.withLock { state in
            if state.entries[id]?.isActive == true { return false }
            touch(id, &state) { $0.isActive = true }
            return true
        }
    }

    func deactivate(_ id: UploadID) { update(id) { $0.isActive = false } }

    /// Remembers the hash of the first `hasher.count` bytes.
    func remember(_ hasher: ContentHasher?, for id: UploadID) { update(id) { $0.hasher = hasher } }

    /// Remembers that a session is over.
    func end(_ id: UploadID) {
        update(id) {
            $0.hasher = nil
            $0.hasEnded = true
        }
    }

    private func update(_ id: UploadID, _ change: (inout Entry) -> Void) {
        state.withLock { touch(id, &$0, change) }
    }

    private func touch(_ id: UploadID, _ state: inout State, _ change: (inout Entry) -> Void) {
        state.clock += 1
        change(&state.entries[id, default: Entry()])
        state.entries[id]?.touched = state.clock
        guard state.entries.count > limit else { return }
        // Forget the older half of what is idle; seldom, so its cost spreads over many uploads.
        let middle = state.clock - UInt64(limit / 2)
        state.entries = state.entries.filter { $0.value.isActive || $0.value.touched > middle }
    }
}
