import Glibc
import PluginKit

/// The name of a file or folder that nobody is to see: `.<name>.<32 hexadecimal digits>.tmp`, for a file beside the object
/// that it is to be. Such names are never listed. No repository, tag or upload begins with a dot, so none is ever taken for
/// one.
///
/// The first digit tells suspended bytes of writers (0), which an append may find, from puts on their way (f) and from
/// trees on their way out (d).
struct TemporaryName: Sendable {
    enum Purpose: UInt8, Sendable {
        case put = 0x66
        case writer = 0x30
        case tree = 0x64
    }

    private var bytes = InlineArray<256, UInt8>(repeating: 0)
    private var count = 0
    /// Where the digits begin.
    private var digits = 0

    static let digitCount = 32
    private static let suffixCount = 37
    private static let longestBase = 254 - suffixCount

    /// A new name.
    init(for name: UnsafeRawBufferPointer, _ purpose: Purpose) {
        append(base: name)
        var random = SystemRandomNumberGenerator()
        append(hexadecimal: random.next())
        append(hexadecimal: random.next())
        bytes[digits] = purpose.rawValue
        append(suffix: ".tmp")
    }

    /// A name for a tree on its way out; it lies in the root.
    static func removedTree() -> TemporaryName { named("removed", .tree) }

    /// A name for folders on their way in; they lie in the root.
    static func newTree() -> TemporaryName { named("new", .put) }

    private static func named(_ name: StaticString, _ purpose: Purpose) -> TemporaryName {
        TemporaryName(for: UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount), purpose)
    }

    /// What a found name stands for; nil if it isn't one of ours.
    static func purpose(of found: UnsafeRawBufferPointer) -> Purpose? {
        guard found.count > suffixCount, isSuffix(found, at: found.count - 4) else { return nil }
        let start = found.count - 4 - digitCount
        guard found[start - 1] == UInt8(ascii: "."), found[start..<(start + digitCount)].allSatisfy(isDigit),
            found[0] == UInt8(ascii: ".") || isEarlier(found[..<(start - 1)])
        else { return nil }
        return Purpose(rawValue: found[start])
    }

    /// Earlier servers put no dot in front; these are all that they made such names for.
    private static func isEarlier(_ base: Slice<UnsafeRawBufferPointer>) -> Bool {
        ["data", "link", "startedat", "removed", "new"].contains { base.elementsEqual($0.utf8) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 || byte >= 0x61 && byte <= 0x66 }

    /// The name that a token stands for; nil if it isn't one of ours.
    init?(for name: UnsafeRawBufferPointer, token: [UInt8]) {
        guard token.count == TemporaryName.digitCount, token.first == Purpose.writer.rawValue,
            token.allSatisfy(TemporaryName.isDigit)
        else { return nil }
        append(base: name)
        for byte in token { append(byte) }
        append(suffix: ".tmp")
    }

    /// The 32 digits.
    var token: [UInt8] { (digits..<(digits + TemporaryName.digitCount)).map { bytes[$0] } }

    /// Lends the name, ended by NUL.
    @inline(__always)
    func withCString<R>(_ body: (UnsafePointer<CChar>) -> R) -> R {
        withUnsafeBytes(of: bytes) { body($0.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self)) }
    }

    /// The digits of a found name, if it holds suspended bytes of a writer for the object that this name is for.
    func tokenOfSibling(_ found: UnsafeRawBufferPointer) -> [UInt8]? {
        guard found.count == count, found[digits] == Purpose.writer.rawValue,
            (0..<digits).allSatisfy({ bytes[$0] == found[$0] })
        else { return nil }
        let token = [UInt8](found[digits..<(digits + TemporaryName.digitCount)])
        return TemporaryName.isSuffix(found, at: digits + TemporaryName.digitCount) ? token : nil
    }

    private static func isSuffix(_ name: UnsafeRawBufferPointer, at start: Int) -> Bool {
        name[start...].elementsEqual(".tmp".utf8)
    }

    private mutating func append(_ byte: UInt8) {
        bytes[count] = byte
        count += 1
    }

    private mutating func append(suffix: StaticString) {
        for index in 0..<suffix.utf8CodeUnitCount { append(suffix.utf8Start[index]) }
    }

    /// A dot, the object's name and a dot. A name too long to be lengthened is cut and gets its hash, which keeps it apart.
    private mutating func append(base name: UnsafeRawBufferPointer) {
        append(UInt8(ascii: "."))
        if name.count <= TemporaryName.longestBase {
            for byte in name { append(byte) }
        } else {
            for byte in name.prefix(TemporaryName.longestBase - 17) { append(byte) }
            append(UInt8(ascii: "-"))
            append(hexadecimal: name.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 })
        }
        append(UInt8(ascii: "."))
        digits = count
    }

    private mutating func append(hexadecimal value: UInt64) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift) & 15)
            append(digit < 10 ? 0x30 + digit : 0x57 + digit)
        }
    }
}
