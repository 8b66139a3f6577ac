/// Reads the keys of one section, with the table's defaults.
///
/// A value of the wrong type reads like an absent one; `ConfigurationCheck` has reported it.
struct SettingsReader {
    private let node: YAMLNode?
    private let schema: KeySchema
    /// The section's path, for issues.
    let path: String

    init(_ node: YAMLNode?, _ schema: KeySchema = .root, path: String = "") {
        self.node = node
        self.schema = schema
        self.path = path
    }

    /// The place of the section.
    var origin: ConfigurationOrigin { node?.origin ?? .standard }

    /// The section below a key.
    func section(_ name: String) -> SettingsReader {
        SettingsReader(written(name), schema.child(name) ?? KeySchema(name: name), path: childPath(name))
    }

    /// The groups of a list; a plain value is the group's shorthand key.
    func sections(_ name: String) -> [SettingsReader] {
        guard let child = schema.child(name) else { return [] }
        return (written(name)?.elements ?? []).enumerated().map { index, element in
            var element = element
            if case .section(let shorthand?)? = child.key?.type, element.scalar != nil {
                let entry = YAMLEntry(key: shorthand, origin: element.origin, value: element)
                element = YAMLNode(.mapping([entry]), element.origin)
            }
            return SettingsReader(element, child, path: "\(childPath(name))[\(index)]")
        }
    }

    /// The value as written; nil if absent or null.
    func written(_ name: String) -> YAMLNode? {
        node?[key: name].flatMap { $0.isNull ? nil : $0 }
    }

    func text(_ name: String) -> String? { read(name) { $0.text } }

    func url(_ name: String) -> String? { read(name) { $0.url } }

    func boolean(_ name: String) -> Bool { read(name) { $0.boolean } ?? false }

    func integer(_ name: String) -> Int {
        switch schema.child(name)?.key?.type {
        case .integer(let range): read(name) { $0.integer(in: range) } ?? 0
        case .bytes(let range): read(name) { $0.bytes(in: range) } ?? 0
        default: 0
        }
    }

    func duration(_ name: String) -> Duration {
        guard case .duration(let range)? = schema.child(name)?.key?.type else { return .zero }
        return .nanoseconds(read(name) { $0.duration(in: range) } ?? 0)
    }

    /// The word as the table spells it, or the empty text.
    func choice(_ name: String) -> String {
        guard case .choice(let words)? = schema.child(name)?.key?.type else { return "" }
        return read(name) { $0.choice(of: words) } ?? ""
    }

    func texts(_ name: String) -> [String] {
        read(name) { $0.elements?.compactMap(\.text) } ?? []
    }

    /// The path of a key of this section.
    func childPath(_ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

    private func read<Value>(_ name: String, _ convert: (YAMLNode) -> Value?) -> Value? {
        if let written = written(name), let value = convert(written) { return value }
        return schema.child(name)?.key?.standardNode.flatMap(convert)
    }
}

extension ConfigurationKey {
    /// The default as a value.
    var standardNode: YAMLNode? {
        guard let standard else { return nil }
        return try? YAMLParser.parse(Array(standard.utf8), origin: { _, _ in .standard }).root
    }
}
