/// Bounds on a YAML document.
struct YAMLLimits: Sendable {
    /// Bytes of text.
    var bytes = 1 << 20
    /// Levels of nesting, aliases expanded.
    var depth = 64
    /// Values, aliases expanded, where long text counts for more: what keeps a few lines from growing to gigabytes.
    var nodes = 50_000
    /// Bytes of one key.
    var keyBytes = 128
}

/// Reads the first document of a YAML text into a tree: aliases and merge keys expanded, duplicate keys refused.
struct YAMLParser: ~Copyable {
    /// A document, and the line at which a second one begins, if any.
    struct Document {
        /// Absent if the text holds nothing but comments.
        var root: YAMLNode?
        var secondDocumentLine: Int?
    }

    /// A value with its size, so that using it again can be counted without a walk.
    private struct Measured {
        var node: YAMLNode
        var count: Int
        var height: Int
    }

    private let events: YAMLEventReader
    private let limits: YAMLLimits
    private let origin: (Int, Int) -> ConfigurationOrigin
    private var anchors: [String: Measured] = [:]
    private var nodes = 0

    /// Parses a text.
    ///
    /// - Parameter origin: makes an origin of a line and a column.
    static func parse(
        _ bytes: [UInt8], limits: YAMLLimits = YAMLLimits(), origin: (Int, Int) -> ConfigurationOrigin
    ) throws(YAMLError) -> Document {
        guard bytes.count <= limits.bytes else {
            throw YAMLError(message: "longer than \(limits.bytes) bytes", line: 0, column: 0)
        }
        // Typed throws do not pass through `withUnsafeBufferPointer` of a closure that rethrows an inferred type.
        let result = withoutActuallyEscaping(origin) { origin in
            bytes.withUnsafeBufferPointer { buffer -> Result<Document, YAMLError> in
                do throws(YAMLError) {
                    var parser = YAMLParser(try YAMLEventReader(buffer), limits, origin)
                    return .success(try parser.document())
                } catch {
                    return .failure(error)
                }
            }
        }
        return try result.get()
    }

    private init(
        _ events: consuming YAMLEventReader, _ limits: YAMLLimits, _ origin: @escaping (Int, Int) -> ConfigurationOrigin
    ) {
        self.events = events
        self.limits = limits
        self.origin = origin
    }

    private mutating func document() throws(YAMLError) -> Document {
        var event = try events.next()
        if case .streamStart = event.kind { event = try events.next() }
        guard case .documentStart = event.kind else { return Document() }
        let root = try value(try events.next(), depth: 1)
        _ = try events.next()
        let following = try events.next()
        if case .documentStart = following.kind {
            return Document(root: root.node, secondDocumentLine: following.line)
        }
        return Document(root: root.node)
    }

    private mutating func value(_ event: YAMLEvent, depth: Int) throws(YAMLError) -> Measured {
        guard depth <= limits.depth else {
            throw YAMLError(
                message: "nested deeper than \(limits.depth) levels", line: event.line, column: event.column)
        }
        let result: Measured
        switch event.kind {
        case .alias(let name): return try alias(name, event, depth: depth)
        case .sequenceStart: result = try sequence(event, depth: depth)
        case .mappingStart: result = try mapping(event, depth: depth)
        case .scalar(let scalar): result = try self.scalar(scalar, event)
        default: throw YAMLError(message: "a value is missing", line: event.line, column: event.column)
        }
        if let anchor = event.anchor { anchors[anchor] = result }
        return result
    }

    /// Adds to the number of values. Both numbers are bounded by `limits.nodes`, so the sum cannot overflow.
    private mutating func count(_ more: Int, _ event: YAMLEvent) throws(YAMLError) {
        nodes += more
        guard nodes <= limits.nodes else {
            throw YAMLError(
                message: "holds more than \(limits.nodes) values with its aliases expanded", line: event.line,
                column: event.column)
        }
    }

    private mutating func alias(_ name: String, _ event: YAMLEvent, depth: Int) throws(YAMLError) -> Measured {
        guard let target = anchors[name] else {
            throw YAMLError(
                message: "the alias *\(Printable.escaped(name, limit: 60)) names no anchor above it", line: event.line,
                column: event.column)
        }
        try count(target.count, event)
        guard depth - 1 + target.height <= limits.depth else {
            throw YAMLError(
                message: "nested deeper than \(limits.depth) levels", line: event.line, column: event.column)
        }
        return target
    }

    private mutating func scalar(_ scalar: YAMLScalar, _ event: YAMLEvent) throws(YAMLError) -> Measured {
        let weight = 1 + scalar.text.utf8.count / 64
        try count(weight, event)
        var scalar = scalar
        guard !scalar.text.utf8.contains(0) else {
            throw YAMLError(message: "a value holds a NUL character", line: event.line, column: event.column)
        }
        switch event.tag {
        case nil: break
        case "!", "tag:yaml.org,2002:str": scalar.isPlain = false
        case "tag:yaml.org,2002:int", "tag:yaml.org,2002:bool", "tag:yaml.org,2002:float", "tag:yaml.org,2002:null":
            scalar.isPlain = true
        case .some(let tag):
            throw YAMLError(
                message: "the tag \(Printable.quoted(tag)) is not supported", line: event.line, column: event.column)
        }
        return Measured(node: YAMLNode(.scalar(scalar), origin(event.line, event.column)), count: weight, height: 1)
    }

    private mutating func sequence(_ start: YAMLEvent, depth: Int) throws(YAMLError) -> Measured {
        try count(1, start)
        var elements: [YAMLNode] = []
        var (total, height) = (1, 0)
        while true {
            let event = try events.next()
            if case .sequenceEnd = event.kind { break }
            let element = try value(event, depth: depth + 1)
            elements.append(element.node)
            total += element.count
            height = max(height, element.height)
        }
        let node = YAMLNode(.sequence(elements), origin(start.line, start.column))
        return Measured(node: node, count: total, height: height + 1)
    }

    private mutating func mapping(_ start: YAMLEvent, depth: Int) throws(YAMLError) -> Measured {
        try count(1, start)
        var entries: [YAMLEntry] = []
        var lines: [String: Int] = [:]
        var merged: [YAMLEntry] = []
        var (total, height) = (1, 0)
        while true {
            let event = try events.next()
            if case .mappingEnd = event.kind { break }
            let key = try self.key(event, depth: depth + 1)
            if let first = lines.updateValue(event.line, forKey: key.text) {
                throw YAMLError(
                    message: "the key \(Printable.quoted(key.text)) was given before, in line \(first)",
                    line: event.line, column: event.column)
            }
            let element = try value(try events.next(), depth: depth + 1)
            total += element.count + 1
            height = max(height, element.height)
            if key.isPlain && key.text == "<<" {
                merged += try mergedEntries(element.node, event)
            } else {
                entries.append(
                    YAMLEntry(key: key.text, origin: origin(event.line, event.column), value: element.node))
            }
        }
        for entry in merged where lines[entry.key] == nil {
            lines[entry.key] = start.line
            entries.append(entry)
        }
        let node = YAMLNode(.mapping(entries), origin(start.line, start.column))
        return Measured(node: node, count: total, height: height + 1)
    }

    private mutating func key(_ event: YAMLEvent, depth: Int) throws(YAMLError) -> YAMLScalar {
        guard let scalar = try value(event, depth: depth).node.scalar else {
            throw YAMLError(
                message: "a key must be text, not a list or a map", line: event.line, column: event.column)
        }
        guard scalar.text.utf8.count <= limits.keyBytes else {
            throw YAMLError(
                message: "a key is longer than \(limits.keyBytes) bytes", line: event.line, column: event.column)
        }
        return scalar
    }

    /// What `<<: *base` and `<<: [*one, *two]` bring in: the first of equal keys holds.
    private func mergedEntries(_ node: YAMLNode, _ event: YAMLEvent) throws(YAMLError) -> [YAMLEntry] {
        if let entries = node.entries { return entries }
        var result: [YAMLEntry] = []
        for element in node.elements ?? [node] {
            guard let entries = element.entries else {
                throw YAMLError(
                    message: "`<<` must name a map or a list of maps", line: event.line, column: event.column)
            }
            result += entries
        }
        return result
    }
}
