public import Logging
import NIOCore
import NIOPosix
import Synchronization

/// An HTTP server: HTTP/1.1, and HTTP/2 where it is enabled, on TCP and unix sockets.
///
/// One server starts once and shuts down once. A client that closes its sending side counts as gone: the task of its
/// request is cancelled and the connection closed.
public final class HTTPServer: Sendable {
    private struct State {
        var group: MultiThreadedEventLoopGroup?
        var loops: [LoopContext] = []
        var listeners: [any Channel] = []
        var sockets: [SocketFile] = []
        var isStarted = false
    }

    private let core: ServerCore
    private let state = Mutex(State())

    /// A server that does not listen yet.
    ///
    /// - Parameters:
    ///   - configuration: where and how to listen
    ///   - logger: gets what goes wrong inside the server; what clients do wrong is logged at debug level
    ///   - responder: answers requests
    ///   - onExchange: called on the connection's event loop after each exchange; must not block
    public init(
        configuration: HTTPServerConfiguration, logger: Logger, responder: any HTTPResponder,
        onExchange: (@Sendable (HTTPExchange) -> Void)? = nil
    ) {
        core = ServerCore(
            configuration: configuration, logger: logger, responder: responder, onExchange: onExchange)
    }

    /// Opens the listeners.
    ///
    /// - Returns: the addresses in the order of the configuration, with the ports that were chosen
    /// - Throws: what keeps a listener or the certificate from being used; nothing listens then
    public func start() async throws -> [HTTPServerConfiguration.Address] {
        let isFirst = state.withLock { state in
            defer { state.isStarted = true }
            return !state.isStarted
        }
        guard isFirst else { throw StartError.alreadyStarted }
        let tls = try core.configuration.tls.map {
            try TLSSetup.context($0, offersHTTP2: core.configuration.http2)
        }
        let threads = core.configuration.eventLoopThreads
        let group = MultiThreadedEventLoopGroup(numberOfThreads: threads > 0 ? threads : System.coreCount)
        let loops = group.makeIterator().map { LoopContext(loop: $0, core: core) }
        state.withLock { state in
            state.group = group
            state.loops = loops
        }
        do {
            return try await listen(group, Listener(core: core, loops: loops, tls: tls))
        } catch {
            await shutdown(drain: .zero)
            throw error
        }
    }

    private func listen(
        _ group: MultiThreadedEventLoopGroup, _ listener: Listener
    ) async throws -> [HTTPServerConfiguration.Address] {
        var bound: [HTTPServerConfiguration.Address] = []
        for address in core.configuration.addresses {
            let channel: any Channel
            do {
                channel = try await listener.open(address, group: group)
            } catch {
                throw StartError(error, at: address)
            }
            let file: SocketFile? = if case .unix(let path) = address { SocketFile(path) } else { nil }
            state.withLock { state in
                state.listeners.append(channel)
                if let file { state.sockets.append(file) }
            }
            if case .tcp(let host, _) = address, let port = channel.localAddress?.port {
                bound.append(.tcp(host: channel.localAddress?.ipAddress ?? host, port: port))
            } else {
                bound.append(address)
            }
        }
        return bound
    }

    /// Stops: no connection is accepted any more, idle ones are closed, running exchanges may finish.
    ///
    /// - Parameter drain: after this the rest is closed and its tasks are cancelled
    public func shutdown(drain: Duration) async {
        let (group, loops, listeners, sockets) = state.withLock { state in
            defer {
                state.group = nil
                state.loops = []
                state.listeners = []
                state.sockets = []
            }
            return (state.group, state.loops, state.listeners, state.sockets)
        }
        guard let group else { return }
        for listener in listeners { try? await listener.close().get() }
        for socket in sockets { socket.remove() }
        for context in loops { context.loop.execute { context.drain() } }
        if let timer = loops.first?.loop {
            let nanoseconds = Ticks.nanoseconds(drain)
            let abort = timer.scheduleTask(in: .nanoseconds(nanoseconds)) {
                for context in loops { context.loop.execute { context.abort() } }
            }
            // A responder that ignores its cancellation is not waited for.
            let end = timer.scheduleTask(in: .nanoseconds(nanoseconds) + .seconds(5)) { [core] in
                core.activity.giveUp()
            }
            await core.activity.idle()
            abort.cancel()
            end.cancel()
        }
        await stop(group)
    }

    private func stop(_ group: MultiThreadedEventLoopGroup) async {
        guard core.activity.isIdle else {
            // Their jobs need the loops.
            core.logger.warning("request handlers still run after the end of the drain")
            return
        }
        try? await group.shutdownGracefully()
        await core.stopBlockingPool()
    }
}
