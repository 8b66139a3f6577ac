import RegistryModel
import Testing

@Suite("Descriptors as text")
struct DescriptorTextTests {
    private let digest = ManifestCorpus.digest

    @Test("What is written is read again, and written the same")
    func roundTrip() throws {
        let texts = ["", "a/b", "é\u{1F600}", "\"\\\u{8}\u{C}\n\r\t\u{1}\u{7F}/", "\u{FFFD}"]
        for text in texts {
            let descriptor = Descriptor(
                mediaType: MediaType(verbatim: text), digest: try Digest(digest), size: .max,
                annotations: [text: text, "b": "", "a": "1"], artifactType: text.isEmpty ? nil : text)
            let read = try Descriptor(json: descriptor.json.utf8)
            #expect(read == descriptor, "\(text)")
            #expect(read.json == descriptor.json)
        }
        let plain = Descriptor(mediaType: .ociManifest, digest: try Digest(digest), size: 7)
        #expect(plain.json == #"{"mediaType":"\#(MediaType.ociManifest)","digest":"\#(digest)","size":7}"#)
    }

    @Test("What is none is an error", arguments: ["", "{", "null", "[]", "7", "{}", #"{"digest":"sha256:0"}"#])
    func none(text: String) {
        #expect(throws: ManifestError.self) { try Descriptor(json: text.utf8) }
    }

    @Test("A text never grows by being written again")
    func shortest() {
        for value in UInt8.min...0x7F {
            let text = String(Unicode.Scalar(value))
            let limit = value < 0x20 && ![8, 9, 10, 12, 13].contains(value) ? 6 : 2
            #expect(JSONText.quoted(text).utf8.count - 2 <= limit)
        }
        #expect(JSONText.quoted("/é\u{7F}").utf8.count == 2 + 1 + 2 + 1)
    }

    @Test("A manifest's descriptor has its annotations and its artifact type, else the config's media type")
    func ofManifest() throws {
        func type(_ members: String, _ kind: MediaType) throws -> String? {
            let manifest = try ManifestCorpus.parse("{\"schemaVersion\":2,\(members)}", kind)
            return manifest.descriptor(digest: try Digest(digest), size: 1).artifactType
        }
        let config = #""config":\#(ManifestCorpus.config)"#
        #expect(try type(config, .ociManifest) == "application/vnd.oci.image.config.v1+json")
        #expect(try type(config + #","artifactType":"""#, .ociManifest) == "application/vnd.oci.image.config.v1+json")
        #expect(try type(config + #","artifactType":"A/B; c=d""#, .ociManifest) == "A/B; c=d")
        #expect(try type(#""manifests":[]"#, .ociIndex) == nil)
        #expect(try type(#""manifests":[],"artifactType":"a/b""#, .ociIndex) == "a/b")
        let image = try ManifestCorpus.parse(ManifestCorpus.image)
        #expect(image.descriptor(digest: try Digest(digest), size: 5).annotations == image.annotations)
        #expect(image.descriptor(digest: try Digest(digest), size: 5).size == 5)
    }

    @Test("A digest's tag for referrers is its name with a dash, cut to what tags may have")
    func tags() throws {
        #expect(Tag(referrersOf: try Digest(digest)).description == "sha256-\(ManifestCorpus.hex)")
        let long = try Digest("sha512:\(ManifestCorpus.hex)\(ManifestCorpus.hex)")
        #expect(Tag(referrersOf: long).description == "sha512-\(ManifestCorpus.hex)")
        #expect(throws: Never.self) { try Tag(Tag(referrersOf: long).description) }
    }
}
