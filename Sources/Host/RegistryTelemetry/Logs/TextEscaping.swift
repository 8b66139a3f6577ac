/// How text is made safe inside quotes, so that no client can forge a line or drive a terminal.
enum TextEscaping {
    /// As Go's `%q`: `\x1b`.
    case go
    /// As JSON: `\u001b`.
    case json
    /// As Apache: `\x1b`, byte by byte; what is no ASCII is kept.
    case apache

    /// Appends the text, escaped, up to a length.
    ///
    /// - Returns: whether all of it found room.
    @discardableResult
    func append(_ text: String, to bytes: inout [UInt8], limit: Int) -> Bool {
        for scalar in text.unicodeScalars {
            // No scalar becomes more than ten bytes.
            guard bytes.count + 10 <= limit else {
                bytes.append(contentsOf: "…".utf8)
                return false
            }
            append(scalar, to: &bytes)
        }
        return true
    }

    private func append(_ scalar: Unicode.Scalar, to bytes: inout [UInt8]) {
        switch scalar.value {
        case 0x22, 0x5C: bytes.append(contentsOf: [0x5C, UInt8(truncatingIfNeeded: scalar.value)])
        case 0x20...0x7E: bytes.append(UInt8(truncatingIfNeeded: scalar.value))
        case 0x0A: bytes.append(contentsOf: "\\n".utf8)
        case 0x0D: bytes.append(contentsOf: "\\r".utf8)
        case 0x09: bytes.append(contentsOf: "\\t".utf8)
        case 0..<0x80: appendControl(scalar.value, to: &bytes)
        default:
            if Self.isInvisible(scalar) {
                appendHex(scalar.value, digits: 4, after: "\\u", to: &bytes)
            } else {
                bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
    }

    private func appendControl(_ value: UInt32, to bytes: inout [UInt8]) {
        switch self {
        case .json: appendHex(value, digits: 4, after: "\\u", to: &bytes)
        case .go, .apache: appendHex(value, digits: 2, after: "\\x", to: &bytes)
        }
    }

    private func appendHex(_ value: UInt32, digits: UInt32, after prefix: String, to bytes: inout [UInt8]) {
        bytes.append(contentsOf: prefix.utf8)
        for position in (0..<digits).reversed() {
            let digit = UInt8(truncatingIfNeeded: value >> (4 * position) & 15)
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }

    /// C1 controls, line separators, and marks that reorder or hide what stands beside them.
    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x80...0x9F, 0xAD, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF: true
        default: false
        }
    }
}
