import Logging
import NIOCore
import NIOHTTP2

/// Watches an HTTP/2 connection: idle time, drain, and the end of its socket. Its streams look after themselves.
final class HTTP2Connection: WatchedHandler, ChannelInboundHandler, @unchecked Sendable {
    // Guard: all mutable state is touched on `loop.loop` only.
    typealias InboundIn = HTTP2Frame

    /// Flow-control window of a stream and of the connection: what an upload may have in flight.
    static let window = 1024 * 1024
    /// Largest frame that is taken; few clients use more than the default, and theirs are cheaper.
    static let frame = 256 * 1024

    /// Of its streams.
    let bodies: BodyMemory
    private var streams = 0
    private var hasStreams = false
    private var isQuiescing = false

    override init(loop: LoopContext, connection: Connection) {
        bodies = BodyMemory(limit: loop.core.configuration.limits.connectionBodyBytes, partOf: loop.core.bodies)
        super.init(loop: loop, connection: connection)
    }

    func channelInactive(context: ChannelHandlerContext) {
        loop.unwatch(self)
        context.fireChannelInactive()
    }

    /// A stream has begun. The multiplexer tells its streams, not the connection's pipeline.
    func streamOpened() {
        streams += 1
        hasStreams = true
    }

    func streamClosed() {
        streams -= 1
        mark = loop.tick
    }

    /// Errors of HTTP/2 come here whether they concern one stream, which NIO has reset, or the connection. The latter
    /// ends with its GOAWAY (`GoAwayWatch`); here it ends when its transport fails or a frame could not be written.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        loop.core.logger.debug(
            "HTTP/2 failed", metadata: ["error": "\(error)", "peer": "\(connection.remoteAddress)"])
        if error is any NIOHTTP2Error, !(error is NIOHTTP2Errors.UnableToSerializeFrame) { return }
        abortSoon()
    }

    /// Not at once: the multiplexer is in the middle of a read, and a close within it leaves stream channels behind.
    func abortSoon() {
        loop.loop.execute { self.abort() }
    }

    override func sweep(tick: Int) {
        guard streams <= 0 else { return }
        let waited = tick - mark
        if waited > loop.ticks.linger, isQuiescing {
            abort()
        } else if waited > (hasStreams ? loop.ticks.keepAlive : loop.ticks.header) {
            drain()
        }
    }

    /// Sends GOAWAY; the connection closes with its last stream.
    override func drain() {
        guard !isQuiescing, let context else { return }
        isQuiescing = true
        mark = loop.tick
        context.channel.pipeline.fireUserInboundEventTriggered(ChannelShouldQuiesceEvent())
    }
}
