import Synchronization

/// Something that happens once, and one task that may wait for it.
final class OneShot<Value: Sendable>: Sendable {
    private enum State {
        case quiet
        case awaited(UnsafeContinuation<Value, Never>)
        case fired(Value)
    }

    private let state = Mutex(State.quiet)

    /// It happens now; later values are lost.
    func fire(_ value: Value) {
        let waiting = state.withLock { state -> UnsafeContinuation<Value, Never>? in
            switch state {
            case .fired: return nil
            case .quiet:
                state = .fired(value)
                return nil
            case .awaited(let continuation):
                state = .fired(value)
                return continuation
            }
        }
        waiting?.resume(returning: value)
    }

    /// Waits until it has happened.
    func wait() async -> Value {
        await withUnsafeContinuation { continuation in
            let value = state.withLock { state -> Value? in
                if case .fired(let value) = state { return value }
                state = .awaited(continuation)
                return nil
            }
            if let value { continuation.resume(returning: value) }
        }
    }
}
