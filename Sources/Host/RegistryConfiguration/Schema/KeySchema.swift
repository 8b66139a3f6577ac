/// The table of keys as a tree.
struct KeySchema: Sendable {
    /// The last part of the path, without `[]`; `<…>` for a free name.
    var name: String
    /// The row. Absent for the root alone.
    var key: ConfigurationKey?
    /// A list of the groups described here.
    var isList = false
    var children: [KeySchema] = []

    /// The whole table.
    static let root: KeySchema = {
        var root = KeySchema(name: "")
        for key in ConfigurationKey.all {
            root.insert(key, path: key.path.split(separator: ".", omittingEmptySubsequences: false)[...])
        }
        return root
    }()

    /// The part that matches any name.
    var wildcard: KeySchema? { children.first { $0.name.hasPrefix("<") } }

    /// Whether keys are fixed here, and not the value's own affair.
    var isSection: Bool {
        if key == nil { return true }
        if case .section = key?.type { return true }
        return false
    }

    /// Names of the fixed children.
    var childNames: [String] { children.map(\.name).filter { !$0.hasPrefix("<") } }

    func child(_ name: String) -> KeySchema? {
        children.first { $0.name == name && !$0.name.hasPrefix("<") }
    }

    /// The child that a part of an environment variable's name means.
    func child(variablePart part: String) -> KeySchema? {
        let part = part.lowercased()
        return children.first { !$0.name.hasPrefix("<") && ($0.name == part || $0.key?.variableAlias == part) }
    }

    private mutating func insert(_ key: ConfigurationKey, path: ArraySlice<Substring>) {
        guard let first = path.first else {
            self.key = key
            return
        }
        let isList = first.hasSuffix("[]")
        let name = String(isList ? first.dropLast(2) : first)
        if !children.contains(where: { $0.name == name }) {
            children.append(KeySchema(name: name, isList: isList))
        }
        for index in children.indices where children[index].name == name {
            children[index].insert(key, path: path.dropFirst())
        }
    }
}
