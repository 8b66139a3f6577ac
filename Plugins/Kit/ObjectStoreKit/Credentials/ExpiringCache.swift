public import PluginKit
import Synchronization

/// A credential that expires, fetched when it is needed and before its end: once for all who wait for it.
///
/// While a credential is good for a while yet, callers get it at once and one of them begins to fetch the next; a fetch
/// that fails then is no error as long as the old one is good. The fetch runs as a task of its own, so that the caller
/// that began it may be cancelled without failing the others.
public final class ExpiringCache<Value: Sendable>: Sendable {
    /// A credential and its end; nil: it has none.
    public typealias Fetched = (value: Value, expires: Timestamp?)

    private struct State {
        var current: Fetched?
        var flight: Task<Value, any Error>?
        /// Counts flights, so that one that was replaced doesn't clear its successor.
        var number: UInt64 = 0
        /// When to fetch ahead of time again, at the earliest.
        var pause: Timestamp?
    }

    private let refreshAhead: Int64
    private let leastValidity: Int64
    private let executor: HostExecutor?
    private let state = Mutex(State())

    /// - Parameters:
    ///   - refreshAhead: seconds before its end at which the next credential is fetched.
    ///   - leastValidity: seconds that a credential must be good for to be handed out at all.
    public init(host: Host, refreshAhead: Int64 = 300, leastValidity: Int64 = 10) {
        self.refreshAhead = refreshAhead
        self.leastValidity = leastValidity
        executor = HostExecutor(host)
    }

    /// The credential, fetched if there is none that is good.
    /// - Parameter refresh: the last one was refused, so fetch another.
    public func current(
        refresh: Bool = false, _ fetch: @escaping @Sendable () async throws -> Fetched
    ) async throws -> Value {
        let now = Timestamp.now()
        let (ready, flight) = state.withLock { state -> (Value?, Task<Value, any Error>?) in
            if refresh, state.flight == nil { state.current = nil }
            guard let current = state.current, isGood(current, at: now, for: leastValidity) else {
                return (nil, state.flight ?? begin(fetch, &state))
            }
            let isPausing = state.pause.map { now < $0 } ?? false
            if !isGood(current, at: now, for: refreshAhead), state.flight == nil, !isPausing {
                _ = begin(fetch, &state)
            }
            return (current.value, nil)
        }
        if let ready { return ready }
        guard let flight else { throw CancellationError() }
        return try await flight.value
    }

    /// Forgets the credential.
    public func clear() { state.withLock { $0.current = nil } }

    private func isGood(_ fetched: Fetched, at now: Timestamp, for seconds: Int64) -> Bool {
        guard let expires = fetched.expires else { return true }
        return now.adding(seconds: seconds) < expires
    }

    private func begin(
        _ fetch: @escaping @Sendable () async throws -> Fetched, _ state: inout State
    ) -> Task<Value, any Error> {
        state.number &+= 1
        let number = state.number
        let task = Task.detached(executorPreference: executor) { [self] in
            do {
                let fetched = try await fetch()
                end(number, fetched)
                return fetched.value
            } catch {
                end(number, nil)
                throw error
            }
        }
        state.flight = task
        return task
    }

    private func end(_ number: UInt64, _ fetched: Fetched?) {
        state.withLock { state in
            guard state.number == number else { return }
            state.flight = nil
            if let fetched { state.current = fetched }
            // Also behind a success: an issuer may give a credential that ends soon, again and again.
            state.pause = Timestamp.now().adding(seconds: 10)
        }
    }
}
