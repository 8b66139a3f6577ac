public import PluginKit
import Synchronization

/// The memory for parts of all writers of an instance: blocks of a mebibyte that are used again, and a limit to how much
/// may be in use.
///
/// A part counts with its whole capacity from the moment it is made, so that a part once begun can always be filled: no
/// two writers wait for each other. Memory is taken only as bytes come.
public final class PartPool: Sendable {
    private struct Ticket {
        let capacity: Int
        let granted: OneShot<Bool>
    }

    private struct State {
        var used = 0
        var waiting: [Ticket] = []
    }

    private let limit: Int
    private let patience: Int64
    private let timer: HostTimer
    private let state = Mutex(State())
    let blocks = BlockPool(blockSize: 1 << 20, kept: 16)

    /// `limit`: bytes of all parts together. `patience`: how long a part waits for the others, in milliseconds.
    public init(limit: Int, patience: Int64 = 2000, host: Host) {
        self.limit = max(limit, 0)
        self.patience = max(patience, 0)
        timer = host.timer
    }

    /// Bytes of the parts in use.
    public var used: Int { state.withLock { $0.used } }

    /// A buffer for a part if there is room for it now: for parts beyond a writer's first.
    public func tryMake(capacity: Int) -> PartBuffer? {
        let isGranted = state.withLock { state in
            guard state.waiting.isEmpty, fits(capacity, state) else { return false }
            state.used += max(capacity, 0)
            return true
        }
        return isGranted ? PartBuffer(Part(self, capacity: capacity)) : nil
    }

    /// A buffer for a part. It waits while the limit is reached, those who came first before; but only so long: then the
    /// part is made beyond the limit, because half-filled parts of slow clients mustn't hold up everybody.
    /// - Throws: `.timeout` when the deadline comes first, `.cancelled`.
    public func make(capacity: Int, _ deadline: Deadline) async throws(StoreError) -> PartBuffer {
        if let buffer = tryMake(capacity: capacity) { return buffer }
        let granted = OneShot<Bool>()
        state.withLock { $0.waiting.append(Ticket(capacity: max(capacity, 0), granted: granted)) }
        // The last part may have been given back meanwhile.
        grant()
        let patience = min(patience * 1_000_000, deadline.remainingNanoseconds ?? .max)
        let timer = timer
        let isGranted = await withTaskGroup(of: Void.self) { group in
            group.addTask {
                guard (try? await timer.sleep(nanoseconds: patience)) != nil else { return }
                self.settle(granted, !deadline.isOver)
            }
            defer { group.cancelAll() }
            return await withTaskCancellationHandler {
                await granted.wait()
            } onCancel: {
                settle(granted, false)
            }
        }
        if isGranted { return PartBuffer(Part(self, capacity: capacity)) }
        throw deadline.isOver
            ? StoreError(.timeout, "no memory for a part before the deadline", cause: .deadline, noEffect: true)
            : HTTPEngine.cancelled
    }

    /// Ends a wait, with a part or without, unless it has ended.
    private func settle(_ granted: OneShot<Bool>, _ isGranted: Bool) {
        let wasWaiting = state.withLock { state in
            guard let index = state.waiting.firstIndex(where: { $0.granted === granted }) else { return false }
            let ticket = state.waiting.remove(at: index)
            if isGranted { state.used += ticket.capacity }
            return true
        }
        guard wasWaiting else { return }
        granted.fire(isGranted)
        // Somebody behind it may fit now.
        grant()
    }

    fileprivate func release(_ capacity: Int) {
        state.withLock { $0.used -= max(capacity, 0) }
        grant()
    }

    /// Serves those who wait, in their order, as long as they fit.
    private func grant() {
        let served = state.withLock { state in
            var served: [OneShot<Bool>] = []
            while let first = state.waiting.first, fits(first.capacity, state) {
                state.used += first.capacity
                served.append(state.waiting.removeFirst().granted)
            }
            return served
        }
        for granted in served { granted.fire(true) }
    }

    /// A single part always fits, however large it is.
    private func fits(_ capacity: Int, _ state: borrowing State) -> Bool {
        state.used == 0 || capacity <= limit - min(state.used, limit)
    }
}

/// A part's memory and its place in the pool.
final class Part: @unchecked Sendable {
    // Sendable: one buffer writes; what is shared afterwards isn't changed.
    private let pool: PartPool
    let capacity: Int
    private(set) var blocks: [Block] = []

    fileprivate init(_ pool: PartPool, capacity: Int) {
        self.pool = pool
        self.capacity = capacity
    }

    /// One more block; nil if the system has no memory.
    func grow() -> Block? {
        guard let block = pool.blocks.take() else { return nil }
        blocks.append(block)
        return block
    }

    deinit { pool.release(capacity) }
}
