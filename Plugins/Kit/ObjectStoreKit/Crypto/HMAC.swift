import COpenSSL

/// Keyed digests (RFC 2104).
public enum HMAC {
    /// HMAC with SHA-256, 32 bytes.
    public static func sha256(_ message: some Sequence<UInt8>, key: some Sequence<UInt8>) -> [UInt8] {
        withContiguous(message) { message in withContiguous(key) { sha256($0, message) } }
    }

    /// HMAC with SHA-256 of a text's UTF-8.
    public static func sha256(_ text: String, key: some Sequence<UInt8>) -> [UInt8] { sha256(text.utf8, key: key) }

    private static func sha256(_ key: UnsafeRawBufferPointer, _ message: UnsafeRawBufferPointer) -> [UInt8] {
        // OpenSSL takes a key without an address for one that was set before.
        let empty: StaticString = ""
        let start = key.baseAddress ?? UnsafeRawPointer(empty.utf8Start)
        return [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { buffer, count in
            var length: UInt32 = 0
            let result = COpenSSL.HMAC(
                EVP_sha256(), start, Int32(clamping: key.count),
                message.baseAddress?.assumingMemoryBound(to: UInt8.self), message.count, buffer.baseAddress, &length)
            count = result == nil ? 0 : Int(length)
        }
    }
}
