public import PluginKit
import Synchronization

/// The uploads that a writer has in flight: at most `limit` at once, their results in the order in which they were
/// submitted. They outlive the call that submitted them, so they need deadlines of their own.
public final class PartUploads<Result: Sendable>: Sendable {
    private struct State {
        var tasks: [Int: Task<Void, Never>] = [:]
        var results: [Result?] = []
        var failure: (any Error)?
        var isCancelled = false
        var waiting: [OneShot<Void>] = []
    }

    private let limit: Int
    private let executor: HostExecutor?
    private let state = Mutex(State())

    /// At most `limit` uploads at once, on the threads of the host.
    public init(limit: Int, host: Host) {
        self.limit = max(limit, 1)
        executor = HostExecutor(host)
    }

    /// How many are under way.
    public var inFlight: Int { state.withLock { $0.tasks.count } }

    /// Begins an upload as soon as there is a free place.
    /// - Throws: the first failure of those before, or `CancellationError`; the upload isn't begun then.
    public func submit(_ work: @escaping @Sendable () async throws -> Result) async throws {
        while try !begin(work) {
            try await wait { [limit] in $0.tasks.count < limit || $0.failure != nil }
        }
    }

    /// The results of all, once they have ended. Ready for more then.
    /// - Throws: the first failure, or `CancellationError` without waiting for the end.
    public func finish() async throws -> [Result] {
        try await wait { $0.tasks.isEmpty || $0.failure != nil }
        return try state.withLock { state in
            if let failure = state.failure { throw failure }
            defer { state.results = [] }
            return state.results.compactMap { $0 }
        }
    }

    /// Cancels those under way and refuses others. Doesn't wait.
    public func cancel() {
        let tasks = state.withLock { state in
            state.isCancelled = true
            if state.failure == nil { state.failure = CancellationError() }
            return Array(state.tasks.values)
        }
        for task in tasks { task.cancel() }
        wake()
    }

    /// Waits until none is under way, whatever came of them; cancelling doesn't shorten it.
    public func drain() async {
        while true {
            let tasks = state.withLock { Array($0.tasks.values) }
            if tasks.isEmpty { return }
            for task in tasks { await task.value }
        }
    }

    /// False: no place is free.
    private func begin(_ work: @escaping @Sendable () async throws -> Result) throws -> Bool {
        try state.withLock { state in
            if let failure = state.failure { throw failure }
            guard state.tasks.count < limit else { return false }
            let index = state.results.count
            state.results.append(nil)
            state.tasks[index] = Task(executorPreference: executor) {
                do {
                    self.end(index, .success(try await work()))
                } catch {
                    self.end(index, .failure(error))
                }
            }
            return true
        }
    }

    private func end(_ index: Int, _ result: Swift.Result<Result, any Error>) {
        state.withLock { state in
            state.tasks[index] = nil
            switch result {
            case .success(let value): if index < state.results.count { state.results[index] = value }
            case .failure(let error): if state.failure == nil { state.failure = error }
            }
        }
        wake()
    }

    private func wake() {
        let waiting = state.withLock { state in
            defer { state.waiting = [] }
            return state.waiting
        }
        for signal in waiting { signal.fire(()) }
    }

    /// Waits until a condition holds.
    private func wait(until isReached: @escaping @Sendable (borrowing State) -> Bool) async throws {
        while true {
            try Task.checkCancellation()
            let signal = state.withLock { state -> OneShot<Void>? in
                if isReached(state) { return nil }
                let signal = OneShot<Void>()
                state.waiting.append(signal)
                return signal
            }
            guard let signal else { return }
            await withTaskCancellationHandler {
                await signal.wait()
            } onCancel: {
                signal.fire(())
            }
        }
    }
}
