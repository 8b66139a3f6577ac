import PluginKit
import Synchronization

/// The uploads that this process has open or is about to store, of all instances: who goes on with one waits until it is
/// stored, and is refused while another has it.
///
/// Other processes can't be seen. There the generation of the stored object is the guard: whoever stores second is refused.
final class OpenUploads: Sendable {
    static let shared = OpenUploads()

    private enum Stage {
        case open
        case closing(Task<Void, Never>)
    }

    /// By the key of its stored form, with what tells buckets apart before it.
    private let state = Mutex<[String: Stage]>([:])

    /// Marks an upload as open; false: it is already.
    func begin(_ id: String) -> Bool {
        state.withLock { uploads in
            guard uploads[id] == nil else { return false }
            uploads[id] = .open
            return true
        }
    }

    /// Forgets an upload.
    func end(_ id: String) { state.withLock { _ = $0.removeValue(forKey: id) } }

    /// Stores an upload in the background and forgets it then.
    func close(_ id: String, on executor: HostExecutor?, _ store: @escaping @Sendable () async -> Void) {
        state.withLock { uploads in
            uploads[id] = .closing(
                Task.detached(executorPreference: executor) { [self] in
                    await store()
                    end(id)
                })
        }
    }

    /// Whether an upload is open.
    func isOpen(_ id: String) -> Bool { state.withLock { $0[id] != nil } }

    /// Whether there are open uploads whose id begins so.
    func hasOpen(_ prefix: String) -> Bool { state.withLock { $0.keys.contains { $0.hasPrefix(prefix) } } }

    /// Waits until those whose id begins so are stored, as far as they are being stored.
    func settle(_ prefix: String) async {
        let closing = state.withLock { uploads in
            uploads.compactMap { id, stage -> Task<Void, Never>? in
                guard case .closing(let task) = stage, id.hasPrefix(prefix) else { return nil }
                return task
            }
        }
        for task in closing { await task.value }
    }
}
