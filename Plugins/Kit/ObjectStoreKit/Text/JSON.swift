import FoundationEssentials

/// JSON from and for a store.
public enum JSON {
    /// Reads a document.
    /// - Throws: `.corrupt` if it isn't one, or isn't what is expected; the message holds no values.
    public static func decode<Value: Decodable>(
        _ type: Value.Type, _ body: SharedBytes
    ) throws(StoreError) -> Value {
        try decode(type, body.array)
    }

    /// Reads a document.
    /// - Throws: `.corrupt` if it isn't one, or isn't what is expected; the message holds no values.
    public static func decode<Value: Decodable>(
        _ type: Value.Type, _ bytes: [UInt8]
    ) throws(StoreError) -> Value {
        do {
            return try JSONDecoder().decode(type, from: Data(bytes))
        } catch {
            throw StoreError(.corrupt, "the store's JSON can't be read: \(explanation(error))", cause: .response)
        }
    }

    /// Writes a document; the order of its keys is always the same.
    /// - Throws: `.internalFailure` if the value can't be written.
    public static func encode(_ value: some Encodable) throws(StoreError) -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do {
            return Array(try encoder.encode(value))
        } catch {
            throw StoreError(.internalFailure, "a value can't be written as JSON", noEffect: true)
        }
    }

    /// Where it went wrong, without a value: a credential may stand beside it.
    private static func explanation(_ error: any Error) -> String {
        func place(_ context: DecodingError.Context) -> String {
            let path = context.codingPath.map(\.stringValue).joined(separator: ".")
            return path.isEmpty ? "the document" : path
        }
        return switch error as? DecodingError {
        case .keyNotFound(let key, let context): "\(place(context)) lacks \(key.stringValue)"
        case .typeMismatch(_, let context), .valueNotFound(_, let context): "\(place(context)) is of another type"
        default: "it isn't well formed"
        }
    }
}
