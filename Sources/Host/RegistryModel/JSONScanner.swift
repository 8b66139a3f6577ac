/// Reads JSON in one pass, in the order of the bytes, with bounded depth.
///
/// It exists because the registry must know what a general decoder hides: fields given twice, numbers that are no
/// integers, depth; and because the type of a manifest is asked on every pull, where building a tree would cost more
/// than everything else. Text that is no UTF-8, and lone surrogates, become U+FFFD as in Go.
package struct JSONScanner {
    /// What a value begins like.
    package enum Kind { case object, array, string, number, bool, null }

    private let bytes: [UInt8]
    private let maximumDepth: Int
    private var index = 0
    private var depth = 0
    /// True between an opening bracket and the first member.
    private var atFirstMember = false
    private let uniqueKeys: Bool

    /// - Parameter uniqueKeys: whether a key that an object has twice is an error, also in values that are skipped: readers
    ///   differ in which of the two counts.
    package init(_ bytes: [UInt8], maximumDepth: Int, uniqueKeys: Bool = false) {
        self.bytes = bytes
        self.maximumDepth = maximumDepth
        self.uniqueKeys = uniqueKeys
    }

    // MARK: Structure

    package mutating func enterObject() throws(ManifestError) { try enter(UInt8(ascii: "{"), "an object") }

    package mutating func enterArray() throws(ManifestError) { try enter(UInt8(ascii: "["), "an array") }

    /// The next key, with the scanner at its value; or nothing, behind the end of the object.
    package mutating func nextKey() throws(ManifestError) -> String? {
        guard try nextMember(closing: UInt8(ascii: "}")) else { return nil }
        guard peek() == UInt8(ascii: "\"") else { throw malformed("expected a key") }
        let key = try string()
        guard peek() == UInt8(ascii: ":") else { throw malformed("expected a colon") }
        index += 1
        return key
    }

    /// Whether another element follows, with the scanner at it; if not, the scanner is behind the array.
    package mutating func nextElement() throws(ManifestError) -> Bool { try nextMember(closing: UInt8(ascii: "]")) }

    /// Requires that nothing follows the document.
    package mutating func finish() throws(ManifestError) {
        if peek() != nil { throw malformed("unexpected text after the document") }
    }

    private mutating func enter(_ bracket: UInt8, _ expected: String) throws(ManifestError) {
        guard peek() == bracket else { throw unexpected(expected) }
        guard depth < maximumDepth else { throw malformed("nested more than \(maximumDepth) levels deep") }
        index += 1
        depth += 1
        atFirstMember = true
    }

    private mutating func nextMember(closing: UInt8) throws(ManifestError) -> Bool {
        let isFirst = atFirstMember
        atFirstMember = false
        guard let byte = peek() else { throw malformed("the document ends early") }
        if byte == closing {
            index += 1
            depth -= 1
            return false
        }
        if isFirst { return true }
        guard byte == UInt8(ascii: ",") else { throw malformed("expected a comma") }
        index += 1
        guard peek() != closing else { throw malformed("unexpected comma") }
        return true
    }

    // MARK: Values

    package mutating func string() throws(ManifestError) -> String {
        guard peek() == UInt8(ascii: "\"") else { throw unexpected("a string") }
        let literal = try scanString()
        guard literal.hasEscapes else { return String(decoding: bytes[literal.range], as: UTF8.self) }
        return JSONEscapes.decode(bytes[literal.range])
    }

    mutating func integer() throws(ManifestError) -> Int64 {
        guard let first = peek(), first == UInt8(ascii: "-") || first.isDigit else { throw unexpected("a number") }
        let literal = try scanNumber()
        guard literal.isInteger, let value = Int64(String(decoding: bytes[literal.range], as: UTF8.self)) else {
            throw ManifestError(.invalidField, "must be an integer of at most 64 bits")
        }
        return value
    }

    /// What stands next.
    package mutating func kind() throws(ManifestError) -> Kind {
        guard let byte = peek() else { throw unexpected("a value") }
        return switch byte {
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "t"), UInt8(ascii: "f"): .bool
        case UInt8(ascii: "n"): .null
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): .number
        default: throw unexpected("a value")
        }
    }

    /// A number as it is written.
    package mutating func number() throws(ManifestError) -> String {
        _ = peek()
        return String(decoding: bytes[try scanNumber().range], as: UTF8.self)
    }

    package mutating func bool() throws(ManifestError) -> Bool {
        let isTrue = peek() == UInt8(ascii: "t")
        try take(isTrue ? "true" : "false")
        return isTrue
    }

    /// Consumes the value if it is `null`, and says whether.
    package mutating func takeNull() throws(ManifestError) -> Bool {
        guard peek() == UInt8(ascii: "n") else { return false }
        try take("null")
        return true
    }

    /// Skips one value, checking its grammar. It calls itself, at most `maximumDepth` times.
    mutating func skipValue() throws(ManifestError) {
        switch peek() {
        case UInt8(ascii: "{"):
            try enterObject()
            if uniqueKeys {
                var seen: Set<String> = []
                while let key = try nextKey() {
                    guard seen.insert(key).inserted else { throw Self.twice(key) }
                    try skipValue()
                }
                return
            }
            while try nextMember(closing: UInt8(ascii: "}")) {
                guard peek() == UInt8(ascii: "\"") else { throw malformed("expected a key") }
                _ = try scanString()
                guard peek() == UInt8(ascii: ":") else { throw malformed("expected a colon") }
                index += 1
                try skipValue()
            }
        case UInt8(ascii: "["):
            try enterArray()
            while try nextElement() { try skipValue() }
        case UInt8(ascii: "\""): _ = try scanString()
        case UInt8(ascii: "t"): try take("true")
        case UInt8(ascii: "f"): try take("false")
        case UInt8(ascii: "n"): try take("null")
        default: _ = try scanNumber()
        }
    }

    // MARK: Bytes

    /// The next byte that is no white space, not consumed.
    private mutating func peek() -> UInt8? {
        while index < bytes.count {
            let byte = bytes[index]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return byte }
            index += 1
        }
        return nil
    }

    private mutating func take(_ word: StaticString) throws(ManifestError) {
        let text = word.description.utf8
        guard bytes[index...].starts(with: text) else { throw malformed("unexpected character") }
        index += text.count
    }

    /// Consumes a string and checks its escapes; the scanner is at the opening quote.
    private mutating func scanString() throws(ManifestError) -> (range: Range<Int>, hasEscapes: Bool) {
        index += 1
        let start = index
        var hasEscapes = false
        while index < bytes.count {
            let byte = bytes[index]
            if byte == UInt8(ascii: "\"") {
                index += 1
                return (start..<index - 1, hasEscapes)
            }
            guard byte >= 0x20 else { throw malformed("control character in a string") }
            if byte == UInt8(ascii: "\\") {
                guard let length = JSONEscapes.length(bytes[index...]) else { throw malformed("invalid escape") }
                hasEscapes = true
                index += length
            } else {
                index += 1
            }
        }
        throw malformed("the document ends early")
    }

    private mutating func scanNumber() throws(ManifestError) -> (range: Range<Int>, isInteger: Bool) {
        let start = index
        takeByte { $0 == UInt8(ascii: "-") }
        if !takeByte({ $0 == UInt8(ascii: "0") }) { try takeDigits() }
        var isInteger = true
        if takeByte({ $0 == UInt8(ascii: ".") }) {
            isInteger = false
            try takeDigits()
        }
        if takeByte({ $0 | 0x20 == UInt8(ascii: "e") }) {
            isInteger = false
            takeByte { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }
            try takeDigits()
        }
        return (start..<index, isInteger)
    }

    private mutating func takeDigits() throws(ManifestError) {
        guard takeByte(\.isDigit) else { throw malformed("unexpected character") }
        while takeByte(\.isDigit) {}
    }

    @discardableResult
    private mutating func takeByte(_ accepts: (UInt8) -> Bool) -> Bool {
        guard index < bytes.count, accepts(bytes[index]) else { return false }
        index += 1
        return true
    }

    /// A key that an object has twice.
    static func twice(_ key: String) -> ManifestError {
        ManifestError(.invalidField, field: quoted(key), "is given twice")
    }

    private func malformed(_ reason: String) -> ManifestError {
        ManifestError(.malformedJSON, "invalid JSON at byte \(index): \(reason)")
    }

    /// A value of another type than a field has; or, behind the last byte, no value.
    private func unexpected(_ expected: String) -> ManifestError {
        guard index < bytes.count else { return malformed("the document ends early") }
        return switch bytes[index] {
        case UInt8(ascii: "{"), UInt8(ascii: "["), UInt8(ascii: "\""), UInt8(ascii: "t"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
            depth == 0 ? malformed("expected \(expected)") : ManifestError(.invalidField, "must be \(expected)")
        default: malformed("unexpected character")
        }
    }
}
