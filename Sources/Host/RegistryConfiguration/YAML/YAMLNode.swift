/// A value of a YAML document, with the place it came from.
struct YAMLNode: Sendable, Equatable {
    /// What the value holds.
    enum Content: Sendable, Equatable {
        case scalar(YAMLScalar)
        case sequence([YAMLNode])
        case mapping([YAMLEntry])
    }

    var content: Content
    var origin: ConfigurationOrigin

    init(_ content: Content, _ origin: ConfigurationOrigin) {
        self.content = content
        self.origin = origin
    }

    /// A plain scalar, read by YAML's rules.
    init(plain text: String, _ origin: ConfigurationOrigin) {
        self.init(.scalar(YAMLScalar(text: text, isPlain: true)), origin)
    }

    var scalar: YAMLScalar? {
        if case .scalar(let scalar) = content { return scalar }
        return nil
    }

    var elements: [YAMLNode]? {
        if case .sequence(let elements) = content { return elements }
        return nil
    }

    var entries: [YAMLEntry]? {
        if case .mapping(let entries) = content { return entries }
        return nil
    }

    /// Whether the value is absent in all but name: `key:` or `key: null`.
    var isNull: Bool { scalar?.resolved == .null }

    /// The value under a key of a mapping.
    subscript(key key: String) -> YAMLNode? {
        entries?.first { $0.key == key }?.value
    }

    /// Puts a value under a key, in place of what was there. A node that is not a mapping becomes one.
    ///
    /// - Parameter keyOrigin: the place of the key if it is new.
    mutating func set(_ key: String, to value: YAMLNode, keyOrigin: ConfigurationOrigin) {
        var entries = self.entries ?? []
        if let index = entries.firstIndex(where: { $0.key == key }) {
            // A map that was only changed inside stays where it was written.
            if value.entries == nil || entries[index].value.isNull { entries[index].origin = keyOrigin }
            entries[index].value = value
        } else {
            entries.append(YAMLEntry(key: key, origin: keyOrigin, value: value))
        }
        content = .mapping(entries)
    }
}

/// One `key: value` of a mapping.
struct YAMLEntry: Sendable, Equatable {
    var key: String
    /// The place of the key.
    var origin: ConfigurationOrigin
    var value: YAMLNode
}

/// A scalar as written. What it means depends on the type that its reader wants.
struct YAMLScalar: Sendable, Equatable {
    var text: String
    /// Unquoted, so that `yes` and `12` are not text.
    var isPlain: Bool
}

/// Why a document could not be read.
struct YAMLError: Error, Equatable {
    var message: String
    /// Counts from 1; 0 when no line is to blame.
    var line: Int
    var column: Int
}
