import PluginABI
import Synchronization

/// Waiting without a thread (`moor.host.timer/1`). Use it instead of `Task.sleep`, which wakes a timer thread of the
/// plugin's own.
public struct HostTimer: @unchecked Sendable {
    // Sendable: an immutable table whose functions may be called on every thread.
    private let service: UnsafePointer<moor_svc_timer>?

    init(_ service: UnsafePointer<moor_svc_timer>?) { self.service = service }

    /// Waits; a cancelled task wakes at once with a `CancellationError`.
    public func sleep(nanoseconds: Int64) async throws {
        guard let service else { return try await Task.sleep(nanoseconds: UInt64(max(nanoseconds, 0))) }
        let sleeper = Sleeper()
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                guard sleeper.begin(continuation) else { return }
                let context = Unmanaged.passRetained(sleeper).toOpaque()
                let id = service.pointee.after(
                    service.pointee.obj, max(nanoseconds, 0),
                    { context in
                        if let context { Unmanaged<Sleeper>.fromOpaque(context).takeRetainedValue().wake() }
                    }, context)
                sleeper.setTimer(id)
            }
        } onCancel: {
            guard let id = sleeper.cancel(), stop(id) else { return }
            // Stopped in time, the timer doesn't give its reference back; else it has done so.
            Unmanaged.passUnretained(sleeper).release()
        }
        try Task.checkCancellation()
    }

    /// Whether a timer could be stopped before it ran.
    private func stop(_ id: UInt64) -> Bool {
        service.map { $0.pointee.stop_timer($0.pointee.obj, id) == 1 } ?? false
    }
}

/// A task that waits for a timer or for its cancellation, whatever comes first.
private final class Sleeper: Sendable {
    private struct State {
        var continuation: UnsafeContinuation<Void, Never>?
        var timer: UInt64?
        var isCancelled = false
    }

    private let state = Mutex(State())

    /// `false`: cancelled already, and the task goes on at once.
    func begin(_ continuation: UnsafeContinuation<Void, Never>) -> Bool {
        let begins = state.withLock { state in
            if !state.isCancelled { state.continuation = continuation }
            return !state.isCancelled
        }
        if !begins { continuation.resume() }
        return begins
    }

    func setTimer(_ id: UInt64) { state.withLock { $0.timer = id } }

    func wake() {
        let waiting = state.withLock { state in
            defer { state.continuation = nil }
            return state.continuation
        }
        waiting?.resume()
    }

    /// Wakes the task; returns the timer to stop, if there is one.
    func cancel() -> UInt64? {
        let timer = state.withLock { state in
            state.isCancelled = true
            return state.timer
        }
        wake()
        return timer
    }
}
