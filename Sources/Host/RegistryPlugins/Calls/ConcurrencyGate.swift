import Synchronization

/// Lets so many calls of an object in at once, the others in the order they came.
final class ConcurrencyGate: Sendable {
    private struct State {
        var free: Int
        var queue: [(slot: CallSlot, generation: UInt64)] = []
        var head = 0

        mutating func next() -> (slot: CallSlot, generation: UInt64)? {
            guard head < queue.count else { return nil }
            let next = queue[head]
            head += 1
            if head == queue.count {
                queue.removeAll(keepingCapacity: head <= 1024)
                head = 0
            } else if head > 1024 {
                queue.removeFirst(head)
                head = 0
            }
            return next
        }
    }

    private let state: Mutex<State>

    init(limit: Int) {
        state = Mutex(State(free: limit))
    }

    /// Takes a place if there is one.
    func enter() -> Bool {
        state.withLock { state in
            guard state.free > 0 else { return false }
            state.free -= 1
            return true
        }
    }

    /// Lets a queued call wait for a place, which it has once it is admitted.
    func queue(_ slot: CallSlot, generation: UInt64) {
        let isIn = state.withLock { state in
            guard state.free == 0 else {
                state.free -= 1
                return true
            }
            state.queue.append((slot, generation))
            return false
        }
        if isIn, !slot.admit(generation: generation) { leave() }
    }

    /// Gives a place to the first call that still waits: those that were cancelled or timed out are passed over.
    func leave() {
        while true {
            let next = state.withLock { state in
                let next = state.next()
                if next == nil { state.free += 1 }
                return next
            }
            guard let next, !next.slot.admit(generation: next.generation) else { return }
        }
    }
}
