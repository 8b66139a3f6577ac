/// Prints a document and the defaults that complete it as YAML, each value with its origin.
struct EffectivePrinter {
    private struct Line {
        var text: String
        var comment: String?
    }

    private var lines: [Line] = []

    static func text(of document: YAMLNode) -> String {
        var printer = EffectivePrinter()
        printer.section(document, .root, indent: 0, note: "")
        let width = printer.lines.filter { $0.comment != nil }.map(\.text.count).max().map { min($0, 60) } ?? 0
        return printer.lines.map { line in
            guard let comment = line.comment else { return line.text + "\n" }
            let padding = String(repeating: " ", count: max(0, width - line.text.count))
            return "\(line.text)\(padding)  # \(comment)\n"
        }.joined()
    }

    private mutating func add(_ text: String, indent: Int, comment: String? = nil) {
        lines.append(Line(text: String(repeating: "  ", count: indent) + text, comment: comment))
    }

    /// Runs `body` and turns what it adds into the element of a list.
    private mutating func element(indent: Int, _ body: (inout EffectivePrinter) -> Void) {
        let start = lines.count
        body(&self)
        guard start < lines.count else { return add("- {}", indent: indent) }
        let head = String(repeating: "  ", count: indent)
        lines[start].text = head + "- " + lines[start].text.dropFirst(head.count + 2)
    }

    /// The keys of a section: in the table's order, then those that the table does not know.
    private mutating func section(_ node: YAMLNode?, _ schema: KeySchema, indent: Int, note: String) {
        let entries = node?.entries ?? []
        let fixed = Set(schema.childNames)
        for child in schema.children {
            if child.name.hasPrefix("<") {
                for entry in entries where !fixed.contains(entry.key) {
                    value(entry.value, child, key: Self.key(entry.key), indent: indent, note: note)
                }
            } else {
                value(entries.first { $0.key == child.name }?.value, child, key: child.name, indent: indent, note: note)
            }
        }
        guard schema.wildcard == nil else { return }
        for entry in entries where !fixed.contains(entry.key) {
            let isHidden = SecretMask.isSecretName(entry.key)
            raw(
                entry.value, key: Self.key(entry.key), indent: indent, note: ", unknown key, ignored",
                isHidden: isHidden)
        }
    }

    private mutating func value(_ node: YAMLNode?, _ schema: KeySchema, key: String, indent: Int, note: String) {
        let note = note.isEmpty ? Self.note(schema.key) : note
        let written = node.flatMap { $0.isNull ? nil : $0 }
        if schema.isList || schema.isSection {
            group(written, schema, key: key, indent: indent, note: note)
        } else if let written {
            raw(written, key: key, indent: indent, note: note, isHidden: schema.key?.isSecret ?? false)
        } else if let standard = schema.key?.standardNode, note.isEmpty {
            raw(standard, key: key, indent: indent, note: "", isHidden: false)
        } else if node != nil, case .options? = schema.key?.type {
            add("\(key): {}", indent: indent, comment: node.map { $0.origin.short + note })
        }
    }

    private mutating func group(_ node: YAMLNode?, _ schema: KeySchema, key: String, indent: Int, note: String) {
        let start = lines.count
        add("\(key):", indent: indent)
        if schema.isList {
            for element in node?.elements ?? [] {
                self.element(indent: indent + 1) { printer in
                    if element.entries != nil {
                        printer.section(element, schema, indent: indent + 2, note: note)
                    } else {
                        printer.raw(element, key: nil, indent: indent + 2, note: note, isHidden: false)
                    }
                }
            }
        } else {
            section(node, schema, indent: indent + 1, note: note)
        }
        if lines.count == start + 1 { lines.removeLast() }
        // A section that is something else altogether is an error; it is shown as it is.
        if let node, node.entries == nil, node.elements == nil || !schema.isList {
            raw(node, key: key, indent: indent, note: note, isHidden: true)
        }
    }

    /// A value that the table says no more about.
    private mutating func raw(_ node: YAMLNode, key: String?, indent: Int, note: String, isHidden: Bool) {
        let head = key.map { "\($0):" } ?? ""
        func line(_ text: String) -> String { head.isEmpty ? text : "\(head) \(text)" }
        switch node.content {
        case .scalar(let scalar):
            add(line(Self.text(scalar, isHidden: isHidden)), indent: indent, comment: node.origin.short + note)
        case .sequence(let elements) where elements.isEmpty:
            add(line("[]"), indent: indent, comment: node.origin.short + note)
        case .mapping(let entries) where entries.isEmpty:
            add(line("{}"), indent: indent, comment: node.origin.short + note)
        case .sequence(let elements):
            if key != nil { add(head, indent: indent) }
            let inner = key == nil ? indent : indent + 1
            for element in elements {
                self.element(indent: inner) { printer in
                    printer.raw(element, key: nil, indent: inner + 1, note: note, isHidden: isHidden)
                }
            }
        case .mapping(let entries):
            if key != nil { add(head, indent: indent) }
            for entry in entries {
                raw(
                    entry.value, key: Self.key(entry.key), indent: key == nil ? indent : indent + 1, note: note,
                    isHidden: isHidden || SecretMask.isSecretName(entry.key))
            }
        }
    }

    private static func note(_ key: ConfigurationKey?) -> String {
        switch key?.status {
        case .later?: ", not available yet, ignored"
        case .refused?: ", not available yet, refused"
        case .accepted?: ", without effect"
        case .supported?, nil: ""
        }
    }

    private static func text(_ scalar: YAMLScalar, isHidden: Bool) -> String {
        if scalar.resolved == .null { return "null" }
        if isHidden && !scalar.text.isEmpty { return SecretMask.mask }
        let text = SecretMask.withoutCredentials(scalar.text)
        let means = YAMLScalar(text: text, isPlain: true).resolved
        // Quotes where plain text would mean something else or would not be safe.
        let isPlain = isSafe(text) && (scalar.isPlain || means == .text(text))
        return isPlain ? text : JSONText.quoted(text)
    }

    private static func key(_ text: String) -> String {
        isSafe(text) && YAMLScalar(text: text, isPlain: true).resolved == .text(text) ? text : JSONText.quoted(text)
    }

    /// Whether a text can stand in YAML without quotes.
    private static func isSafe(_ text: String) -> Bool {
        guard let first = text.utf8.first, first != UInt8(ascii: "-") || text.utf8.count > 1 else { return false }
        return text.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
            default: "._/+-".utf8.contains(byte)
            }
        } && !text.hasPrefix("---") && !text.hasPrefix("...")
    }
}
