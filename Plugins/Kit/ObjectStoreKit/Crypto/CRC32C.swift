import CChecksum

/// CRC-32C (Castagnoli) as the bytes come, with the processor's instruction where it has one.
public struct CRC32C: Sendable {
    private var register: UInt32 = .max

    /// Of nothing yet.
    public init() {}

    /// Goes on behind bytes that have this sum.
    public init(_ value: UInt32) { register = ~value }

    /// Goes on with more bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        if Self.hasInstruction {
            let start = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
            register = checksum_crc32c(register, start, bytes.count)
        } else {
            register = Self.slow(register, bytes)
        }
    }

    /// The sum so far.
    public var value: UInt32 { ~register }

    /// The sum so far as the stores' headers hold it, before Base64.
    public var bigEndianBytes: [UInt8] { withUnsafeBytes(of: value.bigEndian) { Array($0) } }

    private static let hasInstruction = checksum_has_crc32c() != 0

    /// Without the instruction: a table of 256 remainders.
    static func slow(_ register: UInt32, _ bytes: UnsafeRawBufferPointer) -> UInt32 {
        table.withUnsafeBufferPointer { table in
            bytes.reduce(register) { $0 >> 8 ^ table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] }
        }
    }

    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 0 ? value >> 1 : value >> 1 ^ 0x82F6_3B78 }
    }
}
