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
    private let bytesArrived: (Int) throws(RequestRefusal) -> Bool
    /// Bytes that the parser has seen and left in the buffer.
    private var seen = 0
    /// Whether the request line of the current head has come. With pipelined requests, that of an earlier one.
    private var hasRequestLine = false

    /// - Parameter bytesArrived: told how many bytes have come; says whether a head begins with them
    init(
        limits: HTTPServerConfiguration.Limits, bytesArrived: @escaping (Int) throws(RequestRefusal) -> Bool
    ) {
        var configuration = NIOHTTPDecoderLimitConfiguration()
        configuration.maxHeaderFieldSize = limits.headerBytes
        // The parser counts the target as part of the list.
        configuration.maxHeaderListSize = RequestDecoder.sum(limits.headerBytes, limits.targetBytes)
        configuration.maxHeaderFieldCount = limits.headerCount
        parser = HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes, limitConfiguration: configuration)
        self.bytesArrived = bytesArrived
    }

    func decoderAdded(context: ChannelHandlerContext) {
        parser.decoderAdded(context: context)
    }

    func decoderRemoved(context: ChannelHandlerContext) {
        parser.decoderRemoved(context: context)
    }

    func decode(context: ChannelHandlerContext, buffer: inout ByteBuffer) throws -> DecodingState {
        let fresh = buffer.readableBytesView.dropFirst(seen)
        if try bytesArrived(fresh.count) { hasRequestLine = false }
        if !hasRequestLine {
            let line = seen == 0 ? fresh.drop { $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\n") } : fresh
            hasRequestLine = line.contains(UInt8(ascii: "\n"))
        }
        do {
            let state = try parser.decode(context: context, buffer: &buffer)
            seen = buffer.readableBytes
            return state
        } catch {
            throw refusal(error)
        }
    }

    /// A connection that ends in the middle of a request is no error of syntax.
    func decodeLast(context: ChannelHandlerContext, buffer: inout ByteBuffer, seenEOF: Bool) throws -> DecodingState {
        do {
            return try parser.decodeLast(context: context, buffer: &buffer, seenEOF: seenEOF)
        } catch HTTPParserError.invalidEOFState {
            return .needMoreData
        } catch {
            throw refusal(error)
        }
    }

    private func refusal(_ error: any Error) -> RequestRefusal {
        switch error {
        case HTTPParserError.headerOverflow:
            RequestRefusal(status: hasRequestLine ? .requestHeaderFieldsTooLarge : .uriTooLong)
        case HTTPParserError.invalidVersion:
            RequestRefusal(status: .httpVersionNotSupported)
        default:
            RequestRefusal(status: .badRequest)
        }
    }

    private static func sum(_ one: Int, _ other: Int) -> Int {
        let (sum, overflow) = one.addingReportingOverflow(other)
        return overflow ? Int.max : sum
    }
}
