import Glibc
import Synchronization

/// Counts the operations inside an instance, and closes: after that no operation gets in, and the last one out ends the
/// stop. So a stop never completes before the operations it found.
final class OperationGate: Sendable {
    private static let closedBit = 1 << 62
    /// Operations inside, plus `closedBit`.
    private let state = Atomic<Int>(0)
    /// What to do when the gate is closed and empty; taken once.
    private let whenEmpty = Mutex<(@Sendable () -> Void)?>(nil)

    /// Whether a stop has begun.
    var isClosed: Bool { state.load(ordering: .relaxed) & OperationGate.closedBit != 0 }

    /// Lets an operation in; `false` when the gate is closed.
    func enter() -> Bool {
        if state.wrappingAdd(1, ordering: .acquiring).oldValue & OperationGate.closedBit == 0 { return true }
        leave()
        return false
    }

    /// Lets it out again. The decrement is the last touch unless the gate is closed and this one is the last.
    func leave() {
        if state.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue == OperationGate.closedBit { finish() }
    }

    /// Closes the gate. `body` runs once all operations are out: before this returns, or on the last one's thread.
    /// Closed already: `body` runs at once.
    func close(then body: @escaping @Sendable () -> Void) {
        whenEmpty.withLock { $0 = body }
        _ = state.wrappingAdd(1, ordering: .relaxed)
        _ = state.bitwiseOr(OperationGate.closedBit, ordering: .acquiringAndReleasing)
        leave()
    }

    /// Closes the gate and waits. Only for a destroy without stop, where nothing but the last instructions of an
    /// operation can be left.
    func closeAndWait() {
        _ = state.bitwiseOr(OperationGate.closedBit, ordering: .acquiringAndReleasing)
        while state.load(ordering: .acquiring) != OperationGate.closedBit { sched_yield() }
    }

    private func finish() {
        let body = whenEmpty.withLock { waiting in
            defer { waiting = nil }
            return waiting
        }
        body?()
    }
}
