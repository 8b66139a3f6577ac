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
            id: try #require(UploadID("0195-abc")), offset: offset, startedAt: 1_700_000_000, resumeToken: resumeToken)
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

    @Test("A token that Distribution made is refused with 404 BLOB_UPLOAD_INVALID, by all that go on with it")
    func distributionsState() async throws {
        let registry = Registry(TestStorage())
        let progress = try registry.beginUpload(try name("a"))
        let reference = UploadReference(
            name: try name("a"), id: progress.id,
            token: "5JbwIc5jw8_yo0YRgZ5mlGvbnd4OMvQuvEGAYMAGKjR7Ik5hbWUiOiJhIiwiVVVJRCI6IjEiLCJPZmZzZXQiOjB9")
        let errors = [
            await failure { _ = try await registry.append(.text("x"), to: reference, at: nil) },
            await failure {
                try await registry.commitUpload(reference, digest: digest(of: "x"), body: .text("x"), at: nil)
            },
            await failure { try await registry.cancelUpload(reference) },
        ]
        for error in errors {
            #expect(error?.code == .blobUploadInvalid)
            #expect(error?.code.httpStatus == 404)
        }
    }
}
