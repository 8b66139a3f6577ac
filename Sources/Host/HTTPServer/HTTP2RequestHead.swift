import NIOCore
import NIOHPACK
import NIOHTTP1
import NIOHTTP2

/// Prepares the head of an HTTP/2 request for NIO's codec, which takes nothing but the usual form of it: what is legal
/// otherwise is put into that form, the rest refused.
final class HTTP2RequestHead: ChannelInboundHandler {
    typealias InboundIn = HTTP2Frame.FramePayload
    typealias InboundOut = HTTP2Frame.FramePayload

    private var isHeadComplete = false

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isHeadComplete, case .headers(var frame) = HTTP2RequestHead.unwrapInboundIn(data) else {
            context.fireChannelRead(data)
            return
        }
        isHeadComplete = true
        if frame.headers.contains(name: ":authority"), frame.headers.contains(name: ":path") {
            context.fireChannelRead(data)
        } else if frame.headers.first(name: ":method") == "CONNECT" {
            context.fireErrorCaught(RequestRefusal(status: .notImplemented))
        } else if let host = frame.headers.first(name: "host") {
            // RFC 9113 §8.3.1: what was an HTTP/1 request may have `Host` in the place of `:authority`.
            var headers = HPACKHeaders([(":authority", host)])
            headers.add(contentsOf: frame.headers)
            frame.headers = headers
            context.fireChannelRead(HTTP2RequestHead.wrapInboundOut(.headers(frame)))
        } else {
            context.fireErrorCaught(RequestRefusal(status: .badRequest))
        }
    }
}
