public import PluginKit
import Synchronization

/// The reader of an object that comes as a stream. It delivers exactly the bytes that were asked for, or fails.
///
/// When a transfer breaks off, it is opened anew behind the last byte that came, up to three times without progress. A
/// failure that remains is logged with the operation, the subject and the store's name for the request.
public final class StreamReader: ObjectReader {
    /// Opens the rest of the object: `remaining` bytes from `offset`. It must be the same content, so it asks with
    /// `If-Match`.
    public typealias Reopen = @Sendable (_ offset: UInt64, _ remaining: UInt64, Deadline) async throws -> HTTPStream

    private struct State {
        var stream: HTTPStream
        var offset: UInt64
        var remaining: UInt64
        /// Times that it was opened anew since bytes came.
        var reopenings = 0
    }

    private static let maximumReopenings = 3

    private let state: Mutex<State>
    private let host: Host
    private let operation: String
    private let subject: String
    private let reopen: Reopen?

    /// A reader of `length` bytes that begin at `offset` of the object and come with `stream`.
    public init(
        _ stream: HTTPStream, offset: UInt64, length: UInt64, host: Host, operation: String, subject: String,
        reopen: Reopen?
    ) {
        state = Mutex(State(stream: stream, offset: offset, remaining: length))
        self.host = host
        self.operation = operation
        self.subject = subject
        self.reopen = reopen
    }

    /// The next bytes; none at the end.
    public func next(maximum: Int, _ call: CallContext) async throws -> OwnedBytes {
        try await next(maximum: maximum, Deadline(call))
    }

    func next(maximum: Int, _ deadline: Deadline) async throws -> OwnedBytes {
        while true {
            let (stream, remaining) = state.withLock { ($0.stream, $0.remaining) }
            guard remaining > 0 else { return OwnedBytes() }
            do throws(StoreError) {
                let bytes = try await stream.next(
                    maximum: Int(clamping: min(remaining, UInt64(max(maximum, 1)))), deadline)
                guard bytes.count > 0 else { throw ended(stream) }
                advance(by: bytes.count)
                return bytes
            } catch {
                try await resume(after: error, deadline)
            }
        }
    }

    private func advance(by count: Int) {
        state.withLock { state in
            state.offset += UInt64(count)
            state.remaining -= UInt64(count)
            state.reopenings = 0
        }
    }

    /// The store ended the body in good order, but too early.
    private func ended(_ stream: HTTPStream) -> StoreError {
        var error = StoreError(
            .unavailable, "\(operation): the store sent less than it said", cause: .truncated, retry: .connection)
        error.requestID = stream.headers.requestID
        return error
    }

    /// Opens the rest, or throws what was the matter.
    private func resume(after error: StoreError, _ deadline: Deadline) async throws {
        let (offset, remaining, times) = state.withLock { state in
            state.reopenings += 1
            return (state.offset, state.remaining, state.reopenings)
        }
        guard error.retry != nil, times <= Self.maximumReopenings, let reopen else { throw report(error) }
        host.log.write(.info, "a download broke off and goes on", target: "objectstore", fields(error))
        do {
            if times > 1 { try await host.timer.sleep(nanoseconds: Int64(times - 1) * 200_000_000) }
            let stream = try await reopen(offset, remaining, deadline)
            state.withLock { $0.stream = stream }
        } catch let failure as StoreError where failure.retry != nil {
            // The next round reads from the broken stream, whose error brings it here again.
            return
        }
    }

    private func report(_ error: StoreError) -> StoreError {
        if error.kind != .cancelled {
            host.log.write(.warning, "a download ended short: \(error.message)", target: "objectstore", fields(error))
        }
        return error
    }

    private func fields(_ error: StoreError) -> [(String, String)] {
        let (offset, remaining) = state.withLock { ($0.offset, $0.remaining) }
        return [
            ("operation", operation), ("subject", StoreError.clean(subject, limit: 256)), ("offset", "\(offset)"),
            ("remaining", "\(remaining)"), ("cause", error.cause.rawValue), ("store_request_id", error.requestID),
        ]
    }
}
