import PluginABI

/// A path that has been checked: `/` then segments joined by `/`, each of `[A-Za-z0-9._-]`, none of them `.` or `..` and
/// none reserved for drivers; or `/` alone where that is legal.
///
/// A view of the host's memory, good until the operation returns (ABI: inputs live until done). Copy `text` to keep it.
public struct StoragePath: @unchecked Sendable {
    // Sendable: immutable bytes.
    /// The bytes, the leading `/` included.
    public let bytes: UnsafeRawBufferPointer
    let raw: moor_str

    /// The longest path the ABI knows, in bytes.
    public static let maximumLength = 1024

    /// Checks a path. `root`: `/` alone is legal too.
    init(_ raw: moor_str, root: Bool = false, maximum: Int = StoragePath.maximumLength) throws(PluginError) {
        self.raw = raw
        bytes = raw.bytes
        guard raw.len <= maximum, bytes.count == raw.len else { throw StoragePath.malformed }
        if bytes.count == 1, bytes[0] == UInt8(ascii: "/"), root { return }
        guard StoragePath.isValid(bytes) else { throw StoragePath.malformed }
    }

    /// Whether this is `/`.
    public var isRoot: Bool { bytes.count == 1 }

    /// A copy as a string.
    public var text: String { String(decoding: bytes, as: UTF8.self) }

    /// Without the leading `/`; empty for the root.
    public var relative: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: bytes[1...]) }

    /// Whether both are the same path.
    public static func == (a: StoragePath, b: StoragePath) -> Bool { a.bytes.elementsEqual(b.bytes) }

    static var malformed: PluginError {
        PluginError(.invalidArgument, "the path isn't made of /-separated names of [A-Za-z0-9._-]", noEffect: true)
    }
}

extension StoragePath {
    /// `.`, 32 lower-case hexadecimal digits, `.tmp`: the end of names that belong to drivers and begin with `.`.
    private static let reservedLength = 37

    /// Bit n: the byte n + 64·i is legal in a name.
    private static let legalLow: UInt64 = 0x03ff_6000_0000_0000
    private static let legalHigh: UInt64 = 0x07ff_fffe_87ff_fffe

    /// Whether a byte may stand in a name.
    static func isLegal(_ byte: UInt8) -> Bool {
        let word = byte < 64 ? legalLow : legalHigh
        return byte < 128 && word >> UInt64(byte & 63) & 1 == 1
    }

    /// Whether the bytes are a path of at least one segment. Runs before every operation, so eight bytes at a time.
    static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 2, bytes[0] == UInt8(ascii: "/") else { return false }
        var start = 1
        var index = 1
        while index < bytes.count {
            let word = PathWord(bytes, at: index)
            guard word.isLegal else { return false }
            var slashes = word.slashes
            while slashes != 0 {
                let end = index + slashes.trailingZeroBitCount / 8
                guard isSegment(bytes, start, end) else { return false }
                start = end + 1
                slashes &= slashes &- 1
            }
            index += 8
        }
        return isSegment(bytes, start, bytes.count)
    }

    /// Whether a run of legal bytes is a segment.
    private static func isSegment(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
        let count = end - start
        if count == 0 { return false }
        guard bytes[start] == UInt8(ascii: ".") else { return true }
        if count == 1 || count == 2 && bytes[start + 1] == UInt8(ascii: ".") { return false }
        return !isReserved(bytes, start + 1, end)
    }

    /// Whether a name that begins with a dot ends as only drivers' own names may.
    /// - Parameter start: behind the dot.
    private static func isReserved(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
        guard end - start >= reservedLength, bytes[end - 1] == UInt8(ascii: "p"), bytes[end - 4] == UInt8(ascii: "."),
            bytes[end - 3] == UInt8(ascii: "t"), bytes[end - 2] == UInt8(ascii: "m"),
            bytes[end - reservedLength] == UInt8(ascii: ".")
        else { return false }
        for index in (end - reservedLength + 1)..<(end - 4) {
            let byte = bytes[index]
            let digit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
            guard digit || byte >= UInt8(ascii: "a") && byte <= UInt8(ascii: "f") else { return false }
        }
        return true
    }

    /// Whether a name from the backend can be shown: legal, and not a driver's own.
    public static func isName(_ name: UnsafeRawBufferPointer) -> Bool {
        for byte in name where !isLegal(byte) { return false }
        return isSegment(name, 0, name.count)
    }
}

/// Eight bytes of a path, examined at once. Each test gives the high bit of the bytes that pass it.
private struct PathWord {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highs: UInt64 = 0x8080_8080_8080_8080
    private let word: UInt64

    /// The bytes from `index`; those behind the end count as letters.
    @inline(__always)
    init(_ bytes: UnsafeRawBufferPointer, at index: Int) {
        let left = bytes.count - index
        if left >= 8 {
            word = bytes.loadUnaligned(fromByteOffset: index, as: UInt64.self)
        } else {
            var tail = PathWord.ones &* UInt64(UInt8(ascii: "a"))
            withUnsafeMutableBytes(of: &tail) { tail in
                tail.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[index...]))
            }
            word = tail
        }
    }

    /// Whether all are letters, digits or one of `-._/`.
    var isLegal: Bool {
        if word & PathWord.highs != 0 { return false }
        // `-`, `.`, `/` and the digits follow one another in ASCII.
        let letters = PathWord.within(word | PathWord.ones &* 0x20, UInt8(ascii: "a"), UInt8(ascii: "z"))
        let others = PathWord.within(word, UInt8(ascii: "-"), UInt8(ascii: "9")) | equal(UInt8(ascii: "_"))
        return (letters | others) & PathWord.highs == PathWord.highs
    }

    /// Where a `/` stands.
    var slashes: UInt64 { equal(UInt8(ascii: "/")) }

    /// Bytes of 7 bits that lie in a range.
    private static func within(_ word: UInt64, _ low: UInt8, _ high: UInt8) -> UInt64 {
        let notBelow = word &+ ones &* UInt64(0x80 - low)
        let above = word &+ ones &* UInt64(0x7f - high)
        return notBelow & ~above & highs
    }

    /// Bytes of 7 bits that equal one.
    private func equal(_ byte: UInt8) -> UInt64 {
        let difference = word ^ PathWord.ones &* UInt64(byte)
        return ~(difference &+ PathWord.ones &* 0x7f) & PathWord.highs
    }
}
