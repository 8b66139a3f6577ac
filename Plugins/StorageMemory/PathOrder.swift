/// The order of a walk: bytewise, `/` before every other byte. So what lies below a path follows it at once.
///
/// - Returns: less than, equal to or greater than 0.
@inline(__always)
func pathOrder(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    guard let x = a.baseAddress, let y = b.baseAddress else { return a.count - b.count }
    let count = min(a.count, b.count)
    var index = 0
    // Paths have long beginnings in common: eight bytes at a time.
    while index + 8 <= count {
        let difference =
            x.loadUnaligned(fromByteOffset: index, as: UInt64.self)
            ^ y.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        if difference != 0 {
            index += difference.trailingZeroBitCount / 8
            return rank(x.load(fromByteOffset: index, as: UInt8.self))
                - rank(y.load(fromByteOffset: index, as: UInt8.self))
        }
        index += 8
    }
    while index < count {
        let (p, q) = (x.load(fromByteOffset: index, as: UInt8.self), y.load(fromByteOffset: index, as: UInt8.self))
        if p != q { return rank(p) - rank(q) }
        index += 1
    }
    return a.count - b.count
}

@inline(__always)
private func rank(_ byte: UInt8) -> Int { byte == UInt8(ascii: "/") ? -1 : Int(byte) }

/// The least byte that may follow a name besides `/`: what begins with a name and this stands behind all below the name.
let leastNameByte = UInt8(ascii: "-")

extension [UInt8] {
    /// Lends the bytes.
    @inline(__always)
    func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try withUnsafeBufferPointer { bytes throws(E) in try body(UnsafeRawBufferPointer(bytes)) }
    }

    /// Whether a path begins with these bytes.
    func begins(_ path: [UInt8]) -> Bool { path.starts(with: self) }
}

extension UnsafeRawBufferPointer {
    /// The path with a `/` behind it: what all paths below begin with.
    var below: [UInt8] { count == 1 ? [UInt8](self) : self + [UInt8(ascii: "/")] }
}
