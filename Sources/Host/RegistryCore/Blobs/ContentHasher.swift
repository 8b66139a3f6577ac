import Crypto
import NIOCore
import RegistryModel

/// Hashes content while it passes: by SHA-256, under which all content lies, and by one more algorithm if a client wants it.
/// A value: a copy goes on from where the original was.
struct ContentHasher: Sendable {
    private var sha256 = SHA256()
    private var other: AnyHasher?
    /// Bytes of the content so far.
    private(set) var count: UInt64 = 0
    /// Whether all of them were hashed. Staged bytes of another process weren't, and can't be read before they are
    /// committed.
    private(set) var isComplete = true

    /// - Parameter algorithm: by what the content will be named.
    init(_ algorithm: RegistryModel.Digest.Algorithm = .sha256) {
        if algorithm != .sha256 { other = AnyHasher(algorithm) }
    }

    /// A content whose first bytes passed elsewhere.
    init(unknownUpTo count: UInt64) {
        self.count = count
        isComplete = count == 0
    }

    mutating func update(_ buffers: [ByteBuffer]) {
        for buffer in buffers { update(buffer) }
    }

    mutating func update(_ buffer: ByteBuffer) {
        if isComplete {
            buffer.withUnsafeReadableBytes { sha256.update(bufferPointer: $0) }
            other?.update(buffer)
        }
        count += UInt64(buffer.readableBytes)
    }

    /// The SHA-256 of all bytes so far.
    func digest() -> RegistryModel.Digest { RegistryModel.Digest(algorithm: .sha256, hexBytes: sha256.finalize()) }

    /// The digest of all bytes so far by an algorithm; nil if it wasn't computed.
    func digest(by algorithm: RegistryModel.Digest.Algorithm) -> RegistryModel.Digest? {
        guard isComplete else { return nil }
        if algorithm == .sha256 { return digest() }
        return other?.algorithm == algorithm ? other?.digest() : nil
    }

    /// The digest of bytes at hand.
    static func digest(_ algorithm: RegistryModel.Digest.Algorithm, of buffer: ByteBuffer) -> RegistryModel.Digest {
        var hasher = AnyHasher(algorithm)
        hasher.update(buffer)
        return hasher.digest()
    }
}

/// Hashes with an algorithm known at run time.
struct AnyHasher: Sendable {
    private enum State: Sendable {
        case sha256(SHA256)
        case sha384(SHA384)
        case sha512(SHA512)
    }

    let algorithm: RegistryModel.Digest.Algorithm
    private var state: State

    init(_ algorithm: RegistryModel.Digest.Algorithm) {
        self.algorithm = algorithm
        state =
            switch algorithm {
            case .sha256: .sha256(SHA256())
            case .sha384: .sha384(SHA384())
            case .sha512: .sha512(SHA512())
            }
    }

    mutating func update(_ buffer: ByteBuffer) {
        buffer.withUnsafeReadableBytes { bytes in
            switch state {
            case .sha256(var hasher):
                hasher.update(bufferPointer: bytes)
                state = .sha256(hasher)
            case .sha384(var hasher):
                hasher.update(bufferPointer: bytes)
                state = .sha384(hasher)
            case .sha512(var hasher):
                hasher.update(bufferPointer: bytes)
                state = .sha512(hasher)
            }
        }
    }

    func digest() -> RegistryModel.Digest {
        switch state {
        case .sha256(let hasher): RegistryModel.Digest(algorithm: .sha256, hexBytes: hasher.finalize())
        case .sha384(let hasher): RegistryModel.Digest(algorithm: .sha384, hexBytes: hasher.finalize())
        case .sha512(let hasher): RegistryModel.Digest(algorithm: .sha512, hexBytes: hasher.finalize())
        }
    }
}
