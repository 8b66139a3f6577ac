/// Text from outside made fit for a terminal or a log line.
enum Printable {
    /// Escapes control characters, so that a value cannot forge lines or drive a terminal, and cuts after `limit`.
    static func escaped(_ text: String, limit: Int = 4096) -> String {
        var result = ""
        for (index, scalar) in text.unicodeScalars.enumerated() {
            guard index < limit else { return result + "…" }
            if isControl(scalar) {
                result += "\\u{" + String(scalar.value, radix: 16) + "}"
            } else {
                result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// The text in quotes, short enough for a message.
    static func quoted(_ text: String) -> String { "\"\(escaped(text, limit: 60))\"" }

    /// Control characters, line separators and the marks that reorder text.
    private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F...0x9F, 0x200E, 0x200F, 0x2028...0x202E, 0x2066...0x2069, 0xFEFF: true
        default: false
        }
    }
}
