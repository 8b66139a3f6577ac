/// The table of keys as text: for `config describe` and for the reference page.
public enum ConfigurationDescription {
    /// The keys below a prefix, such as `http.tls`, or all of them. Nil if there are none.
    public static func describe(prefix: String? = nil) -> String? {
        var keys = ConfigurationKey.all.filter { matches($0.path, prefix: prefix) }
        if keys.isEmpty, let parent = prefix?.split(separator: ".").first {
            // `storage.s3` is described by `storage.<driver>`.
            let isFree = KeySchema.root.child(parent.lowercased())?.wildcard != nil
            keys = ConfigurationKey.all.filter { isFree && $0.path.hasPrefix("\(parent.lowercased()).<") }
        }
        if keys.isEmpty { return nil }
        return keys.map(entry).joined()
    }

    /// The key that a misspelt prefix may have meant.
    public static func nearest(to prefix: String) -> String? {
        EditDistance.nearest(to: prefix, among: ConfigurationKey.all.map(\.path))
    }

    /// The reference page, `docs/configuration.md`.
    public static func markdown() -> String {
        var text = ConfigurationPage.introduction
        for top in KeySchema.root.children {
            text += "\n### `\(top.name)`\n\n| key | value | default | meaning |\n|---|---|---|---|\n"
            var said: ConfigurationKey?
            for key in ConfigurationKey.all where matches(key.path, prefix: top.name) {
                // What holds for a group is said once.
                let isSaid = said.map { $0.status == key.status && matches(key.path, prefix: $0.path) } ?? false
                text += row(key, remark: isSaid ? "" : remark(key))
                if !isSaid { said = key.status == .supported ? nil : key }
            }
        }
        return text + ConfigurationPage.conclusion
    }

    private static func matches(_ path: String, prefix: String?) -> Bool {
        guard let wanted = prefix?.lowercased(), !wanted.isEmpty else { return true }
        let path = path.lowercased()
        return path == wanted || path.hasPrefix(wanted + ".") || path.hasPrefix(wanted + "[]")
    }

    private static func entry(_ key: ConfigurationKey) -> String {
        var text = "\(key.path)\n    \(key.text)\(remark(key))\n"
        guard key.type != .section else { return text }
        text += "    Value: \(key.type.description)"
        if let standard = key.standard { text += ". Default: \(standard)" }
        return text + (key.isSecret ? ". Secret" : "") + ".\n"
    }

    private static func row(_ key: ConfigurationKey, remark: String) -> String {
        let type = key.type == .section ? "" : key.type.description
        let standard = key.standard.map { "`\($0)`" } ?? ""
        return
            "| `\(key.path)` | \(type) | \(standard) | \(key.text)\(remark)\(key.isSecret ? " Never printed." : "") |\n"
    }

    private static func remark(_ key: ConfigurationKey) -> String {
        switch key.status {
        case .supported: ""
        case .later: " Not available yet: ignored, with a warning."
        case .refused: " Not available yet: refused, with an error."
        case .accepted(let reason): " No effect: \(reason)."
        }
    }
}
