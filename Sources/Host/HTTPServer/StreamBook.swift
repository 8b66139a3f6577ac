import NIOCore
import NIOHTTP2

/// Hands the life of HTTP/2 streams to NIO's connection handler in order. A stream that is answered or closed while it is
/// being set up is reported closed before it is reported open, which that handler takes for a fault (an assertion), or
/// for a stream that stays open for ever.
final class StreamBook: NIOHTTP2StreamDelegate, @unchecked Sendable {  // Guard: touched on `loop` only.
    private let next: any NIOHTTP2StreamDelegate
    private let loop: any EventLoop
    private var open: Set<HTTP2StreamID> = []
    private var closedEarly: Set<HTTP2StreamID> = []

    init(_ next: any NIOHTTP2StreamDelegate, on loop: any EventLoop) {
        self.next = next
        self.loop = loop
    }

    func streamCreated(_ id: HTTP2StreamID, channel: any Channel) {
        loop.preconditionInEventLoop()
        next.streamCreated(id, channel: channel)
        if closedEarly.remove(id) == nil {
            open.insert(id)
        } else {
            next.streamClosed(id, channel: channel)
        }
    }

    func streamClosed(_ id: HTTP2StreamID, channel: any Channel) {
        loop.preconditionInEventLoop()
        if open.remove(id) == nil {
            closedEarly.insert(id)
        } else {
            next.streamClosed(id, channel: channel)
        }
    }
}
