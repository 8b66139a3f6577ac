import RegistryModel
import Testing

@Suite("Repository names and tags")
struct NameTests {
    @Test(
        "A name of the grammar is accepted",
        arguments: [
            "a", "0", "library/alpine", "a/b/c/d/e/f", "a.b", "a_b", "a__b", "a-b", "a--b", "a-----b", "a.b_c__d-e/f0",
            "foo/manifests", "tags/list", "1/2/3", String(repeating: "a", count: 255),
            String(repeating: "a/", count: 127) + "a",
        ])
    func legalNames(text: String) throws {
        let name = try RepositoryName(text)
        #expect(name.description == text)
        #expect(name.components.joined(separator: "/") == text)
        #expect(name.components.allSatisfy { !$0.isEmpty })
    }

    @Test(
        "A name outside the grammar is refused",
        arguments: [
            "", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "./a", "a..b", "a._b", "a___b", "a_-b", "a-_b", "a.-b",
            "-a", "a-", "_a", "a_", ".a", "a.", "a__", "A", "aB", "a b", "a\n", "é", "a%2fb", "a:b", "a@b", "a\\b",
            "a\u{0}",
            "_catalog", "localhost:5000/a", "a/_manifests", "a/-/b", "ａ",
        ])
    func illegalNames(text: String) {
        #expect(throws: NameError.malformed(text)) { try RepositoryName(text) }
    }

    @Test("A name is at most 255 bytes")
    func longNames() {
        #expect(throws: NameError.tooLong(256)) { try RepositoryName(String(repeating: "a", count: 256)) }
        #expect(throws: NameError.tooLong(1_000_000)) { try RepositoryName(String(repeating: "/", count: 1_000_000)) }
    }

    @Test(
        "A tag of the grammar is accepted, letter case kept",
        arguments: [
            "latest", "v1.0", "_", "_manifests", "latest.", "A-b_C.9", "1", "a..b", String(repeating: "x", count: 128),
        ])
    func legalTags(text: String) throws {
        #expect(try Tag(text).description == text)
    }

    @Test(
        "A tag outside the grammar is refused",
        arguments: [
            "", ".", "-", ".a", "-a", "a/b", "a:b", "a b", "a\n", "é", "a+b", String(repeating: "x", count: 129),
        ])
    func illegalTags(text: String) {
        #expect(throws: TagError.self) { try Tag(text) }
    }

    @Test("A reference with a colon is a digest, and otherwise a tag")
    func references() throws {
        let digest = Digest(algorithm: .sha256, hexBytes: [])
        #expect(try Reference(digest.description) == .digest(digest))
        #expect(try Reference("latest") == .tag(Tag("latest")))
        #expect(try Reference("a/latest".dropFirst(2)).description == "latest")
        #expect(throws: ReferenceError.digest(.malformed("a:b/c"))) { try Reference("a:b/c") }
        #expect(throws: ReferenceError.digest(.unsupportedAlgorithm("md5:00"))) { try Reference("md5:00") }
        #expect(throws: ReferenceError.self) { try Reference("") }
    }

    @Test("Names and tags sort by bytes")
    func order() throws {
        #expect(
            try ["b", "a-b", "a/b", "a"].map { try RepositoryName($0) }.sorted().map(\.description) == [
                "a", "a-b", "a/b", "b",
            ])
        #expect(try ["a", "B", "_", "1"].map { try Tag($0) }.sorted().map(\.description) == ["1", "B", "_", "a"])
    }
}

@Suite("Media types and error codes")
struct WireVocabularyTests {
    @Test("A media type loses parameters, spaces and letter case")
    func mediaTypes() {
        #expect(MediaType("application/vnd.oci.image.manifest.v1+json") == .ociManifest)
        #expect(MediaType(" Application/VND.oci.image.INDEX.v1+json ; charset=utf-8") == .ociIndex)
        #expect(MediaType("").rawValue.isEmpty)
        #expect(MediaType(" ;x").rawValue.isEmpty)
        #expect(MediaType("é;a=b").rawValue == "é")
        #expect(MediaType(verbatim: "Application/X; a=B").rawValue == "Application/X; a=B")
        #expect(MediaType(verbatim: "APPLICATION/vnd.oci.image.index.v1+json") == .ociIndex)
    }

    @Test("Kinds of media types are told apart")
    func kinds() {
        #expect(MediaType.ociIndex.isIndex && MediaType.dockerManifestList.isIndex)
        #expect(!MediaType.ociManifest.isIndex && MediaType.ociManifest.isManifest)
        #expect(!MediaType.schema1Signed.isManifest && MediaType.schema1Signed.isSchema1)
        #expect(MediaType.dockerForeignLayer.isForeignLayer && !MediaType.dockerLayer.isForeignLayer)
    }

    @Test("Error codes carry the statuses that clients know")
    func errorCodes() {
        #expect(RegistryErrorCode.allCases.count == 20)
        #expect(RegistryErrorCode.blobUploadInvalid.httpStatus == 404)
        #expect(RegistryErrorCode.rangeInvalid.httpStatus == 416)
        #expect(RegistryErrorCode.manifestBlobUnknown.httpStatus == 400)
        #expect(RegistryErrorCode.tooManyRequests.rawValue == "TOOMANYREQUESTS")
        #expect(
            RegistryErrorCode.allCases.allSatisfy { (400...503).contains($0.httpStatus) && !$0.defaultMessage.isEmpty })
    }
}
