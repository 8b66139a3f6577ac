import Logging
import NIOCore
import NIOHTTP1
import NIOTLS

/// Holds the place of the protocol's handlers until it is known which protocol it is, and bounds the time until then.
class NegotiatingHandler: WatchedHandler {
    private let setup: ConnectionSetup

    init(setup: ConnectionSetup, loop: LoopContext, connection: Connection) {
        self.setup = setup
        super.init(loop: loop, connection: connection)
    }

    override func sweep(tick: Int) {
        if tick - mark > loop.ticks.header { abort() }
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
