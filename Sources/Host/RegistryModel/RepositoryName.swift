/// The name of a repository: components of lower-case letters and digits, joined by `/`.
///
/// A component is `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` (OCI distribution specification, "Pulling manifests"). A name
/// that exists as a value can be put into a storage key or a URL as it is: it holds no `..`, no empty component and
/// no byte that needs escaping.
public struct RepositoryName: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The longest name, in bytes.
    public static let maximumLength = 255

    /// The name as clients write it.
    public let description: String

    /// The parts between the slashes; at least one.
    public var components: [Substring] { description.split(separator: "/", omittingEmptySubsequences: false) }

    /// Reads a name.
    ///
    /// - Throws: ``NameError`` where the text is too long or does not follow the grammar.
    public init(_ text: some StringProtocol) throws(NameError) {
        let text = text.description
        let length = text.utf8.count
        guard length <= Self.maximumLength else { throw .tooLong(length) }
        guard Self.followsGrammar(text.utf8) else { throw .malformed(text) }
        description = text
    }

    /// Orders by the bytes of the text.
    public static func < (left: RepositoryName, right: RepositoryName) -> Bool {
        left.description < right.description
    }

    /// What the last byte was, and so what the next may be.
    private enum Position {
        case componentStart, alphanumeric, dot, underscore, twoUnderscores, dash
    }

    private static func followsGrammar(_ text: String.UTF8View) -> Bool {
        var position = Position.componentStart
        for byte in text {
            switch (byte, position) {
            case (_, _) where byte.isLowerCaseAlphanumeric: position = .alphanumeric
            case (UInt8(ascii: "/"), .alphanumeric): position = .componentStart
            case (UInt8(ascii: "."), .alphanumeric): position = .dot
            case (UInt8(ascii: "_"), .alphanumeric): position = .underscore
            case (UInt8(ascii: "_"), .underscore): position = .twoUnderscores
            case (UInt8(ascii: "-"), .alphanumeric), (UInt8(ascii: "-"), .dash): position = .dash
            default: return false
            }
        }
        return position == .alphanumeric
    }
}

/// Why a text is not the name of a repository.
public enum NameError: Error, Hashable, CustomStringConvertible {
    /// The name has this many bytes, more than ``RepositoryName/maximumLength``.
    case tooLong(Int)
    /// The text does not follow the grammar.
    case malformed(String)

    /// A sentence for the client.
    public var description: String {
        switch self {
        case .tooLong(let length):
            "repository name has \(length) bytes, at most \(RepositoryName.maximumLength) are allowed"
        case .malformed(let text): "invalid repository name \(quoted(text))"
        }
    }
}
