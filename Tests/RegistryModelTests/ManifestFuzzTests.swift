import RegistryModel
import Testing

/// xorshift64*: the same sequence on every machine.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state >> 12
        state ^= state << 25
        state ^= state >> 27
        return state &* 0x2545_F491_4F6C_DD1D
    }
}

@Suite("Mutated manifests")
struct ManifestFuzzTests {
    static let tokens = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "null", "true", "-", "0", "1e9", "99999999999999999999", "\\ud800",
        "\"size\":-1,", "\"layers\":", "\"Manifests\":", "\"digest\":", "\"mediaType\":", "\u{FFFD}", "\u{0}", " ",
        "sha256:", "sha512:", "application/vnd.oci.image.index.v1+json",
    ].map { Array($0.utf8) }

    @Test("No mutation crashes the reader, and what it accepts holds together", arguments: 1...8)
    func mutations(seed: Int) throws {
        var random = SeededGenerator(state: UInt64(seed) &* 0x9E37_79B9_7F4A_7C15)
        let corpus = ManifestCorpus.all.map { Array($0.utf8) }
        var accepted = 0
        for _ in 0..<2000 {
            var bytes = corpus.randomElement(using: &random) ?? []
            for _ in 0..<Int.random(in: 0...3, using: &random) { mutate(&bytes, corpus, &random) }
            let types: [MediaType?] = [nil, .ociManifest, .ociIndex, .dockerManifest, .dockerManifestList]
            let type = types.randomElement(using: &random) ?? nil
            _ = try? Manifest(parsing: bytes, contentType: nil, validation: .stored)
            let detected = try? Manifest.detectMediaType(of: bytes)
            guard let manifest = try? Manifest(parsing: bytes, contentType: type) else { continue }
            accepted += 1
            check(manifest, type)
            // What a push was accepted as is what a later pull must be served as.
            #expect(detected == manifest.mediaType)
            let stored = try Manifest(parsing: bytes, contentType: nil, validation: .stored)
            #expect(stored == manifest)
        }
        #expect(accepted > 20)
    }

    private func mutate(_ bytes: inout [UInt8], _ corpus: [[UInt8]], _ random: inout SeededGenerator) {
        guard !bytes.isEmpty else { return }
        let place = Int.random(in: 0..<bytes.count, using: &random)
        let end = min(bytes.count, place + Int.random(in: 1...40, using: &random))
        switch Int.random(in: 0..<6, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.removeSubrange(place..<end)
        case 2: bytes.insert(contentsOf: Array(bytes[place..<end]), at: place)
        case 3: bytes.insert(contentsOf: Self.tokens.randomElement(using: &random) ?? [], at: place)
        case 4: bytes.removeLast(bytes.count - place)
        default:
            let other = corpus.randomElement(using: &random) ?? []
            bytes.replaceSubrange(place..<end, with: other.dropFirst(min(place, other.count)).prefix(end - place))
        }
    }

    private func check(_ manifest: Manifest, _ type: MediaType?) {
        #expect(type == nil || manifest.mediaType == type)
        #expect(manifest.mediaType.isManifest)
        if case .index = manifest.kind {
            #expect(manifest.mediaType.isIndex && manifest.blobs.isEmpty)
        } else {
            #expect(!manifest.mediaType.isIndex && manifest.children.isEmpty && !manifest.blobs.isEmpty)
        }
        for descriptor in manifest.blobs + manifest.children + [manifest.subject].compactMap(\.self) {
            #expect(descriptor.size >= 0)
            #expect((try? Digest(descriptor.digest.description)) == descriptor.digest)
            #expect(!descriptor.mediaType.rawValue.isEmpty)
        }
    }
}
