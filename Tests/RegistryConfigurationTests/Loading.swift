@testable import RegistryConfiguration

/// Reads a text as `config.yml`.
func load(_ text: String, environment: [String: String] = [:]) -> LoadedConfiguration {
    ConfigurationSource.load(text: Array(text.utf8), name: "config.yml", environment: environment)
}

/// A file with the least that is required and something more.
func load(adding text: String, environment: [String: String] = [:]) -> LoadedConfiguration {
    load("version: 0.1\nstorage: {inmemory: {}}\n" + text, environment: environment)
}

extension LoadedConfiguration {
    /// Everything that was said, a line each.
    var report: String { issues.map(\.description).joined(separator: "\n") }

    func messages(_ severity: ConfigurationIssue.Severity) -> [String] {
        issues.filter { $0.severity == severity }.map(\.description)
    }
}

/// Parses a YAML text as the value of a key.
func node(_ text: String) throws -> YAMLNode {
    let document = try YAMLParser.parse(Array(text.utf8)) { .file(name: "t", line: $0, column: $1) }
    return document.root ?? YAMLNode(plain: "", .standard)
}
