/// Compares a document with the table of keys.
struct ConfigurationCheck {
    private(set) var issues: [ConfigurationIssue] = []

    /// Checks the whole document.
    static func issues(in root: YAMLNode) -> [ConfigurationIssue] {
        var check = ConfigurationCheck()
        check.section(root, KeySchema.root, path: "", quiet: false)
        return check.issues
    }

    /// Sections where an unknown key may be a misspelt restriction.
    static func isStrict(_ path: String) -> Bool {
        ["auth", "access", "http.tls"].contains { path == $0 || path.hasPrefix($0 + ".") || path.hasPrefix($0 + "[") }
    }

    private mutating func report(
        _ severity: ConfigurationIssue.Severity, _ path: String, _ location: ConfigurationOrigin, _ message: String
    ) {
        issues.append(ConfigurationIssue(severity, path: path, location: location, message: message))
    }

    private mutating func section(_ node: YAMLNode, _ schema: KeySchema, path: String, quiet: Bool) {
        guard let entries = node.entries else {
            report(
                .error, path, node.origin,
                "found \(node.found(isSecret: false)), expected \(KeyType.section.description)")
            return
        }
        for entry in entries {
            let childPath = path.isEmpty ? entry.key : "\(path).\(entry.key)"
            if let child = schema.child(entry.key) ?? schema.wildcard {
                value(entry.value, child, path: childPath, keyOrigin: entry.origin, quiet: quiet)
            } else {
                unknown(entry, schema, path: path, childPath: childPath)
            }
        }
    }

    private mutating func unknown(_ entry: YAMLEntry, _ schema: KeySchema, path: String, childPath: String) {
        let (severity, advice) = Self.unknown(entry.key, of: schema, path: path)
        report(severity, childPath, entry.origin, "unknown key\(advice)")
    }

    /// How bad an unknown name is, and what it may have meant. A name that is nearly `auth` is as bad as one below it.
    static func unknown(
        _ name: String, of schema: KeySchema, path: String
    ) -> (severity: ConfigurationIssue.Severity, advice: String) {
        let nearest = EditDistance.nearest(to: name, among: schema.childNames)
            .map { path.isEmpty ? $0 : "\(path).\($0)" }
        let isStrict = isStrict(path) || nearest.map(isStrict) ?? false
        let advice = (isStrict ? "" : ", ignored") + (nearest.map { "; did you mean \($0)?" } ?? "")
        return (isStrict ? .error : .warning, advice)
    }

    private mutating func value(
        _ node: YAMLNode, _ schema: KeySchema, path: String, keyOrigin: ConfigurationOrigin, quiet: Bool
    ) {
        if node.isNull { return }
        let said = status(node, schema, path: path, keyOrigin: keyOrigin, quiet: quiet)
        if schema.isList {
            list(node, schema, path: path, quiet: quiet || said)
        } else if schema.isSection {
            section(node, schema, path: path, quiet: quiet || said)
        } else {
            leaf(node, schema, path: path)
        }
    }

    private mutating func list(_ node: YAMLNode, _ schema: KeySchema, path: String, quiet: Bool) {
        guard let elements = node.elements else {
            report(.error, path, node.origin, "found \(node.found(isSecret: false)), expected a list")
            return
        }
        for (index, element) in elements.enumerated() {
            if case .section(shorthand: .some)? = schema.key?.type, element.scalar != nil, !element.isNull { continue }
            section(element, schema, path: "\(path)[\(index)]", quiet: quiet)
        }
    }

    private mutating func leaf(_ node: YAMLNode, _ schema: KeySchema, path: String) {
        guard let key = schema.key else { return }
        let isSecret = key.isSecret || SecretMask.isSecretName(schema.name)
        for mismatch in key.type.mismatches(node) {
            let isHidden = isSecret || SecretMask.isSecretName(mismatch.subpath)
            let found = mismatch.node.found(isSecret: isHidden)
            report(
                .error, path + mismatch.subpath, mismatch.node.origin, "found \(found), expected \(mismatch.expected)")
        }
    }

    /// Says what a key that has no effect is about. Returns whether something was said, so that its parts are not
    /// said again.
    private mutating func status(
        _ node: YAMLNode, _ schema: KeySchema, path: String, keyOrigin: ConfigurationOrigin, quiet: Bool
    ) -> Bool {
        guard let key = schema.key, key.status != .supported, !quiet, !Self.asksForNothing(node, key) else {
            return false
        }
        switch key.status {
        case .supported: return false
        case .later: report(.warning, path, keyOrigin, "not available yet, ignored")
        case .refused:
            report(
                .error, path, keyOrigin,
                "not available yet; the server refuses to start, since without it it would be more open than this says")
        case .accepted(let reason): report(.note, path, keyOrigin, reason)
        }
        return true
    }

    /// Whether ignoring the value does what it says: an empty list, a feature switched off.
    private static func asksForNothing(_ node: YAMLNode, _ key: ConfigurationKey) -> Bool {
        switch node.content {
        case .scalar(let scalar):
            return scalar.text.isEmpty || scalar.text == key.standard || node.boolean == false
        case .sequence(let elements): return elements.isEmpty
        case .mapping(let entries):
            return entries.isEmpty || node[key: "enabled"]?.boolean == false || node[key: "disabled"]?.boolean == true
        }
    }
}
