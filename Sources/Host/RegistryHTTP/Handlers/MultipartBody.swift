import HTTPServer
import NIOCore
import RegistryCore
import RegistryModel

/// Several parts of a blob, each with a head of its own (`multipart/byteranges`, RFC 9110, 14.6). One part is open at a time.
final class MultipartBody: HTTPBodySource, @unchecked Sendable {
    // @unchecked: one call at a time, by contract.
    private let open: @Sendable (Range<UInt64>) async throws -> BlobContent
    private let size: UInt64
    private let boundary: String
    private var parts: ArraySlice<Range<UInt64>>
    private var current: BlobReader?
    private var waiting: ByteBuffer?
    private var hasEnded = false

    /// Bytes of the whole body.
    let length: UInt64
    var contentType: String { "multipart/byteranges; boundary=\(boundary)" }

    init(
        _ parts: [Range<UInt64>], of size: UInt64,
        open: @escaping @Sendable (Range<UInt64>) async throws -> BlobContent
    ) {
        self.open = open
        self.size = size
        self.parts = parts[...]
        let boundary =
            String(UInt64.random(in: 0 ... .max), radix: 16) + String(UInt64.random(in: 0 ... .max), radix: 16)
        self.boundary = boundary
        length =
            parts.reduce(0) { $0 + UInt64(Self.head($1, of: size, boundary).utf8.count) + UInt64($1.count) }
            + UInt64(Self.end(boundary).utf8.count)
    }

    private static func head(_ part: Range<UInt64>, of size: UInt64, _ boundary: String) -> String {
        """
        \r\n--\(boundary)\r\nContent-Type: application/octet-stream\r\n\
        Content-Range: bytes \(part.lowerBound)-\(part.upperBound - 1)/\(size)\r\n\r\n
        """
    }

    private static func end(_ boundary: String) -> String { "\r\n--\(boundary)--\r\n" }

    func next(upTo maximum: Int) async throws -> ByteBuffer? {
        while true {
            if var bytes = waiting {
                let slice = bytes.readSlice(length: min(maximum, bytes.readableBytes))
                waiting = bytes.readableBytes > 0 ? bytes : nil
                if let slice, slice.readableBytes > 0 { return slice }
            } else if let reader = current {
                if let bytes = try await reader.next(upTo: maximum) { return bytes }
                reader.close()
                current = nil
            } else if let part = parts.popFirst() {
                var head = ByteBuffer(string: Self.head(part, of: size, boundary))
                switch try await open(part).source {
                case .bytes(var bytes): head.writeBuffer(&bytes)
                case .reader(let reader): current = reader
                }
                waiting = head
            } else if !hasEnded {
                hasEnded = true
                waiting = ByteBuffer(string: Self.end(boundary))
            } else {
                return nil
            }
        }
    }

    func close() { current?.close() }
}
