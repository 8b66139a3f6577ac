import RegistryModel
import RegistryStorage

@testable import RegistryConfiguration
@testable import RegistryCore

/// What is parsed outside of requests, or deeper in them than a request can easily reach.
enum TextRun {
    /// A configuration; if its first line is a comment `# NAME=value`, with that variable over it.
    static func configuration(_ bytes: [UInt8]) throws {
        var environment: [String: String] = [:]
        let first = String(decoding: bytes.prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
        if first.hasPrefix("# ") {
            let parts = first.dropFirst(2).split(separator: "=", maxSplits: 1)
            if parts.count == 2 { environment[String(parts[0])] = String(parts[1]) }
        }
        let loaded = ConfigurationSource.load(text: bytes, name: "fuzz", environment: environment)
        let hasError = loaded.issues.contains { $0.severity == .error }
        try hold(loaded.configuration != nil || hasError, "neither a configuration nor an error")
        for issue in loaded.issues {
            try hold(!issue.message.isEmpty, "an issue without a message")
            try hold(!issue.description.contains("\n"), "an issue of several lines: \(issue)")
        }
        let shown = loaded.show()
        try hold(!shown.isEmpty, "nothing to show")
        guard loaded.configuration != nil else { return }
        // What is printed can be read: tools do.
        let again = try? YAMLParser.parse(Array(shown.utf8)) { .file(name: "shown", line: $0, column: $1) }
        try hold(again != nil, "what is shown is no YAML: \(shown)")
    }

    /// Each line as everything that has a grammar of its own.
    static func names(_ text: String) throws {
        for line in text.split(separator: "\n", maxSplits: 30) {
            let line = String(line)
            if let digest = try? Digest(line) {
                try hold(digest.description == line && digest.hex.utf8.count == digest.algorithm.hexLength, line)
                try hold((try? StoragePath(RegistryLayout.blobData(digest).string)) != nil, "the path of \(line)")
                _ = RegistryLayout.referrer(named: RegistryLayout.referrerName(digest))
            }
            if let name = try? RepositoryName(line) {
                try hold(name.description == line && line.utf8.count <= 255, "a name: \(line)")
                try hold((try? StoragePath(RegistryLayout.manifests(name).string)) != nil, "the path of \(line)")
            }
            if let tag = try? Tag(line) {
                try hold(tag.description == line && line.utf8.count <= 128, "a tag: \(line)")
            }
            if let id = UploadID(line) { try hold(id.description == line, "an upload's id: \(line)") }
            if let path = try? StoragePath(line) {
                let isSafe = !path.string.split(separator: "/").contains { $0 == ".." || $0 == "." }
                try hold(isSafe && path.string == line, "a path: \(line)")
            }
            let type = MediaType(line)
            try hold(MediaType(type.rawValue) == type, "a media type changes when it is read again: \(line)")
        }
    }

    /// A token whose content is hostile though its code is right, and one that is just text.
    static func token(_ bytes: [UInt8]) throws {
        let tokens = UploadTokens(secret: "secret")
        let name = try RepositoryName("a")
        let text = String(decoding: bytes, as: UTF8.self)
        try hold(tokens.state(from: text, in: name) == nil, "a forged token")
        guard let state = tokens.state(from: tokens.sealed(bytes), in: name) else { return }
        let again = tokens.state(from: tokens.token(for: state, in: name), in: name)
        try hold(again == state, "a token changes when it is read again")
        let other = try RepositoryName("b")
        try hold(tokens.state(from: tokens.token(for: state, in: name), in: other) == nil, "a token for two names")
    }

    /// A pattern of the configuration in the first line, matched with the second.
    static func pattern(_ text: String) throws {
        let lines = text.split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        guard lines.count == 2, let pattern = try? LinearPattern(String(lines[0])) else { return }
        _ = pattern.matches(String(lines[1].prefix(500)))
    }
}
