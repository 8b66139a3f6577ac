import PluginABI
import Synchronization

/// One async operation on its way: joins the host's cancellation token to the task.
final class RunningCall: Sendable {
    private struct State {
        var why: Int32 = 0
        var task: Task<Void, Never>?
    }

    private let token: Lent<UnsafePointer<moor_cancel>>
    private let registration = Atomic<UInt64>(0)
    private let state = Mutex(State())

    /// Registers with the token. The registration holds a reference, which `finish` gives back.
    init(_ call: UnsafePointer<moor_call>) {
        token = Lent(call.pointee.cancel)
        let context = Unmanaged.passRetained(self).toOpaque()
        let id = token.value.pointee.on_cancel(
            token.value.pointee.obj,
            { context, why in
                guard let context else { return }
                Unmanaged<RunningCall>.fromOpaque(context).takeUnretainedValue().cancel(why)
            }, context)
        registration.store(id, ordering: .relaxed)
    }

    /// Cancels the task, now or as soon as there is one.
    func cancel(_ why: Int32) {
        let task = state.withLock { state in
            if state.why == 0 { state.why = why }
            return state.task
        }
        task?.cancel()
    }

    /// Says which task the call runs as.
    func attach(_ task: Task<Void, Never>) {
        let isCancelled = state.withLock { state in
            state.task = task
            return state.why != 0
        }
        if isCancelled { task.cancel() }
    }

    /// Leaves the token alone from now on; comes before the completion.
    func finish() {
        token.value.pointee.off_cancel(token.value.pointee.obj, registration.load(ordering: .relaxed))
        Unmanaged.passUnretained(self).release()
    }

    /// What an error means, knowing why the call was cancelled.
    func explain(_ error: any Error) -> PluginError {
        let error = PluginError(wrapping: error)
        guard error.code == .cancelled else { return error }
        switch Int(state.withLock { $0.why }) {
        case 0, MOOR_E_CANCELLED: return error
        case MOOR_E_SHUTDOWN: return PluginError(.shutdown, "the instance is being stopped", noEffect: error.noEffect)
        case let why:
            var explained = CallContext.cancellation(Int32(truncatingIfNeeded: why))
            explained.noEffect = error.noEffect
            return explained
        }
    }
}

/// A value of the host's that outlives the call it came with, and so may be used by its task.
struct Lent<Value>: @unchecked Sendable {
    // Sendable: the ABI keeps call, token and inputs unchanged until the completion, which the task makes last.
    let value: Value
    init(_ value: Value) { self.value = value }
}
