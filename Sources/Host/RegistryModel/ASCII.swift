extension UInt8 {
    /// `0-9 a-f`.
    var isLowerCaseHex: Bool { isDigit || (0x61...0x66).contains(self) }
    /// `0-9`.
    var isDigit: Bool { (0x30...0x39).contains(self) }
    /// `a-z 0-9`.
    var isLowerCaseAlphanumeric: Bool { isDigit || (0x61...0x7A).contains(self) }
    /// `A-Z`.
    var isUpperCase: Bool { (0x41...0x5A).contains(self) }
    /// `A-Z a-z 0-9`.
    var isAlphanumeric: Bool { isLowerCaseAlphanumeric || isUpperCase }
}

/// A client's text as an error message may show it: printable, in quotes, and short.
func quoted(_ text: String) -> String {
    var result = "\""
    for (count, scalar) in text.unicodeScalars.enumerated() {
        if count == 80 {
            result += "…"
            break
        }
        result += scalar == "\"" || scalar == "\\" ? scalar.escaped(asASCII: true) : scalar.escaped(asASCII: false)
    }
    return result + "\""
}
