/// Turns YAML values into JSON text for a plugin.
enum JSONText {
    /// The text and where each value of it comes from, keyed by JSON pointer (RFC 6901).
    struct Result {
        var text = ""
        var origins: [String: ConfigurationOrigin] = [:]
        /// The source text of unquoted scalars that are not strings in the JSON, so that `accesskey: 0123`
        /// can still be taken as text.
        var scalarTexts: [String: String] = [:]
        /// Pointers of numbers that JSON cannot hold (`.inf`, `.nan`).
        var unrepresentable: [String] = []
    }

    static func of(_ node: YAMLNode) -> Result {
        var result = Result()
        append(node, at: "", to: &result)
        return result
    }

    /// A string literal.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\r": result += "\\r"
            case "\t": result += "\\t"
            // C1 controls, separators and the byte order mark are legal JSON, but YAML and terminals mind them.
            case "\0"..<" ", "\u{7F}"..."\u{9F}", "\u{2028}", "\u{2029}", "\u{FEFF}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    /// A key as one part of a JSON pointer.
    static func pointerToken(_ key: String) -> String {
        var result = ""
        for character in key.unicodeScalars {
            switch character {
            case "~": result += "~0"
            case "/": result += "~1"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    private static func append(_ node: YAMLNode, at pointer: String, to result: inout Result) {
        result.origins[pointer] = node.origin
        switch node.content {
        case .scalar(let scalar): append(scalar, at: pointer, to: &result)
        case .sequence(let elements):
            result.text += "["
            for (index, element) in elements.enumerated() {
                if index > 0 { result.text += "," }
                append(element, at: "\(pointer)/\(index)", to: &result)
            }
            result.text += "]"
        case .mapping(let entries):
            result.text += "{"
            for (index, entry) in entries.enumerated() {
                if index > 0 { result.text += "," }
                let child = "\(pointer)/\(pointerToken(entry.key))"
                result.text += quoted(entry.key) + ":"
                append(entry.value, at: child, to: &result)
                // The key's own place says more than its value's, which may begin lines below.
                result.origins[child] = entry.origin
            }
            result.text += "}"
        }
    }

    private static func append(_ scalar: YAMLScalar, at pointer: String, to result: inout Result) {
        switch scalar.resolved {
        case .text(let text):
            result.text += quoted(text)
            return
        case .null: result.text += "null"
        case .boolean(let value): result.text += value ? "true" : "false"
        case .integer(let value): result.text += String(value)
        case .large(let value): result.text += String(value)
        case .number(let value):
            if !value.isFinite { result.unrepresentable.append(pointer) }
            result.text += value.isFinite ? "\(value)" : "null"
        }
        result.scalarTexts[pointer] = scalar.text
    }
}
