import CCurl
import Synchronization

/// What other threads ask of an engine's thread.
enum EngineCommand: Sendable {
    case start(Transfer)
    /// Ends a transfer, whether it has begun or not.
    case cancel(Transfer, StoreError)
    /// There is room in a stream's buffer again.
    case unpause(Transfer)
    /// A stream's reader waits for bytes that are there but few.
    case attend(Transfer)
    case stop
}

/// The commands for an engine's thread, which is woken for them. Refuses them as soon as the thread is to end.
final class EngineMailbox: Sendable {
    private struct State: @unchecked Sendable {
        // Sendable: guarded by the lock; `curl_multi_wakeup` may be called on every thread while the handle lives.
        var commands: [EngineCommand] = []
        var multi: UnsafeMutableRawPointer?
        var isClosed = false
    }

    private let state = Mutex(State())

    /// Opens the box: the handle is good until `close`. False if it is open or was closed.
    func open(_ multi: UnsafeMutableRawPointer) -> Bool {
        let multi = UncheckedBox(multi)
        return state.withLock { state in
            guard state.multi == nil, !state.isClosed else { return false }
            state.multi = multi.value
            return true
        }
    }

    /// Leaves a command; false if nobody will read it.
    @discardableResult
    func post(_ command: EngineCommand) -> Bool {
        state.withLock { state in
            guard let multi = state.multi, !state.isClosed else { return false }
            state.commands.append(command)
            // Whoever finds the box not empty has been woken already.
            if state.commands.count == 1 { curl_multi_wakeup(multi) }
            return true
        }
    }

    /// All commands so far, in their order.
    func take() -> [EngineCommand] {
        state.withLock { state in
            defer { state.commands.removeAll(keepingCapacity: state.commands.count <= 64) }
            return state.commands
        }
    }

    /// Takes no more commands, and gives those that are left. The handle isn't used behind it.
    func close() -> [EngineCommand] {
        state.withLock { state in
            state.isClosed = true
            state.multi = nil
            defer { state.commands = [] }
            return state.commands
        }
    }
}
