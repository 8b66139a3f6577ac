import Glibc
import PluginABI
import RegistryStorage
import Synchronization

/// How an object wants to be called (`exec_flags`, `blocking_ops`, `max_concurrency`), and how long calls may take.
final class ExecutionPolicy: Sendable {
    /// Nanoseconds: what an ordinary call, and one that moves a whole object, may take.
    struct Timeouts: Sendable {
        var call: UInt64 = 60_000_000_000
        var transfer: UInt64 = 600_000_000_000
        /// How long after its deadline a call is given up.
        var grace: UInt64 = 10_000_000_000
    }

    /// `MOOR_EXEC_*`, as given.
    let flags: UInt32
    let maximumConcurrency: UInt32
    let blocks: Bool
    let blockingOperations: UInt64
    /// Whether calls can be made at once wherever the caller is.
    let isDirect: Bool
    let pool: WorkerPool?
    let gate: ConcurrencyGate?
    let timeouts: Timeouts

    /// - Parameters:
    ///   - flags: `MOOR_EXEC_*`.
    ///   - blockingOperations: bit n: operation n blocks although the flags don't say so.
    ///   - maximumConcurrency: the most calls outstanding at once; 0: no limit.
    ///   - maximumQueue: the most calls that wait for a thread.
    init(
        name: String, flags: UInt32, blockingOperations: UInt64, maximumConcurrency: UInt32, timeouts: Timeouts,
        maximumQueue: Int = 16_384
    ) {
        self.flags = flags
        self.maximumConcurrency = maximumConcurrency
        blocks = flags & 1 != 0
        self.blockingOperations = blockingOperations
        self.timeouts = timeouts
        let isSerial = flags & 2 != 0
        if blocks || blockingOperations != 0 {
            let threads = maximumConcurrency == 0 ? 64 : min(1024, Int(maximumConcurrency))
            let pool = WorkerPool(name: name, maximumThreads: threads, maximumQueue: maximumQueue)
            HostClock.shared.watch(pool)
            self.pool = pool
        } else {
            pool = nil
        }
        if isSerial {
            gate = ConcurrencyGate(limit: 1)
        } else if maximumConcurrency != 0, !blocks {
            gate = ConcurrencyGate(limit: Int(maximumConcurrency))
        } else {
            gate = nil
        }
        isDirect = gate == nil && pool == nil
    }

    deinit { pool?.stop() }

    /// Whether reading is tried where the caller is before it goes to a worker (`MOOR_EXEC_NOWAIT`).
    var readsFromMemory: Bool { flags & MOOR_EXEC_NOWAIT != 0 && blocks }

    /// Whether a call of this operation is tried where the caller is first.
    func triesFromMemory(_ operation: CallOperation) -> Bool {
        readsFromMemory && (operation == .stat || operation == .getContent || operation == .openReader)
    }

    /// Whether a call of this operation must be made on another thread than the current one.
    func needsWorker(_ operation: CallOperation) -> Bool {
        guard let pool else { return false }
        let blocks =
            self.blocks || (operation.rawValue < 13 && blockingOperations >> UInt64(operation.rawValue) & 1 != 0)
        return blocks && !pool.isCurrent
    }

    /// When a call that begins now must be finished, CLOCK_MONOTONIC in nanoseconds; up to a tick of the coarse clock early.
    @inline(__always)
    func deadline(for operation: CallOperation) -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &now)
        let start = UInt64(bitPattern: Int64(now.tv_sec &* 1_000_000_000 &+ now.tv_nsec))
        return Int64(clamping: start &+ (operation.isTransfer ? timeouts.transfer : timeouts.call))
    }
}
