import Foundation
import TestSupport
import Testing

@testable import ObjectStoreKit

@Suite("Digests, keyed digests, checksums and signatures")
struct CryptoTests {
    @Test("Digests of the standards' own examples")
    func digests() {
        let abc = Array("abc".utf8)
        #expect(
            Hex.encode(Digests.sha256(abc)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(Hex.encode(Digests.sha1(abc)) == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(Hex.encode(Digests.md5("".utf8)) == "d41d8cd98f00b204e9800998ecf8427e")
        #expect(Digests.sha256(SharedBytes("abc")) == Digests.sha256("abc".utf8))
        #expect(Digests.sha256("abc".utf8.lazy.map { $0 }) == Digests.sha256(abc))
    }

    @Test("A digest in pieces is the digest of the whole")
    func incremental() {
        let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        var state = DigestState(.sha256)
        bytes.withUnsafeBytes { bytes in
            for start in stride(from: 0, to: bytes.count, by: 333) {
                state.update(UnsafeRawBufferPointer(rebasing: bytes[start..<min(start + 333, bytes.count)]))
            }
        }
        #expect(state.finish() == Digests.sha256(bytes))
    }

    @Test(
        "HMAC-SHA256 of RFC 4231",
        arguments: [
            (
                [UInt8](repeating: 0x0B, count: 20), "Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
            ),
            (
                Array("Jefe".utf8), "what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
            ),
            (
                [UInt8](repeating: 0xAA, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
            ),
        ])
    func hmac(key: [UInt8], message: String, expected: String) {
        #expect(Hex.encode(HMAC.sha256(message, key: key)) == expected)
    }

    @Test("HMAC with an empty key and an empty message")
    func emptyHMAC() {
        let expected = "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad"
        #expect(Hex.encode(HMAC.sha256("", key: [UInt8]())) == expected)
    }

    @Test("CRC-32C of RFC 3720, with the instruction, without it, and in pieces")
    func crc32c() {
        #expect(Digests.crc32c("123456789".utf8) == 0xE306_9283)
        #expect(Digests.crc32c([UInt8](repeating: 0, count: 32)) == 0x8A91_36AA)
        #expect(Digests.crc32c(Array(0..<32)) == 0x46DD_794E)
        let bytes = (0..<1003).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        bytes.withUnsafeBytes { bytes in
            #expect(~CRC32C.slow(.max, bytes) == Digests.crc32c(bytes))
            var first = CRC32C()
            first.update(UnsafeRawBufferPointer(rebasing: bytes[..<501]))
            var rest = CRC32C(first.value)
            rest.update(UnsafeRawBufferPointer(rebasing: bytes[501...]))
            #expect(rest.value == Digests.crc32c(bytes))
        }
        var one = CRC32C()
        "123456789".utf8.withContiguousStorageIfAvailable { one.update(UnsafeRawBufferPointer($0)) }
        #expect(one.bigEndianBytes == [0xE3, 0x06, 0x92, 0x83])
    }

    @Test("RSA signatures are those that OpenSSL's own command verifies", arguments: ["sha256", "sha1"])
    func rsa(digest: String) async throws {
        try await withTemporaryDirectory { directory in
            let (key, publicKey) = (directory.path("key.pem"), directory.path("public.pem"))
            try await Command.run("openssl", ["genrsa", "-out", key, "2048"]).checked()
            try await Command.run("openssl", ["rsa", "-in", key, "-pubout", "-out", publicKey]).checked()
            let message = try directory.write("what is signed", to: "message")
            let pem = String(decoding: try directory.read("key.pem"), as: UTF8.self)
            let signer = try RSAPrivateKey(pem: pem)
            let text = "what is signed".utf8
            let signature = try digest == "sha256" ? signer.signSHA256(text) : signer.signSHA1(text)
            let file = try directory.write(Data(signature), to: "signature")
            let verified = try await Command.run(
                "openssl", ["dgst", "-\(digest)", "-verify", publicKey, "-signature", file, message])
            #expect(verified.isSuccess, "\(verified)")
        }
    }

    @Test("What is no RSA key is refused, without its text in the message")
    func noKeys() async throws {
        try await withTemporaryDirectory { directory in
            let elliptic = directory.path("ec.pem")
            try await Command.run(
                "openssl", ["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", elliptic]
            ).checked()
            let sealed = directory.path("sealed.pem")
            try await Command.run(
                "openssl", ["genrsa", "-aes128", "-passout", "pass:secret", "-out", sealed, "2048"]
            ).checked()
            let texts = try ["ec.pem", "sealed.pem"].map { String(decoding: try directory.read($0), as: UTF8.self) }
            for text in texts + ["", "-----BEGIN \("PRIVATE") KEY-----\nMIIB\n-----END \("PRIVATE") KEY-----\n"] {
                let error = #expect(throws: StoreError.self) { _ = try RSAPrivateKey(pem: text) }
                #expect(error?.kind == .config)
                #expect(error?.message.contains("MII") == false)
            }
        }
    }
}
