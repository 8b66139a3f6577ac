/// Turns a component's configuration into its options, and says which key is wrong.
struct OptionsDecoder {
    private let known: [String]
    private let refusesUnknown: Bool

    /// The keys come from the schema: its `properties`, and `additionalProperties`, which is false where keys are
    /// refused.
    init(schema: String) {
        let schema = try? JSONValue(parsing: schema)
        known = schema?["properties"]?.keys ?? []
        if case .bool(false) = schema?["additionalProperties"] { refusesUnknown = true } else { refusesUnknown = false }
    }

    /// Decodes a configuration; no bytes count as `{}`. Every failure is `config`.
    func decode<Options: Decodable>(
        _ type: Options.Type, from bytes: UnsafeRawBufferPointer
    ) throws(PluginError) -> Options {
        let value: JSONValue
        do throws(JSONValue.Malformed) {
            value = try bytes.isEmpty ? .object([]) : JSONValue(parsing: bytes)
        } catch {
            throw .config(key: "", error.message)
        }
        guard let keys = value.keys else { throw .config(key: "", "the configuration isn't an object") }
        if refusesUnknown, let unknown = keys.first(where: { !known.contains($0) }) {
            throw .config(key: unknown, message(forUnknown: unknown))
        }
        do {
            return try Options(from: JSONValueDecoder(value: value))
        } catch let error as DecodingError {
            throw OptionsDecoder.explain(error)
        } catch let error as PluginError {
            throw error
        } catch {
            throw .config(key: "", "\(error)")
        }
    }

    private func message(forUnknown key: String) -> String {
        guard let nearest = known.min(by: { distance($0, key) < distance($1, key) }), distance(nearest, key) <= 3
        else {
            return known.isEmpty
                ? "unknown key; there are none" : "unknown key; known are: " + known.joined(separator: ", ")
        }
        return "unknown key; did you mean \(nearest)?"
    }

    /// How many letters differ (Levenshtein), of the first 64.
    private func distance(_ a: String, _ b: String) -> Int {
        let a = Array(a.utf8.prefix(64))
        let b = Array(b.utf8.prefix(64))
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let substituted = diagonal + (x == y ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[b.count]
    }

    private static func explain(_ error: DecodingError) -> PluginError {
        switch error {
        case .keyNotFound(let key, let context):
            .config(key: path(context.codingPath + [key]), "the key is missing")
        case .typeMismatch(_, let context), .valueNotFound(_, let context), .dataCorrupted(let context):
            .config(key: path(context.codingPath), context.debugDescription)
        @unknown default: .config(key: "", "\(error)")
        }
    }

    private static func path(_ keys: [any CodingKey]) -> String { keys.map(\.stringValue).joined(separator: "/") }
}

/// An integer that may come as a number or as digits in a string, as environment variables bring it.
public struct FlexibleInteger: Decodable, Sendable {
    /// The number.
    public let value: Int

    /// A number.
    public init(_ value: Int) { self.value = value }

    /// Reads either form.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let number = try? container.decode(Int.self) {
            value = number
        } else if let text = try? container.decode(String.self), let number = Int(text) {
            value = number
        } else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "not a whole number")
        }
    }
}
