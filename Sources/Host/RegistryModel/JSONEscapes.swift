/// The escapes of JSON strings.
enum JSONEscapes {
    /// Bytes of the escape at the start of `text`, which begins with a backslash; nothing if it is not a legal one.
    static func length(_ text: ArraySlice<UInt8>) -> Int? {
        guard let letter = text.dropFirst().first else { return nil }
        if letter == UInt8(ascii: "u") { return codeUnit(text) == nil ? nil : 6 }
        return simple(letter) == nil ? nil : 2
    }

    /// The text that a literal stands for, whose escapes are known to be legal. Lone surrogates and bytes that are no
    /// UTF-8 become U+FFFD.
    static func decode(_ literal: ArraySlice<UInt8>) -> String {
        var output: [UInt8] = []
        output.reserveCapacity(literal.count)
        var rest = literal
        while let byte = rest.first {
            if byte != UInt8(ascii: "\\") {
                output.append(byte)
                rest = rest.dropFirst()
            } else if let letter = rest.dropFirst().first, let plain = simple(letter) {
                output.append(plain)
                rest = rest.dropFirst(2)
            } else {
                let (scalar, length) = scalar(rest)
                output.append(contentsOf: Array(String(scalar).utf8))
                rest = rest.dropFirst(length)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static func scalar(_ text: ArraySlice<UInt8>) -> (Unicode.Scalar, length: Int) {
        guard let first = codeUnit(text) else { return ("\u{FFFD}", 6) }
        if let scalar = Unicode.Scalar(first) { return (scalar, 6) }
        guard UTF16.isLeadSurrogate(first), let second = codeUnit(text.dropFirst(6)), UTF16.isTrailSurrogate(second)
        else { return ("\u{FFFD}", 6) }
        let value = 0x10000 + ((UInt32(first) & 0x3FF) << 10 | (UInt32(second) & 0x3FF))
        return (Unicode.Scalar(value) ?? "\u{FFFD}", 12)
    }

    /// The number in `\uXXXX` at the start of `text`.
    private static func codeUnit(_ text: ArraySlice<UInt8>) -> UInt16? {
        let escape = text.prefix(6)
        guard escape.count == 6, escape.starts(with: [UInt8(ascii: "\\"), UInt8(ascii: "u")]) else { return nil }
        var value: UInt16 = 0
        for byte in escape.dropFirst(2) {
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            value = value << 4 | UInt16(digit)
        }
        return value
    }

    private static func simple(_ letter: UInt8) -> UInt8? {
        switch letter {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): letter
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        default: nil
        }
    }
}
