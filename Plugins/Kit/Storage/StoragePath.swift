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
    /// `.`, 32 lower-case hexadecimal digits, `.tmp`: the end of names that belong to drivers.
    private static let reservedLength = 37

    /// Bit n: the byte n + 64·i is legal in a name.
    private static let legalLow: UInt64 = 0x03ff_6000_0000_0000
    private static let legalHigh: UInt64 = 0x07ff_fffe_87ff_fffe

    /// Whether a byte may stand in a name.
    static func isLegal(_ byte: UInt8) -> Bool {
        let word = byte < 64 ? legalLow : legalHigh
        return byte < 128 && word >> UInt64(byte & 63) & 1 == 1
    }

    /// Whether the bytes are a path of at least one segment.
    static func isValid(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard bytes.count >= 2, bytes[0] == UInt8(ascii: "/") else { return false }
        var start = 1
        for index in 1..<bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "/") {
                guard isSegment(bytes, start, index) else { return false }
                start = index + 1
            } else if !isLegal(byte) {
                return false
            }
        }
        return isSegment(bytes, start, bytes.count)
    }

    /// Whether a run of legal bytes is a segment.
    private static func isSegment(_ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int) -> Bool {
        let count = end - start
        if count == 0 { return false }
        if bytes[start] == UInt8(ascii: ".") {
            if count == 1 || count == 2 && bytes[start + 1] == UInt8(ascii: ".") { return false }
        }
        return !isReserved(bytes, start, end)
    }

    /// Whether a name ends as only drivers' own names may.
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
