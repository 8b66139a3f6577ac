import Logging
import NIOCore
import NIOPosix
import Synchronization

/// What all connections of a server share.
final class ServerCore: Sendable {
    let configuration: HTTPServerConfiguration
    let logger: Logger
    let responder: any HTTPResponder
    let onExchange: (@Sendable (HTTPExchange) -> Void)?
    private let pool = Mutex<NIOThreadPool?>(nil)
    let activity = Activity()
    let rejections = Rejections()
    /// Of all HTTP/2 connections.
    let bodies: BodyMemory

    init(
        configuration: HTTPServerConfiguration, logger: Logger, responder: any HTTPResponder,
        onExchange: (@Sendable (HTTPExchange) -> Void)?
    ) {
        self.configuration = configuration
        self.logger = logger
        self.responder = responder
        self.onExchange = onExchange
        bodies = BodyMemory(limit: configuration.limits.bodyBytes)
    }

    /// Threads for reading what is not in memory; they start with the first use.
    var blockingPool: NIOThreadPool {
        pool.withLock { pool in
            if let pool { return pool }
            let new = NIOThreadPool(numberOfThreads: max(1, configuration.blockingThreads))
            new.start()
            pool = new
            return new
        }
    }

    func stopBlockingPool() async {
        let pool = self.pool.withLock { $0.take() }
        try? await pool?.shutdownGracefully()
    }
}

/// Counts connections, so that a drain can wait for the last of them.
final class Activity: Sendable {
    private struct State {
        var connections = 0
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())

    /// Open connections.
    var connections: Int { state.withLock { $0.connections } }

    /// Counts a new connection and returns how many there are with it.
    func connectionOpened() -> Int {
        state.withLock { state in
            state.connections += 1
            return state.connections
        }
    }

    func connectionClosed() {
        let waiter = state.withLock { state -> CheckedContinuation<Void, Never>? in
            state.connections -= 1
            return state.connections == 0 ? state.waiter.take() : nil
        }
        waiter?.resume()
    }

    /// Waits until there are no connections, or `giveUp` is called. One caller at a time.
    func idle() async {
        await withCheckedContinuation { continuation in
            let isIdle = state.withLock { state in
                if state.connections == 0 { return true }
                state.waiter = continuation
                return false
            }
            if isIdle { continuation.resume() }
        }
    }

    /// Lets the waiter go.
    func giveUp() {
        let waiter = state.withLock { $0.waiter.take() }
        waiter?.resume()
    }

    /// Whether nothing is left.
    var isIdle: Bool { state.withLock { $0.connections == 0 } }
}
