/// A name that points to one manifest of a repository and may be moved: `[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}`.
public struct Tag: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The longest tag, in bytes.
    public static let maximumLength = 128

    /// The tag as clients write it.
    public let description: String

    /// Reads a tag; letter case counts.
    ///
    /// - Throws: ``TagError`` where the text does not follow the grammar.
    public init(_ text: some StringProtocol) throws(TagError) {
        let text = text.description
        let bytes = text.utf8
        guard bytes.count <= Self.maximumLength, let first = bytes.first, Self.isWord(first),
            bytes.allSatisfy({ Self.isWord($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-") })
        else { throw TagError(text: text) }
        description = text
    }

    /// Orders by the bytes of the text, the order of tag lists.
    public static func < (left: Tag, right: Tag) -> Bool { left.description < right.description }

    /// The tag under which clients keep the referrers of a manifest where a registry has no API for them
    /// (OCI Distribution Spec, "Referrers Tag Schema").
    public init(referrersOf digest: Digest) {
        // The names of known algorithms are shorter than the 32 letters that may stand in front, and hex is legal.
        description = "\(digest.algorithm.rawValue)-\(digest.hex.prefix(64))"
    }

    private static func isWord(_ byte: UInt8) -> Bool { byte.isAlphanumeric || byte == UInt8(ascii: "_") }
}

/// A text that does not follow the grammar of tags.
public struct TagError: Error, Hashable, CustomStringConvertible {
    /// What was given.
    public let text: String

    /// A sentence for the client.
    public var description: String { "invalid tag \(quoted(text))" }
}
