public import PluginKit

/// An engine's client that repeats what may be repeated, and turns refusals into errors.
public final class StoreClient: Sendable {
    /// What is wrong with a response; nil: it is accepted.
    public typealias Refusal = @Sendable (HTTPRequest, HTTPResponse) -> StoreError?

    /// Where an attempt stands.
    public struct Attempt: Sendable {
        /// 1 for the first.
        public let number: Int
        /// Why the one before failed. If its `retry` is `.credentials`, fetch new ones.
        public let previous: StoreError?
        /// Whether one before may have been done all the same, so that what it made is found now.
        public let hadUnknownEffect: Bool
    }

    /// What became of a request that got no answer.
    public enum Outcome: Sendable {
        /// It was done, and this stands for its response.
        case done(HTTPResponse)
        /// It wasn't; it may be repeated.
        case notDone
        /// Nobody knows; the error is passed on.
        case unknown
    }

    /// What carries the requests.
    public let engine: HTTPEngine
    let policy: RetryPolicy
    let budget: RetryBudget
    let log: HostLog
    let timer: HostTimer
    private let refusal: Refusal

    /// `refusal` is asked about each response of `send`, also about a 2xx, and about those of `open` that aren't 2xx.
    public init(
        _ engine: HTTPEngine, retries: RetryPolicy = RetryPolicy(), host: Host, refusal: @escaping Refusal
    ) {
        self.engine = engine
        self.refusal = refusal
        policy = retries
        budget = RetryBudget(retries.budget)
        log = host.log
        timer = host.timer
    }

    /// Sends a request until there is an answer to it.
    ///
    /// `make` builds and signs it anew for each attempt. `check` is asked when a request that isn't idempotent may have
    /// been done although it failed; without it such a request isn't repeated. `refusal` stands in for the client's.
    /// - Throws: `StoreError`, and what `make` and `check` throw.
    public func send(
        _ deadline: Deadline, check: ((StoreError) async throws -> Outcome)? = nil, refusal: Refusal? = nil,
        make: (Attempt) async throws -> HTTPRequest
    ) async throws -> HTTPResponse {
        var attempts = Attempts(self, deadline)
        while true {
            let request = try await make(attempts.current)
            let failure: StoreError
            do throws(StoreError) {
                let response = try await engine.send(request, deadline)
                guard let error = (refusal ?? self.refusal)(request, response) else {
                    attempts.succeed()
                    return response
                }
                failure = error
            } catch {
                failure = error
            }
            if attempts.needsCheck(failure, request), let check {
                switch try await check(failure) {
                case .done(let response):
                    attempts.succeed()
                    return response
                case .notDone: break
                case .unknown: throw attempts.giveUp(failure, request)
                }
            } else if attempts.needsCheck(failure, request) {
                throw attempts.giveUp(failure, request)
            }
            try await attempts.prepareNext(failure, request)
        }
    }

    /// Opens a stream. A body that breaks off later is the reader's matter: `StreamReader` goes on behind what came.
    public func open(
        _ deadline: Deadline, refusal: Refusal? = nil, make: (Attempt) async throws -> HTTPRequest
    ) async throws -> HTTPStream {
        var attempts = Attempts(self, deadline)
        while true {
            let request = try await make(attempts.current)
            let failure: StoreError
            do throws(StoreError) {
                let stream = try await engine.open(request, deadline)
                if stream.isSuccess {
                    attempts.succeed()
                    return stream
                }
                let body = try await stream.collect(limit: request.responseLimit, deadline)
                let response = HTTPResponse(status: stream.status, headers: stream.headers, body: body)
                guard let error = (refusal ?? self.refusal)(request, response) else {
                    attempts.succeed()
                    return HTTPStream(
                        status: stream.status, headers: stream.headers, StreamBuffer(engine.blocks, holding: body))
                }
                failure = error
            } catch {
                failure = error
            }
            try await attempts.prepareNext(failure, request)
        }
    }
}
