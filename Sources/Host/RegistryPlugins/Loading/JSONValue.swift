import RegistryModel

/// A JSON value, for schemas, options and what plugins say of themselves.
enum JSONValue: Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    /// Any other number, and as it was written.
    case number(Double, literal: String)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    /// Why a text is no JSON.
    struct Malformed: Error, CustomStringConvertible {
        let description: String
    }

    /// Reads a text; refuses what lenient readers let pass: other encodings than UTF-8, keys that stand twice, numbers that
    /// a `Double` can't hold, and nesting deeper than 128.
    init(parsing text: [UInt8]) throws(Malformed) {
        guard String(validating: text, as: UTF8.self) != nil else { throw Malformed(description: "it is not UTF-8") }
        var scanner = JSONScanner(text, maximumDepth: 128)
        do {
            self = try JSONValue(&scanner)
            try scanner.finish()
        } catch let error as Malformed {
            throw error
        } catch {
            throw Malformed(description: "\(error)")
        }
    }

    /// Calls itself, at most as deep as the scanner allows.
    private init(_ scanner: inout JSONScanner) throws {
        switch try scanner.kind() {
        case .object: self = .object(try Self.members(&scanner))
        case .array:
            var elements: [JSONValue] = []
            try scanner.enterArray()
            while try scanner.nextElement() { elements.append(try JSONValue(&scanner)) }
            self = .array(elements)
        case .string: self = .string(try scanner.string())
        case .number: self = try Self.number(try scanner.number())
        case .bool: self = .bool(try scanner.bool())
        case .null:
            guard try scanner.takeNull() else { throw Malformed(description: "unexpected character") }
            self = .null
        }
    }

    private static func members(_ scanner: inout JSONScanner) throws -> [String: JSONValue] {
        var members: [String: JSONValue] = [:]
        try scanner.enterObject()
        while let key = try scanner.nextKey() {
            guard members.updateValue(try JSONValue(&scanner), forKey: key) == nil else {
                throw Malformed(description: "the key \"\(key)\" stands twice")
            }
        }
        return members
    }

    private static func number(_ literal: String) throws(Malformed) -> JSONValue {
        if let value = Int64(literal) { return .integer(value) }
        guard let value = Double(literal), value.isFinite else {
            throw Malformed(description: "the number \(literal.prefix(40)) is too large")
        }
        // 1.0 is an integer, as JSON Schema has it.
        return Int64(exactly: value).map { .integer($0) } ?? .number(value, literal: literal)
    }

    // MARK: Views

    var object: [String: JSONValue]? { if case .object(let value) = self { value } else { nil } }
    var string: String? { if case .string(let value) = self { value } else { nil } }
    var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }

    var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value, _): value
        default: nil
        }
    }

    /// The name of its type in JSON Schema.
    var typeName: String {
        switch self {
        case .null: "null"
        case .bool: "boolean"
        case .integer: "integer"
        case .number: "number"
        case .string: "string"
        case .array: "array"
        case .object: "object"
        }
    }

    // MARK: Text

    /// The value as JSON text, the members of objects in the order of their names.
    var text: String {
        var output = ""
        write(to: &output)
        return output
    }

    private func write(to output: inout String) {
        switch self {
        case .null: output += "null"
        case .bool(let value): output += value ? "true" : "false"
        case .integer(let value): output += String(value)
        case .number(_, let literal): output += literal
        case .string(let value): output += JSONText.quoted(value)
        case .array(let elements):
            var separator = "["
            for element in elements {
                output += separator
                element.write(to: &output)
                separator = ","
            }
            output += elements.isEmpty ? "[]" : "]"
        case .object(let members):
            var separator = "{"
            for (key, value) in members.sorted(by: { $0.key < $1.key }) {
                output += separator
                output += JSONText.quoted(key) + ":"
                value.write(to: &output)
                separator = ","
            }
            output += members.isEmpty ? "{}" : "}"
        }
    }
}
