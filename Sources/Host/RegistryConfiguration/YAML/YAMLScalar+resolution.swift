/// A scalar's meaning by YAML's own rules, where no type is asked for.
enum YAMLValue: Sendable, Equatable {
    case null
    case boolean(Bool)
    case integer(Int)
    /// An integer above `Int.max`.
    case large(UInt64)
    case number(Double)
    case text(String)
}

extension YAMLScalar {
    /// The meaning that Go's yaml.v2, which Distribution reads its file with, gives a scalar (YAML 1.1).
    var resolved: YAMLValue {
        guard isPlain else { return .text(text) }
        if let word = Self.words[text] { return word }
        switch text.utf8.first ?? 0 {
        case UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            return Self.number(text.filter { $0 != "_" }) ?? .text(text)
        case UInt8(ascii: "."): return Self.float(text) ?? .text(text)
        default: return .text(text)
        }
    }

    private static let words: [String: YAMLValue] = {
        var words: [String: YAMLValue] = [:]
        for word in ["y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"] {
            words[word] = .boolean(true)
        }
        for word in ["n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"] {
            words[word] = .boolean(false)
        }
        for word in ["", "~", "null", "Null", "NULL"] { words[word] = .null }
        for word in [".nan", ".NaN", ".NAN"] { words[word] = .number(.nan) }
        for word in [".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"] { words[word] = .number(.infinity) }
        for word in ["-.inf", "-.Inf", "-.INF"] { words[word] = .number(-.infinity) }
        return words
    }()

    private static func number(_ text: String) -> YAMLValue? {
        var digits = Substring(text)
        var sign = ""
        if let first = digits.first, first == "-" || first == "+" {
            sign = first == "-" ? "-" : ""
            digits.removeFirst()
        }
        if let (radix, rest) = radix(digits), let first = rest.first, first != "+", first != "-" {
            if let value = Int(sign + rest, radix: radix) { return .integer(value) }
            if sign.isEmpty, let value = UInt64(rest, radix: radix) { return .large(value) }
        }
        return float(text)
    }

    /// Go's base prefixes; a leading zero alone means octal.
    private static func radix(_ digits: Substring) -> (Int, Substring)? {
        switch digits.prefix(2).lowercased() {
        case "0x": (16, digits.dropFirst(2))
        case "0o": (8, digits.dropFirst(2))
        case "0b": (2, digits.dropFirst(2))
        default: digits.first == "0" && digits.count > 1 ? (8, digits.dropFirst()) : (10, digits)
        }
    }

    /// A decimal fraction. Not left to `Double`'s own parser alone, which also takes `nan` and hexadecimal.
    private static func float(_ text: String) -> YAMLValue? {
        var rest = Substring(text)
        if let first = rest.first, first == "-" || first == "+" { rest.removeFirst() }
        let whole = takeDigits(&rest)
        var fraction = 0
        if rest.first == "." {
            rest.removeFirst()
            fraction = takeDigits(&rest)
        }
        guard whole + fraction > 0 else { return nil }
        if let first = rest.first, first == "e" || first == "E" {
            rest.removeFirst()
            if let sign = rest.first, sign == "-" || sign == "+" { rest.removeFirst() }
            guard takeDigits(&rest) > 0 else { return nil }
        }
        guard rest.isEmpty, let value = Double(text), value.isFinite else { return nil }
        return .number(value)
    }

    private static func takeDigits(_ text: inout Substring) -> Int {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        text = text[digits.endIndex...]
        return digits.utf8.count
    }
}
