import NIOCore
import NIOHTTP1

/// Turns away a connection that is one too many: 503 on clear text, and closed.
final class RejectingHandler: WatchedHandler, ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// Connections beyond the limit that get an answer; more are closed without.
    private static let mostAnswered = 256

    override func handlerAdded(context: ChannelHandlerContext) {
        super.handlerAdded(context: context)
        if context.channel.isActive { reject(context) }
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
        if excess > 0 { loop.core.rejections.note(limit: limits.connections, loop.core.logger) }
        guard !connection.isSecure, excess < RejectingHandler.mostAnswered else {
            context.close(promise: nil)
            return
        }
        var response = loop.core.responder.refusal(.serviceUnavailable)
        response.headers.replaceOrAdd(name: "Retry-After", value: "1")
        var plan = ResponsePlan(response, method: .GET, version: .http1_1)
        plan.closes = true
        var bytes = ByteBuffer()
        _ = ResponseHead(
            status: response.status, headers: response.headers, plan: plan, isOldClient: false, dateLine: loop.dateLine
        ).write(to: &bytes)
        var sent: UInt64 = 0
        if case .bytes(let body) = response.body {
            sent = UInt64(body.readableBytes)
            bytes.writeImmutableBuffer(body)
        }
        context.writeAndFlush(NIOAny(bytes), promise: nil)
        loop.core.onExchange?(.refused(response, to: nil, on: connection, version: .http1_1, bytesSent: sent))
        context.close(mode: .output, promise: nil)
    }

    override func sweep(tick: Int) {
        if tick - mark > 1 { abort() }
    }
}

extension HTTPExchange {
    /// A request that the server refused itself; what could not be parsed of it is `-`.
    static func refused(
        _ response: HTTPResponse, to head: HTTPRequestHead?, on connection: Connection, version: HTTPVersion,
        bytesSent: UInt64
    ) -> HTTPExchange {
        HTTPExchange(
            method: head?.method ?? .RAW(value: "-"), target: head?.uri ?? "-", version: head?.version ?? version,
            requestHeaders: head?.headers ?? [:], remoteAddress: connection.remoteAddress,
            isSecure: connection.isSecure, status: response.status, responseHeaders: response.headers,
            bytesSent: bytesSent, bytesReceived: 0, duration: .zero, isComplete: true)
    }
}
