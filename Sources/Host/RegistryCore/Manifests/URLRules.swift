import RegistryModel

/// Which URLs the layers of a manifest may have (`validation.manifests.urls`).
public struct URLRules: Sendable {
    /// URLs of one manifest, and bytes of one URL, at most: each is matched against each pattern.
    private static let maximumCount = 256
    private static let maximumLength = 2048

    /// Patterns, one of which a URL must match; nil: it may be any.
    private let allow: [LinearPattern]?
    /// Patterns, none of which a URL may match.
    private let deny: [LinearPattern]

    /// Every URL that is one of a web server.
    public static let any = URLRules(allow: nil, deny: [])

    private init(allow: [LinearPattern]?, deny: [LinearPattern]) {
        self.allow = allow
        self.deny = deny
    }

    /// The rules as a configuration gives them: without `allow` and `deny` no URL is taken, with `deny` alone all others.
    ///
    /// - Parameters:
    ///   - allow: expressions in the syntax of Go's `regexp`, which match anywhere in the URL.
    ///   - deny: the same.
    /// - Throws: ``PatternError`` for what is no such expression.
    public init(allow: [String], deny: [String]) throws(PatternError) {
        func compiled(_ texts: [String]) throws(PatternError) -> [LinearPattern] {
            var patterns: [LinearPattern] = []
            for text in texts { patterns.append(try LinearPattern(text)) }
            return patterns
        }
        self.allow = allow.isEmpty && !deny.isEmpty ? nil : try compiled(allow)
        self.deny = try compiled(deny)
    }

    /// One error for each URL that isn't taken. As in Distribution the URLs of image layers count, not those of other
    /// artifacts' content.
    func violations(in manifest: Manifest) throws(RegistryError) -> [RegistryError] {
        let layers = manifest.blobs.dropFirst().filter { $0.mediaType.isForeignLayer || $0.mediaType.isOCILayer }
        let urls = layers.flatMap(\.urls)
        guard urls.count <= Self.maximumCount else {
            throw RegistryError(.manifestInvalid, "manifest invalid: more than \(Self.maximumCount) URLs of layers")
        }
        return urls.filter { !accepts($0) }.map { url in
            RegistryError(
                .manifestInvalid, "manifest invalid: a layer has a URL that this registry doesn't accept",
                detail: .text(String(url.prefix(300))))
        }
    }

    /// Whether a layer may lie at a URL.
    func accepts(_ url: String) -> Bool {
        guard Self.isWeb(url) else { return false }
        if let allow, !allow.contains(where: { $0.matches(url) }) { return false }
        return !deny.contains { $0.matches(url) }
    }

    /// `http` or `https`, with a host and without a fragment.
    private static func isWeb(_ url: String) -> Bool {
        guard url.utf8.count <= maximumLength,
            url.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") })
        else { return false }
        guard let scheme = url.firstRange(of: "://") else { return false }
        guard ["http", "https"].contains(url[..<scheme.lowerBound].lowercased()) else { return false }
        let host = url[scheme.upperBound...].prefix { $0 != "/" && $0 != "?" }
        return !host.isEmpty
    }
}
