/// Follows the parts of one variable's name down the document and puts its value there.
struct OverlayWalk {
    /// Why a variable was not applied.
    enum Failure: Error {
        /// Its name leads nowhere.
        case unknown(ConfigurationIssue.Severity, String)
        /// Its name leads somewhere, where its value cannot stand.
        case invalid(path: String, String)
    }

    let variable: EnvironmentVariable
    let underscoredOptions: Set<String>

    /// Longer names are no keys of ours, and recursion must have an end.
    private static let mostParts = 32

    private var origin: ConfigurationOrigin { .environment(variable: variable.name) }

    /// The document, or the part of it that `schema` describes, with the value in its place.
    func replaced(
        _ node: YAMLNode?, _ parts: ArraySlice<String>, _ schema: KeySchema, path: String
    ) throws(Failure) -> YAMLNode {
        if parts.isEmpty { return try value(path: path) }
        guard parts.count <= Self.mostParts, !parts.contains("") else {
            throw .unknown(severity(path), "names no key")
        }
        if schema.isList {
            return try element(node, parts, path: path) { (old, rest, path) throws(Failure) in
                rest.isEmpty ? try value(path: path) : try section(old, rest, schema, path: path)
            }
        }
        if schema.isSection { return try section(node, parts, schema, path: path) }
        switch schema.key?.type {
        case .map, .any, .options, .list: return try free(node, parts, path: path)
        default: throw .unknown(severity(path), "names no key: nothing is below \(path)")
        }
    }

    private func section(
        _ node: YAMLNode?, _ parts: ArraySlice<String>, _ schema: KeySchema, path: String
    ) throws(Failure) -> YAMLNode {
        var map = try self.map(node, schema, path: path)
        for count in stride(from: parts.count, through: 1, by: -1) {
            let joined = parts.prefix(count).joined(separator: "_")
            let fixed = schema.child(variablePart: joined)
            let existing = schema.wildcard != nil && fixed == nil ? map.matchingKey(joined) : nil
            guard let name = fixed?.name ?? existing, let child = fixed ?? schema.wildcard else { continue }
            if path.isEmpty && name == "version" {
                throw .unknown(.warning, "the version cannot be overridden")
            }
            let value = try replaced(map[key: name], parts.dropFirst(count), child, path: below(path, name))
            map.set(name, to: value, keyOrigin: origin)
            return map
        }
        let name = (parts.first ?? "").lowercased()
        guard let wildcard = schema.wildcard else {
            let (severity, advice) = ConfigurationCheck.unknown(name, of: schema, path: path)
            throw .unknown(severity, "names no key\(path.isEmpty ? "" : " of \(path)")\(advice)")
        }
        let value = try replaced(nil, parts.dropFirst(), wildcard, path: below(path, name))
        map.set(name, to: value, keyOrigin: origin)
        return map
    }

    /// A value whose keys are its own affair.
    private func free(_ node: YAMLNode?, _ parts: ArraySlice<String>, path: String) throws(Failure) -> YAMLNode {
        guard let first = parts.first else { return try value(path: path) }
        if node?.elements != nil || (node == nil && Int(first) == 0) {
            return try element(node, parts, path: path) { (old, rest, path) throws(Failure) in
                try free(old, rest, path: path)
            }
        }
        var map = try self.map(node, nil, path: path)
        var (name, taken) = (first.lowercased(), 1)
        for count in stride(from: parts.count, through: 1, by: -1) {
            let joined = parts.prefix(count).joined(separator: "_")
            let known = underscoredOptions.contains(joined.lowercased()) ? joined.lowercased() : nil
            guard let match = map.matchingKey(joined) ?? known else { continue }
            (name, taken) = (match, count)
            break
        }
        let value = try free(map[key: name], parts.dropFirst(taken), path: below(path, name))
        map.set(name, to: value, keyOrigin: origin)
        return map
    }

    /// Changes or appends one element of a list.
    private func element(
        _ node: YAMLNode?, _ parts: ArraySlice<String>, path: String,
        _ change: (YAMLNode?, ArraySlice<String>, String) throws(Failure) -> YAMLNode
    ) throws(Failure) -> YAMLNode {
        let first = parts.first ?? ""
        guard let index = Int(first), index >= 0 else {
            throw .unknown(
                severity(path),
                "names no key: \(path) is a list, so a number from 0 must follow, not \(Printable.quoted(first))")
        }
        let list = node.flatMap { $0.isNull ? nil : $0 }
        guard var elements = list.map({ $0.elements }) ?? [] else {
            throw .invalid(path: path, "\(path) is not a list at \(list?.origin.description ?? "")")
        }
        guard index <= elements.count else {
            throw .invalid(
                path: path,
                "the list has \(elements.count) entries, so the next index is \(elements.count), not \(index)")
        }
        let old = index < elements.count ? elements[index] : nil
        let new = try change(old, parts.dropFirst(), "\(path)[\(index)]")
        if index < elements.count { elements[index] = new } else { elements.append(new) }
        return YAMLNode(.sequence(elements), list?.origin ?? origin)
    }

    /// The node as a map that can be added to.
    private func map(_ node: YAMLNode?, _ schema: KeySchema?, path: String) throws(Failure) -> YAMLNode {
        guard let node, !node.isNull else { return YAMLNode(.mapping([]), origin) }
        if node.entries != nil { return node }
        if case .section(let shorthand?)? = schema?.key?.type, node.scalar != nil {
            return YAMLNode(.mapping([YAMLEntry(key: shorthand, origin: node.origin, value: node)]), node.origin)
        }
        throw .invalid(path: path, "\(path) is a single value at \(node.origin), so nothing can be set inside it")
    }

    /// The variable's value, parsed as YAML.
    private func value(path: String) throws(Failure) -> YAMLNode {
        let parsed: YAMLNode?
        do throws(YAMLError) {
            parsed = try YAMLParser.parse(Array(variable.value.utf8), origin: { _, _ in origin }).root
        } catch {
            throw .invalid(path: path, "the value is not valid YAML (\(error.message)); text may need quotes")
        }
        if let parsed { return parsed }
        guard variable.value.utf8.allSatisfy({ $0 <= 0x20 }) else {
            throw .invalid(path: path, "the value is only a comment to YAML; put it in quotes")
        }
        return YAMLNode(plain: "", origin)
    }

    private func severity(_ path: String) -> ConfigurationIssue.Severity {
        ConfigurationCheck.isStrict(path) ? .error : .warning
    }

    private func below(_ path: String, _ name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }
}

extension YAMLNode {
    /// The key of a map that a part of a variable's name means: case does not count, and `_` may stand for `-`.
    func matchingKey(_ part: String) -> String? {
        let part = part.lowercased()
        return entries?.first { entry in
            let key = entry.key.lowercased()
            return key == part || String(key.map { $0 == "-" ? "_" : $0 }) == part
        }?.key
    }
}
