/// Digests of bytes that are all there. Empty where OpenSSL doesn't offer the algorithm.
public enum Digests {
    /// SHA-256, 32 bytes.
    public static func sha256(_ bytes: some Sequence<UInt8>) -> [UInt8] { digest(.sha256, bytes) }
    /// SHA-256, 32 bytes.
    public static func sha256(_ bytes: UnsafeRawBufferPointer) -> [UInt8] { digest(.sha256, bytes) }
    /// SHA-256, 32 bytes.
    public static func sha256(_ bytes: SharedBytes) -> [UInt8] { digest(.sha256, bytes) }

    /// SHA-1, 20 bytes.
    public static func sha1(_ bytes: some Sequence<UInt8>) -> [UInt8] { digest(.sha1, bytes) }
    /// SHA-1, 20 bytes.
    public static func sha1(_ bytes: UnsafeRawBufferPointer) -> [UInt8] { digest(.sha1, bytes) }
    /// SHA-1, 20 bytes.
    public static func sha1(_ bytes: SharedBytes) -> [UInt8] { digest(.sha1, bytes) }

    /// MD5, 16 bytes.
    public static func md5(_ bytes: some Sequence<UInt8>) -> [UInt8] { digest(.md5, bytes) }
    /// MD5, 16 bytes.
    public static func md5(_ bytes: UnsafeRawBufferPointer) -> [UInt8] { digest(.md5, bytes) }
    /// MD5, 16 bytes.
    public static func md5(_ bytes: SharedBytes) -> [UInt8] { digest(.md5, bytes) }

    /// CRC-32C (Castagnoli).
    public static func crc32c(_ bytes: some Sequence<UInt8>) -> UInt32 {
        withContiguous(bytes) { bytes in
            var sum = CRC32C()
            sum.update(bytes)
            return sum.value
        }
    }

    /// CRC-32C (Castagnoli).
    public static func crc32c(_ bytes: SharedBytes) -> UInt32 {
        var sum = CRC32C()
        bytes.withSegments { sum.update($0) }
        return sum.value
    }

    private static func digest(_ algorithm: DigestState.Algorithm, _ bytes: some Sequence<UInt8>) -> [UInt8] {
        withContiguous(bytes) { digest(algorithm, $0) }
    }

    private static func digest(_ algorithm: DigestState.Algorithm, _ bytes: UnsafeRawBufferPointer) -> [UInt8] {
        var state = DigestState(algorithm)
        state.update(bytes)
        return state.finish()
    }

    private static func digest(_ algorithm: DigestState.Algorithm, _ bytes: SharedBytes) -> [UInt8] {
        var state = DigestState(algorithm)
        bytes.withSegments { state.update($0) }
        return state.finish()
    }
}

/// Lends bytes in one piece; copies them only if they aren't.
func withContiguous<R>(_ bytes: some Sequence<UInt8>, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    bytes.withContiguousStorageIfAvailable { body(UnsafeRawBufferPointer($0)) }
        ?? Array(bytes).withUnsafeBytes { body($0) }
}
