import Dispatch

/// What did not come true in time.
public struct DidNotHappen: Error, CustomStringConvertible {
    /// What was waited for, and how long.
    public let description: String

    /// Says what did not happen.
    public init(description: String) { self.description = description }
}

/// Polls `condition` until it holds; throws ``DidNotHappen`` when `timeout` has passed.
public func eventually(
    _ expectation: String,
    within timeout: Duration = .seconds(20),
    every interval: Duration = .milliseconds(10),
    _ condition: () async throws -> Bool
) async throws {
    let clock = ContinuousClock()
    let end = clock.now + timeout
    while try await !condition() {
        guard clock.now < end else { throw DidNotHappen(description: "not within \(timeout): \(expectation)") }
        try await clock.sleep(for: interval)
    }
}

/// Runs blocking work away from the cooperative threads, of which a small machine has two.
func onItsOwnThread<Result: Sendable>(_ work: @escaping @Sendable () throws -> Result) async throws -> Result {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue(label: "mooring.test.blocking").async {
            continuation.resume(with: .init(catching: work))
        }
    }
}
