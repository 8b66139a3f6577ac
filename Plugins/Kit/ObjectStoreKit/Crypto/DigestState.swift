import COpenSSL

/// A digest that is computed as the bytes come. One owner.
public struct DigestState: ~Copyable, @unchecked Sendable {
    // Sendable: the context has one owner and no thread of its own.
    /// What is computed.
    public enum Algorithm: Sendable {
        /// For content and signatures.
        case sha256
        /// For signatures of old.
        case sha1
        /// For `Content-MD5`; says nothing about who wrote the bytes.
        case md5

        var evp: OpaquePointer? {
            switch self {
            case .sha256: EVP_sha256()
            case .sha1: EVP_sha1()
            case .md5: EVP_md5()
            }
        }
    }

    /// Nil where OpenSSL doesn't offer the algorithm.
    private let context: OpaquePointer?

    /// A digest of nothing yet.
    public init(_ algorithm: Algorithm) {
        let made = EVP_MD_CTX_new()
        if EVP_DigestInit_ex(made, algorithm.evp, nil) == 1 {
            context = made
        } else {
            EVP_MD_CTX_free(made)
            ERR_clear_error()
            context = nil
        }
    }

    /// Goes on with more bytes.
    public mutating func update(_ bytes: UnsafeRawBufferPointer) {
        if let context { EVP_DigestUpdate(context, bytes.baseAddress, bytes.count) }
    }

    /// The digest; empty where OpenSSL doesn't offer the algorithm, as MD5 in some of its configurations.
    public consuming func finish() -> [UInt8] {
        guard let context else { return [] }
        return [UInt8](unsafeUninitializedCapacity: Int(EVP_MAX_MD_SIZE)) { buffer, count in
            var length: UInt32 = 0
            let isDone = EVP_DigestFinal_ex(context, buffer.baseAddress, &length) == 1
            count = isDone ? Int(length) : 0
        }
    }

    deinit { EVP_MD_CTX_free(context) }
}
