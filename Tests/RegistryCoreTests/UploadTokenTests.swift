import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Upload tokens")
struct UploadTokenTests {
    private let tokens = UploadTokens(secret: "one")

    private func state(offset: UInt64 = 1234, resumeToken: [UInt8] = [0, 255, 7]) throws -> UploadState {
        UploadState(
            id: try #require(UploadID("0195-abc")), offset: offset, startedAt: 1_700_000_000,
            algorithm: offset % 2 == 0 ? .sha256 : .sha512, resumeToken: resumeToken)
    }

    @Test("A token gives back the state it was made of, whatever the driver's part holds")
    func roundTrip() throws {
        for resumeToken in [[], [0], [UInt8](0...255), Array(repeating: 61, count: 1024)] as [[UInt8]] {
            for offset: UInt64 in [0, 1, .max] {
                let state = try state(offset: offset, resumeToken: resumeToken)
                #expect(tokens.state(from: tokens.token(for: state, in: try name("a/b")), in: try name("a/b")) == state)
            }
        }
    }

    @Test("Bytes of any length become text and come back; other texts are none")
    func base64() {
        for count in 0..<100 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ count &* 101) }
            let text = Base64URL.encoded(bytes)
            #expect(text.utf8.count == (count * 8 + 5) / 6)
            #expect(Base64URL.decoded(text) == bytes)
        }
        #expect(Base64URL.encoded([0xFB, 0xFF, 0xFE, 0x4D]) == "-__-TQ")
        for text in ["A", "AB", "AAB", "AA=", "AA==", "+/AA", "AA AA", "AAAAA", "ä"] {
            #expect(Base64URL.decoded(text) == nil, "\(text)")
        }
    }

    @Test("A token needs no escaping in a URL")
    func alphabet() throws {
        for offset: UInt64 in 0..<64 {
            let token = tokens.token(for: try state(offset: offset), in: try name("a"))
            #expect(token.utf8.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "z") ~= $0 || $0 == UInt8(ascii: "-") })
            #expect(!token.contains { "+/=".contains($0) })
        }
    }

    @Test("A token of another repository or another secret means nothing")
    func foreign() throws {
        let token = tokens.token(for: try state(), in: try name("a/b"))
        #expect(tokens.state(from: token, in: try name("a/c")) == nil)
        #expect(tokens.state(from: token, in: try name("a")) == nil)
        #expect(UploadTokens(secret: "two").state(from: token, in: try name("a/b")) == nil)
        #expect(UploadTokens(secret: "").state(from: token, in: try name("a/b")) == nil)
        let random = UploadTokens(secret: "").token(for: try state(), in: try name("a/b"))
        #expect(UploadTokens(secret: "").state(from: random, in: try name("a/b")) == nil)
    }

    @Test("A token with any one character changed or cut off means nothing")
    func forged() throws {
        let token = Array(tokens.token(for: try state(), in: try name("a")))
        for index in token.indices {
            var forged = token
            forged[index] = forged[index] == "A" ? "B" : "A"
            #expect(tokens.state(from: String(forged), in: try name("a")) == nil, "character \(index)")
            #expect(tokens.state(from: String(token[..<index]), in: try name("a")) == nil, "cut at \(index)")
        }
    }

    @Test(
        "Garbage means nothing",
        arguments: [
            "", "=", "%%%", "A", "AAAA", String(repeating: "A", count: 67), String(repeating: "A", count: 4096),
            String(repeating: "_", count: 100_000), "\u{0}", "ü€😀", "eyJOYW1lIjoiYSJ9",
        ])
    func garbage(token: String) throws {
        #expect(tokens.state(from: token, in: try name("a")) == nil)
    }

    @Test("A token of another session is refused, and the session stays as it is")
    func otherSession() async throws {
        let registry = Registry(TestStorage())
        let name = try name("a")
        let (one, two) = (try registry.beginUpload(name), try registry.beginUpload(name))
        let mixed = UploadReference(name: name, id: one.id, token: two.token)
        #expect(
            await failure { _ = try await registry.append(.text("x"), to: mixed, at: nil) }?.code == .blobUploadInvalid)
        #expect(await failure { _ = try await registry.status(of: mixed) }?.code == .blobUploadInvalid)
        #expect(try await registry.append(.text("x"), to: UploadReference(name, one), at: nil).offset == 1)
    }

    @Test(
        "A token that Distribution made with the same secret is read, with its padding",
        arguments: [
            (
                "T7QlPo_FCRDvYBtdhMISJl_3A8yvA1QZ9Mj8mb_mjrt7Ik5hbWUiOiJhL2IiLCJVVUlEIjoiMDE5NS1hYmMiLCJPZmZzZXQiOjAsIlN0YXJ0ZWRBdCI6IjIwMjMtMTEtMTRUMjI6MTM6MjBaIn0=",
                0
            ),
            (
                "MUJNnuPEJFsQsB7rHo7LHgHPMhLZbsJ303wRyigDUjZ7Ik5hbWUiOiJhL2IiLCJVVUlEIjoiMDE5NS1hYmMiLCJPZmZzZXQiOjUsIlN0YXJ0ZWRBdCI6IjIwMjMtMTEtMTRUMjI6MTM6MjAuMTIzNDU2Nzg5WiJ9",
                5
            ),
            (
                "MNsq5LHRps_UwcZYiIJpJWVl_OaUTv1B0aAErIyuYhJ7Ik5hbWUiOiJhL2IiLCJVVUlEIjoiMDE5NS1hYmMiLCJPZmZzZXQiOjEyMzQ1NiwiU3RhcnRlZEF0IjoiMjAyMy0xMS0xNFQyMjoxMzoyMC41WiJ9",
                123456
            ),
        ] as [(String, UInt64)])
    func distributionsToken(token: String, offset: UInt64) throws {
        let state = try #require(tokens.state(from: token, in: try name("a/b")))
        #expect(
            state
                == UploadState(
                    id: try #require(UploadID("0195-abc")), offset: offset, startedAt: 1_700_000_000, resumeToken: []))
        #expect(tokens.state(from: token, in: try name("a/c")) == nil)
        #expect(UploadTokens(secret: "two").state(from: token, in: try name("a/b")) == nil)
    }

    @Test("A token is what Distribution reads: HMAC and JSON in whole groups of base64")
    func readByDistribution() throws {
        let token = tokens.token(for: try state(offset: 6, resumeToken: []), in: try name("a/b"))
        #expect(token.utf8.count % 4 == 0)
        let bytes = try #require(Base64URL.decoded(token))
        let text = String(decoding: bytes[32...], as: UTF8.self).replacing(" ", with: "")
        #expect(
            text == #"{"Name":"a/b","UUID":"0195-abc","Offset":6,"StartedAt":"2023-11-14T22:13:20Z"}"#)
    }

    @Test("What is authentic and yet no state of an upload means nothing")
    func strangeFields() throws {
        for text in [
            "", "{}", "[]", "null", #"{"Name":"a","UUID":"x","Offset":-1,"StartedAt":""}"#,
            #"{"Name":"a","UUID":"x","Offset":1e30,"StartedAt":""}"#,
            #"{"Name":"a","UUID":"../x","Offset":1,"StartedAt":""}"#,
            #"{"Name":"a","UUID":"x","Offset":1,"StartedAt":"","Algorithm":"md5"}"#,
            #"{"Name":"a","UUID":"x","Offset":1,"StartedAt":"","Resume":"*"}"#,
        ] {
            #expect(tokens.state(from: tokens.sealed(Array(text.utf8)), in: try name("a")) == nil, "\(text)")
        }
        let odd = #"{"Name":"a","UUID":"x","Offset":1,"StartedAt":"never"}"#
        #expect(tokens.state(from: tokens.sealed(Array(odd.utf8)), in: try name("a"))?.startedAt == 0)
    }

    @Test(
        "Times come back; what is none isn't one", arguments: [Int64(0), 1, 951_782_400, 1_700_000_000, 4_102_444_799])
    func times(seconds: Int64) {
        #expect(Timestamp.seconds(Timestamp.rfc3339(seconds)) == seconds)
        for text in ["", "2023", "2023-11-14", "2023-11-14T22:13:20", "x-x-xTx:x:xZ", "99999-11-14T22:13:20Z"] {
            #expect(Timestamp.seconds(text) == nil, "\(text)")
        }
    }
}
