import Glibc
import Synchronization

/// The thread of an engine: begins once, ends once, and is joined.
final class EngineThread: Sendable {
    private struct State {
        var thread: pthread_t?
        var isOver = false
        var waiting: [UnsafeContinuation<Void, Never>] = []
    }

    /// What the thread holds.
    private final class Start {
        let loop: EngineLoop
        let thread: EngineThread

        init(_ loop: EngineLoop, _ thread: EngineThread) {
            self.loop = loop
            self.thread = thread
        }
    }

    private let state = Mutex(State())

    /// Begins; false if the system has no thread. The loop moves to it.
    func begin(_ loop: EngineLoop) -> Bool {
        let start = Unmanaged.passRetained(Start(loop, self))
        // The host's signals are not for this thread.
        var all = sigset_t()
        var before = sigset_t()
        sigfillset(&all)
        pthread_sigmask(SIG_SETMASK, &all, &before)
        var made = pthread_t()
        let code = pthread_create(
            &made, nil,
            { context in
                if let context { EngineThread.run(Unmanaged<Start>.fromOpaque(context).takeRetainedValue()) }
                return nil
            }, start.toOpaque())
        pthread_sigmask(SIG_SETMASK, &before, nil)
        guard code == 0 else {
            start.release()
            return false
        }
        state.withLock { $0.thread = made }
        return true
    }

    private static func run(_ start: consuming Start) {
        start.loop.run()
        start.thread.finish()
    }

    private func finish() {
        let waiting = state.withLock { state in
            state.isOver = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Waits until the thread has been told to end and has ended; returns at once if there is none.
    func end() async {
        await withUnsafeContinuation { continuation in
            let isOver = state.withLock { state in
                guard state.thread != nil, !state.isOver else { return true }
                state.waiting.append(continuation)
                return false
            }
            if isOver { continuation.resume() }
        }
        // Nothing is left but the last instructions of the thread.
        join()
    }

    /// Waits on the calling thread.
    func join() {
        let thread = state.withLock { state in
            defer { state.thread = nil }
            return state.thread
        }
        guard let thread else { return }
        if pthread_equal(thread, pthread_self()) != 0 { pthread_detach(thread) } else { pthread_join(thread, nil) }
    }
}
