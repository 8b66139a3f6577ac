import FoundationEssentials

/// A JSON value, for schemas and options.
enum JSONValue: Decodable, Hashable {
    case null
    case bool(Bool)
    case integer(Int64)
    case number(Double)
    case string(String)
    case array([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .bool(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .integer(value)
        } else if let value = try? container.decode(Double.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .string(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .array(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    var object: [String: JSONValue]? { if case .object(let value) = self { value } else { nil } }
    var string: String? { if case .string(let value) = self { value } else { nil } }
    var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }

    var double: Double? {
        switch self {
        case .integer(let value): Double(value)
        case .number(let value): value
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
}

/// The JSON Schema that a plugin publishes for a component's options, as far as options need it: `type`, `properties`,
/// `additionalProperties`, `required`, `enum`, `minimum`, `maximum`, `minLength`, `items`.
struct OptionSchema {
    private let schema: JSONValue
    private let plugin: String

    init(json: [UInt8], plugin: String) throws(PluginError) {
        self.plugin = plugin
        do {
            schema = try JSONDecoder().decode(JSONValue.self, from: Data(json))
        } catch {
            throw PluginError(.options, plugin: plugin, "its options schema is not JSON")
        }
    }

    /// Checks options; the first thing wrong is thrown, named by its key.
    func check(_ options: String) throws(PluginError) {
        let value: JSONValue
        do {
            value = try JSONDecoder().decode(JSONValue.self, from: Data(options.utf8))
        } catch {
            throw PluginError(.options, plugin: plugin, "the options are not a JSON object")
        }
        try check(value, schema, at: "")
    }

    private func check(_ value: JSONValue, _ schema: JSONValue, at key: String) throws(PluginError) {
        guard let rules = schema.object else { return }
        try checkType(value, rules, key)
        try checkBounds(value, rules, key)
        if let object = value.object { try checkObject(object, rules, key) }
        if let items = value.array, let rule = rules["items"] {
            for (index, item) in items.enumerated() { try check(item, rule, at: "\(key)[\(index)]") }
        }
    }

    private func checkType(_ value: JSONValue, _ rules: [String: JSONValue], _ key: String) throws(PluginError) {
        let types = rules["type"]?.array?.compactMap(\.string) ?? rules["type"]?.string.map { [$0] }
        if let types {
            let name = value.typeName
            guard types.contains(name) || (name == "integer" && types.contains("number")) else {
                throw wrong(key, "is \(article(name)); it must be \(types.map(article).joined(separator: " or "))")
            }
        }
        if let allowed = rules["enum"]?.array, !allowed.contains(value) {
            let names = allowed.compactMap(\.string).joined(separator: ", ")
            throw wrong(key, "must be one of: \(names)")
        }
    }

    private func checkBounds(_ value: JSONValue, _ rules: [String: JSONValue], _ key: String) throws(PluginError) {
        if let number = value.double {
            if let minimum = rules["minimum"]?.double, number < minimum {
                throw wrong(key, "is \(number.formattedShortly); it must be at least \(minimum.formattedShortly)")
            }
            if let maximum = rules["maximum"]?.double, number > maximum {
                throw wrong(key, "is \(number.formattedShortly); it must be at most \(maximum.formattedShortly)")
            }
        }
        if let text = value.string, let minimum = rules["minLength"]?.double, Double(text.count) < minimum {
            throw wrong(key, text.isEmpty ? "must not be empty" : "is too short")
        }
    }

    private func checkObject(
        _ object: [String: JSONValue], _ rules: [String: JSONValue], _ key: String
    ) throws(PluginError) {
        let properties = rules["properties"]?.object ?? [:]
        let isClosed = rules["additionalProperties"] == .bool(false)
        for name in object.keys.sorted() {
            let path = key.isEmpty ? name : "\(key).\(name)"
            if let rule = properties[name], let value = object[name] {
                try check(value, rule, at: path)
            } else if isClosed {
                let nearest = NearestName.of(name, in: properties.keys.sorted()).map { "; did you mean \"\($0)\"?" }
                throw wrong(path, "is not an option\(nearest ?? "")")
            }
        }
        for name in (rules["required"]?.array ?? []).compactMap(\.string) where object[name] == nil {
            throw wrong(key.isEmpty ? name : "\(key).\(name)", "is required")
        }
    }

    private func wrong(_ key: String, _ what: String) -> PluginError {
        PluginError(.options, plugin: plugin, key.isEmpty ? "the options value \(what)" : "option \"\(key)\" \(what)")
    }

    private func article(_ type: String) -> String {
        switch type {
        case "integer", "array", "object": "an \(type)"
        case "null": "null"
        default: "a \(type)"
        }
    }
}

extension Double {
    fileprivate var formattedShortly: String {
        self == rounded() && abs(self) < 1e15 ? String(Int64(self)) : String(self)
    }
}

/// The name somebody meant.
enum NearestName {
    /// The candidate with the smallest edit distance, if that is small for the name's length.
    static func of(_ name: String, in candidates: [String]) -> String? {
        let best = candidates.map { ($0, distance(name.lowercased(), $0.lowercased())) }.min { $0.1 < $1.1 }
        guard let best, best.1 <= max(2, name.count / 3) else { return nil }
        return best.0
    }

    private static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.utf8.prefix(64)), Array(right.utf8.prefix(64)))
        var previous = Array(0...right.count)
        for (row, byte) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                current.append(
                    min(previous[column + 1] + 1, current[column] + 1, previous[column] + (byte == other ? 0 : 1)))
            }
            previous = current
        }
        return previous.last ?? 0
    }
}
