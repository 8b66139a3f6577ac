/// The parts of an absolute URL (RFC 3986, 3), each as it was written; joined again they give the same text.
public struct URLParts: Sendable {
    /// Such as `https`; without `:`.
    public var scheme: String
    /// Host and port, such as `cdn.example.com:8443`; never user information.
    public var authority: String
    /// Empty, or begins with `/`; percent-encoded.
    public var path: String
    /// Query and fragment with their `?` and `#`; may be empty.
    public var suffix: String

    /// Splits `scheme://authority[/path][?query][#fragment]`. nil: it is no such URL, has no host, has user information,
    /// or holds spaces or control characters.
    public init?(_ text: String) {
        guard let colon = text.firstRange(of: "://"), URLParts.isScheme(text[..<colon.lowerBound]),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
        else { return nil }
        let rest = text[colon.upperBound...]
        let authority = rest.prefix { !"/?#".contains($0) }
        let tail = rest.dropFirst(authority.count)
        let path = tail.prefix { !"?#".contains($0) }
        guard !authority.isEmpty, authority.first != ":", !authority.contains("@") else { return nil }
        scheme = String(text[..<colon.lowerBound])
        self.authority = String(authority)
        self.path = String(path)
        suffix = String(tail.dropFirst(path.count))
    }

    /// The whole.
    public var text: String { "\(scheme)://\(authority)\(path)\(suffix)" }

    /// The host without its port, in lower case.
    public var host: String {
        let end = authority.hasSuffix("]") ? nil : authority.lastIndex(of: ":")
        return authority[..<(end ?? authority.endIndex)].lowercased()
    }

    /// Whether a text is a scheme.
    public static func isScheme(_ text: some StringProtocol) -> Bool {
        guard let first = text.utf8.first, isLetter(first) else { return false }
        return text.utf8.allSatisfy { isLetter($0) || (0x30...0x39).contains($0) || "+-.".utf8.contains($0) }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte | 0x20) }
}
