import ObjectStoreKit
import Synchronization

/// The writers of this process, of all instances: two never go on with the same bytes, and whoever looks for suspended ones
/// waits until those that are being closed are stored.
///
/// Writers of other processes are seen by nobody: a store has no locks.
final class OpenUploads: Sendable {
    static let shared = OpenUploads()

    private enum Use {
        case open
        case closing(Task<Void, Never>)
    }

    private let uses = Mutex<[String: Use]>([:])

    /// Names suspended bytes among those of all buckets.
    private static func name(_ bucket: S3Bucket, _ key: String) -> String {
        "\(bucket.location) \(key)"
    }

    /// Takes suspended bytes, waiting for their last writer to have closed. False: somebody has them open.
    func open(_ key: String, of bucket: S3Bucket) async -> Bool {
        let name = Self.name(bucket, key)
        while true {
            let other = uses.withLock { uses -> Use? in
                if let use = uses[name] { return use }
                uses[name] = .open
                return nil
            }
            switch other {
            case nil: return true
            case .open: return false
            case .closing(let task): await task.value
            }
        }
    }

    /// Whether a writer has these bytes open.
    func isOpen(_ key: String, of bucket: S3Bucket) -> Bool {
        uses.withLock { if case .open = $0[Self.name(bucket, key)] { true } else { false } }
    }

    /// Lets go at once.
    func close(_ key: String, of bucket: S3Bucket) {
        uses.withLock { _ = $0.removeValue(forKey: Self.name(bucket, key)) }
    }

    /// Lets go when `body` is done, which begins at once.
    func close(_ key: String, of bucket: S3Bucket, after body: @escaping @Sendable () async -> Void) {
        let name = Self.name(bucket, key)
        uses.withLock { uses in
            let task = Task.detached(executorPreference: bucket.executor) { [self] in
                await body()
                self.uses.withLock { _ = $0.removeValue(forKey: name) }
            }
            uses[name] = .closing(task)
        }
    }

    /// Waits for the writers of a bucket that are being closed, or for those whose keys begin so.
    func waitForClosing(of bucket: S3Bucket, below prefix: String = "") async {
        let begin = Self.name(bucket, prefix)
        let tasks = uses.withLock { uses in
            uses.compactMap { name, use -> Task<Void, Never>? in
                guard case .closing(let task) = use, name.utf8.starts(with: begin.utf8) else { return nil }
                return task
            }
        }
        for task in tasks { await task.value }
    }
}
