/// A value that is not what its key wants.
struct TypeMismatch {
    /// Steps below the key, such as `[2]` or `.X-Header`.
    var subpath: String
    var node: YAMLNode
    var expected: String
}

extension KeyType {
    /// Everything in a value that does not fit the type. Sections are the check's own affair.
    func mismatches(_ node: YAMLNode, subpath: String = "") -> [TypeMismatch] {
        if node.isNull { return [] }
        let isFit: Bool
        switch self {
        case .list(let type):
            guard let elements = node.elements else { break }
            return elements.enumerated().flatMap { type.elementMismatches($1, "\(subpath)[\($0)]") }
        case .map(let type):
            guard let entries = node.entries else { break }
            return entries.flatMap { type.mismatches($0.value, subpath: "\(subpath).\($0.key)") }
        default: break
        }
        switch self {
        case .text: isFit = node.text != nil
        case .url: isFit = node.url != nil
        case .boolean: isFit = node.boolean != nil
        case .integer(let range): isFit = node.integer(in: range) != nil
        case .bytes(let range): isFit = node.bytes(in: range) != nil
        case .duration(let range): isFit = node.duration(in: range) != nil
        case .choice(let words): isFit = node.choice(of: words) != nil
        case .list, .map: isFit = false
        case .any: isFit = true
        case .options, .section: isFit = node.entries != nil
        }
        return isFit ? [] : [TypeMismatch(subpath: subpath, node: node, expected: description)]
    }

    /// A list has no place for an absent value.
    private func elementMismatches(_ node: YAMLNode, _ subpath: String) -> [TypeMismatch] {
        if node.isNull && self != .any {
            return [TypeMismatch(subpath: subpath, node: node, expected: description)]
        }
        return mismatches(node, subpath: subpath)
    }
}

extension YAMLNode {
    /// What was found, in words.
    func found(isSecret: Bool) -> String {
        switch content {
        case .sequence(let elements): return elements.isEmpty ? "an empty list" : "a list"
        case .mapping(let entries): return entries.isEmpty ? "an empty map" : "a map"
        case .scalar(let scalar):
            if isSecret { return SecretMask.mask }
            switch scalar.resolved {
            case .null: return "nothing"
            case .boolean: return "the truth value \(Printable.escaped(scalar.text))"
            case .integer, .large, .number: return "the number \(Printable.escaped(scalar.text, limit: 60))"
            case .text(let text): return "the text \(Printable.quoted(SecretMask.withoutCredentials(text)))"
            }
        }
    }
}
