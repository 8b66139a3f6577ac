import Synchronization

/// How often and how long something is tried again.
public struct RetryPolicy: Sendable {
    /// The most attempts, the first one included.
    public var maximumAttempts = 5
    /// The longest first wait; it doubles with each attempt, and any shorter time is as likely: milliseconds.
    public var baseDelay: Int64 = 100
    /// The longest wait of the driver's own choice: milliseconds.
    public var maximumDelay: Int64 = 10_000
    /// The longest wait that the store may ask for; if it asks for more, its error is passed on: milliseconds.
    public var maximumRetryAfter: Int64 = 30_000
    /// No attempt begins later than this after the first: milliseconds.
    public var maximumTime: Int64 = 60_000
    /// What all calls of the instance together may spend on repetitions: each costs 5, one after a time-out 10; every
    /// success brings back what its own repetitions cost, or 1. A store that is down isn't hammered.
    public var budget = 500

    /// The defaults.
    public init() {}

    /// The wait before attempt `number` + 1: nanoseconds. Nil: the store wants to be left alone for too long.
    func delay(after number: Int, hint: Int64?) -> Int64? {
        let ceiling = min(baseDelay.doubled(number - 1), maximumDelay)
        let jitter = Int64.random(in: 0...max(0, ceiling)).nanoseconds
        guard let hint else { return jitter }
        guard hint <= maximumRetryAfter.nanoseconds else { return nil }
        // Not all at the very moment at which the store said that it would be ready.
        return max(hint, 0) + Int64.random(in: 0...max(0, min(ceiling, baseDelay))).nanoseconds
    }
}

extension Int64 {
    /// Times two, so often; `max` if there is no such number.
    fileprivate func doubled(_ times: Int) -> Int64 {
        var value = self
        for _ in 0..<Swift.min(Swift.max(times, 0), 63) {
            let (double, overflow) = value.multipliedReportingOverflow(by: 2)
            if overflow { return .max }
            value = double
        }
        return value
    }

    /// Milliseconds as nanoseconds, at most an hour's.
    fileprivate var nanoseconds: Int64 { Swift.min(Swift.max(self, 0), 3_600_000) * 1_000_000 }
}

/// What all calls of an instance may spend on repetitions.
final class RetryBudget: Sendable {
    private let capacity: Int
    private let tokens: Mutex<Int>

    init(_ capacity: Int) {
        self.capacity = max(capacity, 0)
        tokens = Mutex(self.capacity)
    }

    static func cost(of retry: StoreError.Retry) -> Int { retry == .timeout ? 10 : 5 }

    /// Pays for a repetition; false if there isn't enough left.
    func pay(_ cost: Int) -> Bool {
        tokens.withLock { tokens in
            guard tokens >= cost else { return false }
            tokens -= cost
            return true
        }
    }

    /// A call succeeded; `paid`: what it had spent.
    func refund(_ paid: Int) { tokens.withLock { $0 = min(capacity, $0 + max(paid, 1)) } }
}
