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

        /// The name and the colon.
        fileprivate var prefix: String.UTF8View {
            switch self {
            case .sha256: "sha256:".utf8
            case .sha384: "sha384:".utf8
            case .sha512: "sha512:".utf8
            }
        }
    }

    /// The algorithm that made the hash.
    public let algorithm: Algorithm

    /// The whole text, `sha256:…`. Kept once, so that printing and comparing do not build it again.
    public let description: String

    /// The hash in lower-case hex, without the algorithm.
    public var hex: String { String(description.utf8.dropFirst(Self.prefixLength)) ?? "" }

    /// Reads a digest strictly.
    ///
    /// - Throws: ``DigestError/unsupportedAlgorithm(_:)`` where the text follows the OCI grammar but names another
    ///   algorithm; ``DigestError/malformed(_:)`` for everything else.
    public init(_ text: some StringProtocol) throws(DigestError) {
        let text = text.description
        guard let algorithm = Self.algorithm(of: text) else {
            throw Self.followsGrammar(text.utf8) ? .unsupportedAlgorithm(text) : .malformed(text)
        }
        guard Self.endsInHash(text, of: algorithm) else { throw .malformed(text) }
        self.algorithm = algorithm
        description = text
    }

    /// Writes down a computed hash.
    ///
    /// - Parameters:
    ///   - algorithm: what made the hash.
    ///   - hexBytes: the raw bytes of the hash, as many as the algorithm yields; what is over is dropped, what is
    ///     missing counts as zero.
    @inlinable
    public init(algorithm: Algorithm, hexBytes: some Sequence<UInt8>) {
        self.init(algorithm: algorithm, hash: Array(hexBytes.prefix(algorithm.byteLength)))
    }

    @usableFromInline
    init(algorithm: Algorithm, hash: [UInt8]) {
        var text = Array(algorithm.rawValue.utf8)
        text.reserveCapacity(Self.prefixLength + algorithm.hexLength)
        text.append(UInt8(ascii: ":"))
        for byte in hash {
            text.append(Self.hexDigit(byte >> 4))
            text.append(Self.hexDigit(byte & 15))
        }
        let missing = Self.prefixLength + algorithm.hexLength - text.count
        text.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: missing))
        self.algorithm = algorithm
        description = String(decoding: text, as: UTF8.self)
    }

    /// Bytes before the hash: every algorithm's name has six letters.
    private static let prefixLength = 7

    /// The algorithm in front of the colon, if it is known.
    private static func algorithm(of text: String) -> Algorithm? {
        Algorithm.allCases.first { text.utf8.starts(with: $0.prefix) }
    }

    private static func endsInHash(_ text: String, of algorithm: Algorithm) -> Bool {
        let bytes = text.utf8.span
        guard bytes.count == prefixLength + algorithm.hexLength else { return false }
        for index in prefixLength..<bytes.count where !bytes[index].isLowerCaseHex { return false }
        return true
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }

    /// `[a-z0-9]+([.+_-][a-z0-9]+)*:[a-zA-Z0-9=_-]+`, the grammar of the OCI image specification.
    private static func followsGrammar(_ text: String.UTF8View) -> Bool {
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return false }
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
