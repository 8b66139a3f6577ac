import RegistryStorage

extension StorageCursor {
    /// Behind a text that a client gave, among names that a repository can have. Drivers get legal names only, so a text
    /// that is none is replaced by a name at the same place in the order.
    static func behind(_ text: String) -> StorageCursor {
        let longest = 255
        var name: [UInt8] = []
        for byte in text.utf8 {
            guard name.count < longest else { break }
            if isLegal(byte) {
                name.append(byte)
                continue
            }
            if let below = (UInt8.min...byte).last(where: isLegal) {
                // Behind all that continues with a smaller byte.
                name.append(below)
                name += repeatElement(UInt8(ascii: "z"), count: max(0, longest - name.count))
            }
            break
        }
        // No name begins with a dot, and none of those before it with anything that sorts lower but a dash.
        guard let first = name.first, first != UInt8(ascii: ".") else { return .start }
        return .after(String(decoding: name, as: UTF8.self))
    }

    private static func isLegal(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}
