import Logging
import NIOCore
import NIOHTTP1
import NIOTLS

/// Holds the place of the protocol's handlers until it is known which protocol it is, and bounds the time until then.
class NegotiatingHandler: Watched {
    let setup: ConnectionSetup
    let loop: LoopContext
    let connection: Connection
    var context: ChannelHandlerContext?
    var watchIndex = -1
    private let start: Int

    init(setup: ConnectionSetup, loop: LoopContext, connection: Connection) {
        self.setup = setup
        self.loop = loop
        self.connection = connection
        start = loop.tick
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.watch(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        loop.unwatch(self)
        self.context = nil
    }

    func sweep(tick: Int) {
        if tick - start > loop.ticks.header { abort() }
    }

    func drain() {
        abort()
    }

    func abort() {
        context?.close(promise: nil)
    }

    /// Adds the handlers of the protocol; false if that failed and the connection is closed.
    func configure(_ context: ChannelHandlerContext, isHTTP2: Bool) -> Bool {
        do {
            let pipeline = context.pipeline.syncOperations
            if isHTTP2 {
                try setup.configureHTTP2(pipeline, loop, connection)
            } else {
                try setup.configureHTTP1(pipeline, loop, connection)
            }
            return true
        } catch {
            context.close(promise: nil)
            return false
        }
    }
}

/// Waits for the TLS handshake and follows ALPN.
final class NegotiationHandler: NegotiatingHandler, ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard case .handshakeCompleted(let name)? = event as? TLSUserEvent else {
            context.fireUserInboundEventTriggered(event)
            return
        }
        if configure(context, isHTTP2: name == "h2") {
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        loop.core.logger.debug(
            "TLS handshake failed", metadata: ["error": "\(error)", "peer": "\(connection.remoteAddress)"])
        context.close(promise: nil)
    }
}

/// Tells HTTP/2 with prior knowledge from HTTP/1 by its first bytes.
final class PrefaceHandler: NegotiatingHandler, ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// RFC 9113 §3.4.
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)
    private var received = ByteBuffer()

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        received.writeImmutableBuffer(PrefaceHandler.unwrapInboundIn(data))
        let seen = received.readableBytesView.prefix(PrefaceHandler.preface.count)
        let matches = PrefaceHandler.preface.starts(with: seen)
        if matches && seen.count < PrefaceHandler.preface.count { return }
        guard configure(context, isHTTP2: matches) else { return }
        context.fireChannelRead(NIOAny(received))
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }
}

/// Turns away a connection that is one too many: 503 on clear text, and closed.
final class RejectingHandler: ChannelInboundHandler, Watched {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    private static let answer =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\nConnection: close\r\n\r\n"

    private let loop: LoopContext
    private let connection: Connection
    private let start: Int
    private var context: ChannelHandlerContext?
    var watchIndex = -1

    init(loop: LoopContext, connection: Connection) {
        self.loop = loop
        self.connection = connection
        start = loop.tick
    }

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        loop.watch(self)
        if context.channel.isActive { reject(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        loop.unwatch(self)
        self.context = nil
    }

    func channelActive(context: ChannelHandlerContext) {
        reject(context)
    }

    /// What the client sends is dropped: a reset could destroy the answer before it is read.
    func channelRead(context: ChannelHandlerContext, data: NIOAny) {}

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    private func reject(_ context: ChannelHandlerContext) {
        let limits = loop.core.configuration.limits
        let excess = loop.core.activity.connections - limits.connections
        guard !connection.isSecure, excess < 256 else {
            context.close(promise: nil)
            return
        }
        context.writeAndFlush(NIOAny(ByteBuffer(string: RejectingHandler.answer)), promise: nil)
        context.close(mode: .output, promise: nil)
    }

    func sweep(tick: Int) {
        if tick - start > 1 { abort() }
    }

    func drain() {
        abort()
    }

    func abort() {
        context?.close(promise: nil)
    }
}
