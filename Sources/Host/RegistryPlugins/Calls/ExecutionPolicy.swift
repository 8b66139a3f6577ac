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

    func deadline(for operation: CallOperation) -> UInt64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC_COARSE, &now)
        let start = UInt64(now.tv_sec) &* 1_000_000_000 &+ UInt64(now.tv_nsec)
        switch operation {
        case .write, .commit, .sync, .move, .copy, .remove, .removeBatch, .checksum, .worker, .create, .start, .stop:
            return start &+ timeouts.transfer
        default: return start &+ timeouts.call
        }
    }
}

/// Lets so many callers in at once, the others in the order they came.
final class ConcurrencyGate: Sendable {
    private struct Waiter {
        let id: UInt64
        let continuation: UnsafeContinuation<Bool, Never>
    }

    private struct State {
        var free: Int
        var nextID: UInt64 = 0
        var waiters: [Waiter] = []
        /// Waiters that were cancelled before they stood in the queue.
        var cancelled: Set<UInt64> = []
    }

    private let state: Mutex<State>

    init(limit: Int) {
        state = Mutex(State(free: limit))
    }

    /// Waits for a place.
    /// - Returns: false if the task was cancelled while it waited: then it has none.
    func enter() async -> Bool {
        let id: UInt64? = state.withLock { state in
            if state.free > 0 {
                state.free -= 1
                return nil
            }
            state.nextID += 1
            return state.nextID
        }
        guard let id else { return true }
        let entered = await withTaskCancellationHandler {
            await withUnsafeContinuation { wait(id, $0) }
        } onCancel: {
            cancel(id)
        }
        // A cancellation that came too late for the queue has left its mark.
        state.withLock { _ = $0.cancelled.remove(id) }
        return entered
    }

    private func wait(_ id: UInt64, _ continuation: UnsafeContinuation<Bool, Never>) {
        let entered: Bool? = state.withLock { state in
            if state.cancelled.remove(id) != nil { return false }
            if state.free > 0 {
                state.free -= 1
                return true
            }
            state.waiters.append(Waiter(id: id, continuation: continuation))
            return nil
        }
        if let entered { continuation.resume(returning: entered) }
    }

    private func cancel(_ id: UInt64) {
        let waiter: Waiter? = state.withLock { state in
            guard let index = state.waiters.firstIndex(where: { $0.id == id }) else {
                state.cancelled.insert(id)
                return nil
            }
            return state.waiters.remove(at: index)
        }
        waiter?.continuation.resume(returning: false)
    }

    func leave() {
        let next: Waiter? = state.withLock { state in
            if state.waiters.isEmpty {
                state.free += 1
                return nil
            }
            return state.waiters.removeFirst()
        }
        next?.continuation.resume(returning: true)
    }
}
