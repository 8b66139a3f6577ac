import NIOCore

/// Sits below the HTTP/2 codec and follows the frames that leave. NIO ends a connection on an error by sending GOAWAY
/// and stops there; its errors as such do not tell a broken connection from one stream that was reset.
final class GoAwayWatch: ChannelOutboundHandler {
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private static let goAway: UInt8 = 7
    private static let headLength = 9

    /// Called when a GOAWAY with an error was written.
    var onError: (() -> Void)?
    /// Bytes of the current frame that are still to come.
    private var rest = 0

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        var endsWithError = false
        switch GoAwayWatch.unwrapOutboundIn(data) {
        case .byteBuffer(let bytes): endsWithError = follow(bytes)
        case .fileRegion(let region): rest = max(0, rest - region.readableBytes)
        }
        context.write(data, promise: promise)
        if endsWithError { onError?() }
    }

    /// Walks over the frames of a buffer; a frame's payload may come in a buffer of its own.
    private func follow(_ bytes: ByteBuffer) -> Bool {
        var bytes = bytes
        var endsWithError = false
        while bytes.readableBytes > 0 {
            let step = min(rest, bytes.readableBytes)
            bytes.moveReaderIndex(forwardBy: step)
            rest -= step
            guard rest == 0, bytes.readableBytes >= GoAwayWatch.headLength else { break }
            let start = bytes.readerIndex
            let word = bytes.getInteger(at: start, as: UInt32.self) ?? 0
            bytes.moveReaderIndex(forwardBy: GoAwayWatch.headLength)
            rest = Int(word >> 8)
            // The last stream, then the error code; 0 is the polite end.
            if UInt8(truncatingIfNeeded: word) == GoAwayWatch.goAway {
                endsWithError = bytes.getInteger(at: bytes.readerIndex + 4, as: UInt32.self) != 0
            }
        }
        return endsWithError
    }
}
