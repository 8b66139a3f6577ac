/// How a client names a manifest inside a repository.
public enum Reference: Sendable, Hashable, CustomStringConvertible {
    /// By a name that may be moved.
    case tag(Tag)
    /// By its content.
    case digest(Digest)

    /// Reads a digest where the text holds a colon, which no tag does, and a tag otherwise.
    ///
    /// - Throws: ``ReferenceError`` with the error of whichever it was read as.
    public init(_ text: some StringProtocol) throws(ReferenceError) {
        let text = text.description
        if text.utf8.contains(UInt8(ascii: ":")) {
            do { self = .digest(try Digest(text)) } catch { throw .digest(error) }
        } else {
            do { self = .tag(try Tag(text)) } catch { throw .tag(error) }
        }
    }

    /// The tag or the digest as clients write it.
    public var description: String {
        switch self {
        case .tag(let tag): tag.description
        case .digest(let digest): digest.description
        }
    }
}

/// Why a text names no manifest.
public enum ReferenceError: Error, Hashable, CustomStringConvertible {
    /// It was read as a tag.
    case tag(TagError)
    /// It was read as a digest.
    case digest(DigestError)

    /// A sentence for the client.
    public var description: String {
        switch self {
        case .tag(let error): error.description
        case .digest(let error): error.description
        }
    }
}
