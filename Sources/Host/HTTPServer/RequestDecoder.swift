import NIOCore
import NIOHTTP1

/// A request that is answered by the server itself, after which the connection ends.
struct RequestRefusal: Error, Hashable {
    let status: HTTPResponseStatus
}

/// NIO's HTTP/1 parser with our limits; turns its errors into statuses, and tells when the first bytes of a head
/// arrive.
final class RequestDecoder: ByteToMessageDecoder {
    typealias InboundOut = HTTPServerRequestPart

    private let parser: HTTPRequestDecoder
    private let limits: HTTPServerConfiguration.Limits
    private let bytesArrived: () -> Void

    init(limits: HTTPServerConfiguration.Limits, bytesArrived: @escaping () -> Void) {
        var configuration = NIOHTTPDecoderLimitConfiguration()
        configuration.maxHeaderFieldSize = limits.headerBytes
        // The parser counts the target as part of the list.
        configuration.maxHeaderListSize = RequestDecoder.sum(limits.headerBytes, limits.targetBytes)
        configuration.maxHeaderFieldCount = limits.headerCount
        parser = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: configuration)
        self.limits = limits
        self.bytesArrived = bytesArrived
    }

    func decoderAdded(context: ChannelHandlerContext) {
        parser.decoderAdded(context: context)
    }

    func decoderRemoved(context: ChannelHandlerContext) {
        parser.decoderRemoved(context: context)
    }

    func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        bytesArrived()
        do {
            return try parser.decode(context: context, buffer: &buffer)
        } catch {
            throw refusal(error, buffer)
        }
    }

    /// A connection that ends in the middle of a request is no error of syntax.
    func decodeLast(context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool) throws -> DecodingState {
        do {
            return try parser.decodeLast(context: context, buffer: &buffer, seenEOF: seenEOF)
        } catch HTTPParserError.invalidEOFState {
            return .needMoreData
        } catch {
            throw refusal(error, buffer)
        }
    }

    private func refusal(_ error: any Error, _ buffer: ByteBuffer) -> RequestRefusal {
        switch error {
        case HTTPParserError.headerOverflow:
            RequestRefusal(status: isInTarget(buffer) ? .uriTooLong : .requestHeaderFieldsTooLarge)
        case HTTPParserError.invalidVersion:
            RequestRefusal(status: .httpVersionNotSupported)
        default:
            RequestRefusal(status: .badRequest)
        }
    }

    /// Whether an overflow happened in the request target. The parser does not say: its buffer begins with the
    /// request line, the target, or the header field that it was reading.
    private func isInTarget(_ buffer: ByteBuffer) -> Bool {
        let line = buffer.readableBytesView.prefix { $0 != UInt8(ascii: "\n") }
        guard line.count > limits.targetBytes else { return false }
        let end = line.first { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "/") }
        return end != UInt8(ascii: ":")
    }

    private static func sum(_ one: Int, _ other: Int) -> Int {
        let (sum, overflow) = one.addingReportingOverflow(other)
        return overflow ? Int.max : sum
    }
}
