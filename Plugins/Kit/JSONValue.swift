/// A strict reader of JSON: refuses what lenient readers let pass (duplicate keys, lone surrogates, trailing text) and
/// nesting deeper than 64. Configurations and schemas go through it first.
indirect enum JSONValue {
    case object([(key: String, value: JSONValue)])
    case array([JSONValue])
    case string(String)
    /// As written.
    case number(String)
    case bool(Bool)
    case null

    /// What is wrong with a text.
    struct Malformed: Error { let message: String }

    init(parsing text: String) throws(Malformed) {
        var copy = text
        let parsed = copy.withUTF8 { bytes in
            Result { () throws(Malformed) in try JSONValue(parsing: UnsafeRawBufferPointer(bytes)) }
        }
        self = try parsed.get()
    }

    init(parsing bytes: UnsafeRawBufferPointer) throws(Malformed) {
        var parser = JSONParser(bytes: bytes)
        self = try parser.value(depth: 0)
        try parser.end()
    }

    subscript(_ key: String) -> JSONValue? {
        if case .object(let members) = self { members.first { $0.key == key }?.value } else { nil }
    }

    var string: String? { if case .string(let text) = self { text } else { nil } }

    /// The keys of an object.
    var keys: [String]? { if case .object(let members) = self { members.map(\.key) } else { nil } }
}

private struct JSONParser {
    let bytes: UnsafeRawBufferPointer
    var at = 0

    private var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

    private func malformed(_ what: String) -> JSONValue.Malformed {
        JSONValue.Malformed(message: "\(what) at byte \(at) of the JSON text")
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0a || byte == 0x0d { at += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard peek == byte else { return false }
        at += 1
        return true
    }

    mutating func end() throws(JSONValue.Malformed) {
        skipSpace()
        if at < bytes.count { throw malformed("unexpected text") }
    }

    mutating func value(depth: Int) throws(JSONValue.Malformed) -> JSONValue {
        guard depth < 64 else { throw malformed("nesting too deep") }
        skipSpace()
        switch peek {
        case UInt8(ascii: "{"): return try object(depth)
        case UInt8(ascii: "["): return try array(depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return .number(try number())
        }
    }

    private mutating func object(_ depth: Int) throws(JSONValue.Malformed) -> JSONValue {
        at += 1
        var members: [(key: String, value: JSONValue)] = []
        var seen: Set<String> = []
        if take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            guard peek == UInt8(ascii: "\"") else { throw malformed("a key is missing") }
            let key = try string()
            guard seen.insert(key).inserted else { throw malformed("the key \"\(key)\" stands twice") }
            guard take(UInt8(ascii: ":")) else { throw malformed("a colon is missing") }
            members.append((key, try value(depth: depth + 1)))
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw malformed("an object doesn't end") }
        return .object(members)
    }

    private mutating func array(_ depth: Int) throws(JSONValue.Malformed) -> JSONValue {
        at += 1
        var elements: [JSONValue] = []
        if take(UInt8(ascii: "]")) { return .array(elements) }
        repeat { elements.append(try value(depth: depth + 1)) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw malformed("an array doesn't end") }
        return .array(elements)
    }

    private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONValue.Malformed) -> JSONValue {
        let end = at + text.utf8CodeUnitCount
        guard end <= bytes.count,
            bytes[at..<end].elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        else { throw malformed("an unknown word") }
        at = end
        return value
    }

    private mutating func digits() -> Bool {
        let start = at
        while let byte = peek, byte >= 0x30, byte <= 0x39 { at += 1 }
        return at > start
    }

    private mutating func number() throws(JSONValue.Malformed) -> String {
        let start = at
        if peek == UInt8(ascii: "-") { at += 1 }
        if peek == UInt8(ascii: "0") { at += 1 } else if !digits() { throw malformed("a value is missing") }
        if peek == UInt8(ascii: ".") {
            at += 1
            guard digits() else { throw malformed("a number breaks off") }
        }
        if peek == UInt8(ascii: "e") || peek == UInt8(ascii: "E") {
            at += 1
            if peek == UInt8(ascii: "+") || peek == UInt8(ascii: "-") { at += 1 }
            guard digits() else { throw malformed("a number breaks off") }
        }
        return String(decoding: bytes[start..<at], as: UTF8.self)
    }

    private mutating func string() throws(JSONValue.Malformed) -> String {
        at += 1
        var text: [UInt8] = []
        while let byte = peek {
            at += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: text, as: UTF8.self) else { throw malformed("not UTF-8") }
                return text
            case UInt8(ascii: "\\"): text.append(contentsOf: String(try escape()).utf8)
            case 0..<0x20: throw malformed("a control character")
            default: text.append(byte)
            }
        }
        throw malformed("a string doesn't end")
    }

    private mutating func escape() throws(JSONValue.Malformed) -> Unicode.Scalar {
        guard let byte = peek else { throw malformed("an escape breaks off") }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{c}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return try unicode()
        default: throw malformed("an unknown escape")
        }
    }

    private mutating func unicode() throws(JSONValue.Malformed) -> Unicode.Scalar {
        let first = try fourDigits()
        if let scalar = Unicode.Scalar(first) { return scalar }
        guard first < 0xdc00, peek == UInt8(ascii: "\\") else { throw malformed("half a surrogate pair") }
        at += 1
        guard peek == UInt8(ascii: "u") else { throw malformed("half a surrogate pair") }
        at += 1
        let second = try fourDigits()
        guard second >= 0xdc00, second < 0xe000,
            let scalar = Unicode.Scalar(0x10000 + (first - 0xd800) << 10 + (second - 0xdc00))
        else { throw malformed("half a surrogate pair") }
        return scalar
    }

    private mutating func fourDigits() throws(JSONValue.Malformed) -> UInt32 {
        guard bytes.count - at >= 4,
            let value = UInt32(String(decoding: bytes[at..<(at + 4)], as: UTF8.self), radix: 16),
            bytes[at] != UInt8(ascii: "+")
        else { throw malformed("an escape breaks off") }
        at += 4
        return value
    }
}
