import Synchronization

/// The writers of this process that have their bytes open, by scope and name of their staging blob.
///
/// Two instances on one container are told of each other this way; two processes aren't, and need not be: blocks carry
/// the session that put them, so of two that go on with the same bytes one commits, and the other is told that it can't.
final class OpenWriters: Sendable {
    static let shared = OpenWriters()

    private enum Entry {
        case open
        /// Closed, and what was left in memory is on its way to the service.
        case settling(Task<Void, Never>)
    }

    private let entries = Mutex<[String: Entry]>([:])

    /// What became of an attempt to open a writer's bytes.
    enum Claim {
        case claimed
        case busy
        /// Wait for this and try again.
        case settling(Task<Void, Never>)
    }

    /// Opens the bytes of a writer that was made just now.
    func claimNew(_ name: String) { entries.withLock { $0[name] = .open } }

    /// Opens the bytes of a suspended writer, once what it left in memory is stored.
    /// - Returns: false: another writer has them open.
    func claim(_ name: String) async -> Bool {
        while true {
            let claim = entries.withLock { entries -> Claim in
                switch entries[name] {
                case .none:
                    entries[name] = .open
                    return .claimed
                case .open: return .busy
                case .settling(let task): return .settling(task)
                }
            }
            switch claim {
            case .claimed: return true
            case .busy: return false
            case .settling(let task): await task.value
            }
        }
    }

    /// Lets go of a writer's bytes.
    func release(_ name: String) { entries.withLock { $0[name] = nil } }

    /// Lets go of a writer's bytes when `task` ends, which must call `release`.
    func settle(_ name: String, by task: Task<Void, Never>) {
        entries.withLock { entries in if entries[name] != nil { entries[name] = .settling(task) } }
    }

    /// Waits for all closed writers whose names begin so.
    func settled(under prefix: String) async {
        let tasks = entries.withLock { entries in
            entries.compactMap { name, entry -> Task<Void, Never>? in
                guard name.hasPrefix(prefix), case .settling(let task) = entry else { return nil }
                return task
            }
        }
        for task in tasks { await task.value }
    }

    /// Whether a writer whose name begins so has its bytes open.
    func isOpen(under prefix: String) -> Bool {
        entries.withLock { entries in
            entries.contains { name, entry in
                guard name.hasPrefix(prefix), case .open = entry else { return false }
                return true
            }
        }
    }
}
