/// The name of an upload session: `[A-Za-z0-9._=-]`, 1 to 128 bytes, as far as it can be part of a path.
public struct UploadID: Hashable, Sendable, CustomStringConvertible {
    /// The text.
    public let description: String

    /// An id from a URL; nil if it can't be one. `=`, which Distribution's route admits, can't be part of a path.
    public init?(_ text: some StringProtocol) {
        let utf8 = text.utf8
        guard (1...128).contains(utf8.count), utf8.first != UInt8(ascii: "."), utf8.first != UInt8(ascii: "_") else {
            return nil
        }
        for byte in utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                continue
            default: return nil
            }
        }
        description = String(text)
    }
}
