/// The shared files of AWS's tools: `~/.aws/config` and `~/.aws/credentials`, with named profiles.
public struct AWSProfiles: Sendable {
    /// Settings by profile, then by key in lower case.
    private var profiles: [String: [String: String]] = [:]

    /// The texts of both files; what isn't there is empty. Of a setting that is in both, the credentials file's counts.
    public init(config: String, credentials: String) {
        read(config) { section in
            if section == "default" { return section }
            // Other sections of the config file, such as [sso-session x], are no profiles.
            guard section.hasPrefix("profile ") || section.hasPrefix("profile\t") else { return nil }
            return Self.trimmed(section.dropFirst(8))
        }
        read(credentials) { $0 }
    }

    /// The settings of a profile; nil: there is no such profile.
    public subscript(profile: String) -> [String: String]? { profiles[profile] }

    private mutating func read(_ text: String, _ name: (String) -> String?) {
        var current: String?
        for line in text.split(whereSeparator: \.isNewline) {
            let content = Self.trimmed(line)
            if content.isEmpty || content.hasPrefix("#") || content.hasPrefix(";") { continue }
            if content.hasPrefix("["), let end = content.firstIndex(of: "]") {
                current = name(Self.trimmed(content[..<end].dropFirst()))
                if let current { profiles[current, default: [:]] = profiles[current] ?? [:] }
                continue
            }
            // Indented lines belong to a nested setting, of which none matters here.
            guard let current, line.first?.isWhitespace != true, let equals = content.firstIndex(of: "=") else {
                continue
            }
            let key = Self.trimmed(content[..<equals]).lowercased()
            var value = Self.trimmed(content[content.index(after: equals)...])
            // A comment at the end of a line has white space before it.
            if let comment = value.firstRange(of: " #") ?? value.firstRange(of: " ;") {
                value = Self.trimmed(value[..<comment.lowerBound])
            }
            if !key.isEmpty { profiles[current]?[key] = value }
        }
    }

    private static func trimmed(_ text: some StringProtocol) -> String {
        let rest = text.drop(while: \.isWhitespace)
        guard let last = rest.lastIndex(where: { !$0.isWhitespace }) else { return "" }
        return String(rest[...last])
    }
}
