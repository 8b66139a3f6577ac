import PluginKit

/// The attempts of one call.
struct Attempts {
    private let client: StoreClient
    private let deadline: Deadline
    private let start = MonotonicClock.now()
    private var number = 1
    private var previous: StoreError?
    private var hadUnknownEffect = false
    private var hasRenewedCredentials = false
    private var paid = 0

    init(_ client: StoreClient, _ deadline: Deadline) {
        self.client = client
        self.deadline = deadline
    }

    var current: StoreClient.Attempt {
        StoreClient.Attempt(number: number, previous: previous, hadUnknownEffect: hadUnknownEffect)
    }

    func succeed() { client.budget.refund(paid) }

    /// Whether a failed request mustn't be repeated unless somebody looks what became of it.
    func needsCheck(_ failure: StoreError, _ request: HTTPRequest) -> Bool {
        !request.isIdempotent && !failure.noEffect && failure.kind != .cancelled && failure.kind != .shutdown
    }

    /// Waits for the time of the next attempt.
    /// - Throws: the failure, if there is to be none.
    mutating func prepareNext(_ failure: StoreError, _ request: HTTPRequest) async throws(StoreError) {
        let delay = delay(failure)
        if !failure.noEffect { hadUnknownEffect = true }
        guard let retry = failure.retry, let delay, pay(retry) else { throw giveUp(failure, request) }
        client.engine.metrics.retry(request.operation, retry)
        client.log.write(
            .debug, "asking the store again", target: "objectstore",
            fields(failure, request) + [("attempt", "\(number)")])
        if delay > 0 {
            do {
                try await client.timer.sleep(nanoseconds: delay)
            } catch {
                var cancelled = HTTPEngine.cancelled
                cancelled.noEffect = !hadUnknownEffect
                throw cancelled
            }
        }
        previous = failure
        number += 1
        if retry == .credentials { hasRenewedCredentials = true }
    }

    /// The failure as the caller gets it. What was tried before counts for what may have been changed.
    func giveUp(_ failure: StoreError, _ request: HTTPRequest) -> StoreError {
        var failure = failure
        if hadUnknownEffect { failure.noEffect = false }
        // A refusal is an answer like others; that the store can't be used is news.
        if failure.retry != nil {
            client.log.write(
                .warning, "the store didn't do it: \(failure.message)", target: "objectstore",
                fields(failure, request) + [("attempts", "\(number)")])
        }
        return failure
    }

    /// Nanoseconds to wait; nil: there is no next attempt.
    private func delay(_ failure: StoreError) -> Int64? {
        guard let retry = failure.retry, number < client.policy.maximumAttempts else { return nil }
        if retry == .credentials { return hasRenewedCredentials ? nil : 0 }
        guard let delay = client.policy.delay(after: number, hint: failure.retryAfter) else { return nil }
        let latest = start.adding(milliseconds: client.policy.maximumTime)
        let (then, overflow) = MonotonicClock.now().addingReportingOverflow(delay)
        return overflow || then >= min(latest, deadline.nanoseconds) ? nil : delay
    }

    private mutating func pay(_ retry: StoreError.Retry) -> Bool {
        let cost = RetryBudget.cost(of: retry)
        guard client.budget.pay(cost) else { return false }
        paid += cost
        return true
    }

    private func fields(_ failure: StoreError, _ request: HTTPRequest) -> [(String, String)] {
        [
            ("operation", request.operation), ("subject", StoreError.clean(request.subject, limit: 256)),
            ("status", "\(failure.status)"), ("cause", failure.cause.rawValue), ("code", failure.vendorCode),
            ("store_request_id", failure.requestID),
        ]
    }
}
