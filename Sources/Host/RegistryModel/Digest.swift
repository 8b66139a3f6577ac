/// The name of some content: a hash algorithm and the hash of the bytes, in the form `sha256:<hex>`.
///
/// Only what a registry can verify exists as a value: a known algorithm with lower-case hex of its exact length.
public struct Digest: Sendable, CustomStringConvertible {
    /// The hash algorithms a registry accepts.
    public enum Algorithm: String, Sendable, CaseIterable {
        case sha256
        case sha384
        case sha512

        /// Bytes of one hash.
        public var byteLength: Int {
            switch self {
            case .sha256: 32
            case .sha384: 48
            case .sha512: 64
            }
        }

        /// Hex digits of one hash.
        public var hexLength: Int { byteLength * 2 }
    }

    /// The algorithm that made the hash.
    public let algorithm: Algorithm

    /// The whole text, `sha256:…`. Kept once, so that printing and comparing do not build it again.
    public let description: String

    /// The hash in lower-case hex, without the algorithm.
    public var hex: String { String(description.utf8.dropFirst(Self.prefixLength(algorithm))) ?? "" }

    /// Reads a digest strictly.
    ///
    /// - Throws: ``DigestError/unsupportedAlgorithm(_:)`` where the text follows the OCI grammar but names another
    ///   algorithm; ``DigestError/malformed(_:)`` for everything else.
    public init(_ text: some StringProtocol) throws(DigestError) {
        let text = text.description
        guard let colon = text.utf8.firstIndex(of: UInt8(ascii: ":")) else { throw .malformed(text) }
        guard let algorithm = Self.algorithm(named: text.utf8[..<colon]) else {
            throw Self.followsGrammar(text.utf8, colon: colon) ? .unsupportedAlgorithm(text) : .malformed(text)
        }
        guard text.utf8.count == Self.prefixLength(algorithm) + algorithm.hexLength,
            text.utf8[text.utf8.index(after: colon)...].allSatisfy(\.isLowerCaseHex)
        else { throw .malformed(text) }
        self.algorithm = algorithm
        description = text
    }

    /// Writes down a computed hash.
    ///
    /// - Parameters:
    ///   - algorithm: what made the hash.
    ///   - hexBytes: the raw bytes of the hash, as many as the algorithm yields; what is over is dropped, what is
    ///     missing counts as zero.
    public init(algorithm: Algorithm, hexBytes: some Sequence<UInt8>) {
        var text = algorithm.rawValue
        text.reserveCapacity(Self.prefixLength(algorithm) + algorithm.hexLength)
        text.unicodeScalars.append(":")
        var missing = algorithm.byteLength
        for byte in hexBytes.prefix(algorithm.byteLength) {
            text.unicodeScalars.append(Self.hexDigit(byte >> 4))
            text.unicodeScalars.append(Self.hexDigit(byte & 15))
            missing -= 1
        }
        for _ in 0..<missing { text.append("00") }
        self.algorithm = algorithm
        description = text
    }

    private static func prefixLength(_ algorithm: Algorithm) -> Int { algorithm.rawValue.utf8.count + 1 }

    private static func algorithm(named name: Substring.UTF8View) -> Algorithm? {
        guard name.count == 6 else { return nil }
        return Algorithm.allCases.first { name.elementsEqual($0.rawValue.utf8) }
    }

    private static func hexDigit(_ value: UInt8) -> Unicode.Scalar {
        Unicode.Scalar(value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10)
    }

    /// `[a-z0-9]+([.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+`, the grammar of the OCI image specification.
    private static func followsGrammar(_ text: String.UTF8View, colon: String.Index) -> Bool {
        var mayEnd = false
        for byte in text[..<colon] {
            if byte.isLowerCaseAlphanumeric {
                mayEnd = true
            } else if mayEnd, [0x2B, 0x2D, 0x2E, 0x5F].contains(byte) {  // + - . _
                mayEnd = false
            } else {
                return false
            }
        }
        let encoded = text[text.index(after: colon)...]
        return mayEnd && !encoded.isEmpty
            && encoded.allSatisfy { $0.isAlphanumeric || $0 == 0x3D || $0 == 0x5F || $0 == 0x2D }  // = _ -
    }
}

extension Digest: Hashable, Comparable {
    /// Whether both name the same content by the same algorithm.
    public static func == (left: Digest, right: Digest) -> Bool { left.description == right.description }

    /// Orders by the bytes of the text.
    public static func < (left: Digest, right: Digest) -> Bool { left.description < right.description }

    /// Feeds the text, which holds the algorithm too.
    public func hash(into hasher: inout Hasher) { hasher.combine(description) }
}

/// Why a text is not a digest.
public enum DigestError: Error, Hashable, CustomStringConvertible {
    /// The text is no digest at all, or has the wrong length or letters for its algorithm.
    case malformed(String)
    /// The text is a digest by the OCI grammar, of an algorithm that this registry does not compute.
    case unsupportedAlgorithm(String)

    /// A sentence for the client.
    public var description: String {
        switch self {
        case .malformed(let text): "invalid digest \(quoted(text))"
        case .unsupportedAlgorithm(let text): "unsupported digest algorithm in \(quoted(text))"
        }
    }
}
