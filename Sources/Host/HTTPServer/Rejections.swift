import Logging
import NIOCore
import Synchronization

/// Says in the log that connections are turned away, once in a while.
final class Rejections: Sendable {
    private struct State {
        var count = 0
        var saidAt: NIODeadline?
    }

    private static let pause = TimeAmount.seconds(60)
    private let state = Mutex(State())

    /// A connection was turned away.
    func note(limit: Int, _ logger: Logger) {
        let count: Int? = state.withLock { state in
            state.count += 1
            if let saidAt = state.saidAt, saidAt + Self.pause > .now() { return nil }
            state.saidAt = .now()
            defer { state.count = 0 }
            return state.count
        }
        guard let count else { return }
        logger.warning(
            "too many connections: some are turned away",
            metadata: ["limit": "\(limit)", "turned away": "\(count)"])
    }
}
