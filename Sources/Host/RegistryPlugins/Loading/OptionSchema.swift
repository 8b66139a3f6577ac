/// The JSON Schema that a plugin publishes for a component's options, as far as options need it: `type`, `properties`,
/// `additionalProperties`, `required`, `enum`, `minimum`, `maximum`, `minLength`, `items`.
struct OptionSchema {
    private let schema: JSONValue
    private let plugin: String

    init(json: [UInt8], plugin: String) throws(PluginError) {
        self.plugin = plugin
        do {
            schema = try JSONValue(parsing: json)
        } catch {
            throw PluginError(.options, plugin: plugin, "its options schema is not JSON")
        }
    }

    /// Checks options; the first thing wrong is thrown, named by its key.
    /// - Parameter texts: the text of numbers and booleans, by JSON pointer.
    /// - Returns: the options, with the text where the schema takes texts only.
    func check(_ options: String, texts: [String: String] = [:]) throws(PluginError) -> String {
        var value: JSONValue
        do {
            value = try JSONValue(parsing: [UInt8](options.utf8))
        } catch {
            throw PluginError(.options, plugin: plugin, "the options are not JSON: \(error)")
        }
        if !texts.isEmpty { value = replacing(value, schema, texts, "") }
        try check(value, schema, at: Place())
        return value.text
    }

    private func replacing(
        _ value: JSONValue, _ schema: JSONValue, _ texts: [String: String], _ pointer: String
    ) -> JSONValue {
        if case .object(let members) = value {
            let properties = schema.object?["properties"]?.object ?? [:]
            var result = members
            for (name, member) in members {
                let place = Place(pointer: pointer).member(name)
                result[name] = replacing(member, properties[name] ?? .null, texts, place.pointer)
            }
            return .object(result)
        }
        guard schema.object?["type"] == .string("string"), let text = texts[pointer] else { return value }
        return .string(text)
    }

    /// Where a value stands: as people write it, and as a JSON pointer.
    private struct Place {
        var key = ""
        var pointer = ""

        func member(_ name: String) -> Place {
            var pointer = pointer + "/"
            for scalar in name.unicodeScalars {
                switch scalar {
                case "~": pointer += "~0"
                case "/": pointer += "~1"
                default: pointer.unicodeScalars.append(scalar)
                }
            }
            return Place(key: key.isEmpty ? name : "\(key).\(name)", pointer: pointer)
        }

        func item(_ index: Int) -> Place { Place(key: "\(key)[\(index)]", pointer: "\(pointer)/\(index)") }
    }

    private func check(_ value: JSONValue, _ schema: JSONValue, at place: Place) throws(PluginError) {
        guard let rules = schema.object else { return }
        try checkType(value, rules, place)
        try checkBounds(value, rules, place)
        if let object = value.object { try checkObject(object, rules, place) }
        if let items = value.array, let rule = rules["items"] {
            for (index, item) in items.enumerated() { try check(item, rule, at: place.item(index)) }
        }
    }

    private func checkType(_ value: JSONValue, _ rules: [String: JSONValue], _ place: Place) throws(PluginError) {
        let types = rules["type"]?.array?.compactMap(\.string) ?? rules["type"]?.string.map { [$0] }
        if let types {
            let name = value.typeName
            guard types.contains(name) || (name == "integer" && types.contains("number")) else {
                throw wrong(place, "is \(article(name)); it must be \(types.map(article).joined(separator: " or "))")
            }
        }
        if let allowed = rules["enum"]?.array, !allowed.contains(value) {
            let names = allowed.compactMap(\.string).joined(separator: ", ")
            throw wrong(place, "must be one of: \(names)")
        }
    }

    private func checkBounds(_ value: JSONValue, _ rules: [String: JSONValue], _ place: Place) throws(PluginError) {
        if let number = value.double {
            if let minimum = rules["minimum"]?.double, number < minimum {
                throw wrong(place, "is \(number.formattedShortly); it must be at least \(minimum.formattedShortly)")
            }
            if let maximum = rules["maximum"]?.double, number > maximum {
                throw wrong(place, "is \(number.formattedShortly); it must be at most \(maximum.formattedShortly)")
            }
        }
        if let text = value.string, let minimum = rules["minLength"]?.double, Double(text.count) < minimum {
            throw wrong(place, text.isEmpty ? "must not be empty" : "is too short")
        }
    }

    private func checkObject(
        _ object: [String: JSONValue], _ rules: [String: JSONValue], _ place: Place
    ) throws(PluginError) {
        let properties = rules["properties"]?.object ?? [:]
        let isClosed = rules["additionalProperties"] == .bool(false)
        for name in object.keys.sorted() {
            if let rule = properties[name], let value = object[name] {
                try check(value, rule, at: place.member(name))
            } else if isClosed {
                let nearest = NearestName.of(name, in: properties.keys.sorted()).map { "; did you mean \"\($0)\"?" }
                throw wrong(place.member(name), "is not an option\(nearest ?? "")")
            }
        }
        for name in (rules["required"]?.array ?? []).compactMap(\.string) where object[name] == nil {
            throw wrong(place.member(name), "is required")
        }
    }

    private func wrong(_ place: Place, _ what: String) -> PluginError {
        let subject = place.key.isEmpty ? "the options value" : "option \"\(place.key)\""
        return PluginError(.options, plugin: plugin, "\(subject) \(what)", option: place.pointer)
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
