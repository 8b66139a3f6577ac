import COpenSSL

/// A private key for RSA, such as that of a Google service account or of a CloudFront key pair. It never shows in texts.
public final class RSAPrivateKey: @unchecked Sendable {
    // Sendable: OpenSSL's keys aren't changed by signing, which may happen on several threads at once.
    private let key: OpaquePointer

    /// Reads PEM, of PKCS#1 or PKCS#8, not encrypted.
    /// - Throws: `.config` if it is none.
    public init(pem: String) throws(StoreError) {
        var pem = pem
        let found = pem.withUTF8 { bytes in
            bytes.baseAddress.flatMap { start in
                bytes.count <= 1 << 20 ? shim_private_key(start, Int32(bytes.count)) : nil
            }
        }
        guard let found else {
            throw StoreError(.config, "the private key is no PEM of an RSA key without passphrase", noEffect: true)
        }
        key = found
        guard shim_is_rsa(found) == 1 else {
            throw StoreError(.config, "the private key is not for RSA", noEffect: true)
        }
    }

    deinit { EVP_PKEY_free(key) }

    /// Signs with PKCS#1 v1.5 and SHA-256.
    public func signSHA256(_ message: some Sequence<UInt8>) throws(StoreError) -> [UInt8] {
        try sign(message, EVP_sha256())
    }

    /// Signs with PKCS#1 v1.5 and SHA-1, which CloudFront wants.
    public func signSHA1(_ message: some Sequence<UInt8>) throws(StoreError) -> [UInt8] {
        try sign(message, EVP_sha1())
    }

    private func sign(_ message: some Sequence<UInt8>, _ digest: OpaquePointer?) throws(StoreError) -> [UInt8] {
        let room = Int(EVP_PKEY_get_size(key))
        var signature: [UInt8] = []
        if let digest, room > 0 {
            signature = withContiguous(message) { message in
                [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
                    guard let start = buffer.baseAddress else { return }
                    let bytes = message.baseAddress?.assumingMemoryBound(to: UInt8.self)
                    count = min(shim_sign(key, digest, bytes, message.count, start, room), room)
                }
            }
        }
        guard !signature.isEmpty else { throw StoreError(.internalFailure, "OpenSSL could not sign", noEffect: true) }
        return signature
    }
}
