import RegistryModel
import Testing

@Suite("Digest")
struct DigestTests {
    static let hex256 = String(repeating: "0123456789abcdef", count: 4)

    @Test(
        "A digest of a known algorithm is read and printed unchanged",
        arguments: [
            (Digest.Algorithm.sha256, hex256),
            (.sha384, String(repeating: "ab", count: 48)),
            (.sha512, String(repeating: "0f", count: 64)),
        ])
    func legal(algorithm: Digest.Algorithm, hex: String) throws {
        let digest = try Digest("\(algorithm.rawValue):\(hex)")
        #expect(digest.algorithm == algorithm)
        #expect(digest.hex == hex)
        #expect(digest.description == "\(algorithm.rawValue):\(hex)")
        #expect(hex.utf8.count == algorithm.hexLength)
    }

    @Test(
        "Anything but the exact form is malformed",
        arguments: [
            "", ":", "sha256", "sha256:", hex256, ":\(hex256)", "sha256:\(hex256)\n", " sha256:\(hex256)",
            "sha256:\(hex256)0", "sha256:\(hex256.dropLast())", "sha256:\(hex256.uppercased())",
            "SHA256:\(hex256)", "sha256:\(hex256.dropLast())g", "sha256:\(hex256.dropLast(2))é",
            "sha512:\(hex256)", "sha384:\(hex256)", "sha256::\(hex256.dropLast())", "sha256+b64:", "+sha:00", "sha+:00",
            "sha++x:00", "blake3:00/..", "blake3:a:b", "sha256:../../../etc/passwd", "\u{0}:\u{0}", "blake3:é",
        ])
    func malformed(text: String) {
        #expect(throws: DigestError.malformed(text)) { try Digest(text) }
    }

    @Test(
        "A digest by the OCI grammar with another algorithm is unsupported, not malformed",
        arguments: [
            "blake3:00ff", "md5:d41d8cd98f00b204e9800998ecf8427e", "sha256+b64u:LCa0a2j_xo-5m0U8HTBBNBNCLXBkg7=",
            "sha224:x",
        ])
    func unsupported(text: String) {
        #expect(throws: DigestError.unsupportedAlgorithm(text)) { try Digest(text) }
    }

    @Test("Raw bytes of a hash become lower-case hex")
    func bytes() throws {
        let digest = Digest(algorithm: .sha256, hexBytes: (0..<32).map { UInt8($0 * 8) })
        #expect(digest.hex == "0008101820283038404850586068707880889098a0a8b0b8c0c8d0d8e0e8f0f8")
        #expect(try Digest(digest.description) == digest)
        #expect(Digest(algorithm: .sha512, hexBytes: []).hex == String(repeating: "0", count: 128))
        #expect(Digest(algorithm: .sha256, hexBytes: Array(repeating: 0xFF, count: 99)).hex.utf8.count == 64)
    }

    @Test("A substring is read like a string, and order and identity follow the text")
    func substrings() throws {
        let path = "blobs/sha256:\(Self.hex256)"
        let digest = try Digest(path.dropFirst(6))
        #expect(digest == (try Digest("sha256:\(Self.hex256)")))
        #expect(Set([digest, digest]).count == 1)
        #expect(digest < Digest(algorithm: .sha256, hexBytes: Array(repeating: 0xFF, count: 32)))
    }

    @Test("An error shows the text short and printable")
    func errors() {
        #expect(DigestError.malformed("a\nb\"").description == #"invalid digest "a\nb\"""#)
        #expect(DigestError.malformed(String(repeating: "x", count: 9999)).description.utf8.count < 200)
    }
}
