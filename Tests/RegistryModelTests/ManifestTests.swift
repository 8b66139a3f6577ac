import RegistryModel
import Testing

@Suite("Manifest")
struct ManifestTests {
    @Test("An OCI image is read with all its fields")
    func image() throws {
        let manifest = try ManifestCorpus.parse(ManifestCorpus.image, .ociManifest)
        #expect(manifest.mediaType == .ociManifest)
        #expect(manifest.artifactType == "Application/X")
        #expect(manifest.annotations == ["a": "b", "é\né": "😀 \u{FFFD}"])
        #expect(manifest.subject?.size == 3)
        #expect(manifest.children.isEmpty)
        #expect(manifest.blobs.map(\.size) == [2, 10, 10])
        #expect(manifest.blobs.last?.urls == ["https://a/b"])
        #expect(manifest.blobs.first?.mediaType == .ociConfig)
        #expect(manifest.blobs.first?.digest == (try Digest(ManifestCorpus.digest)))
    }

    @Test("An index is read with the platforms of its children")
    func index() throws {
        let manifest = try ManifestCorpus.parse(ManifestCorpus.index, .ociIndex)
        #expect(manifest.blobs.isEmpty)
        #expect(manifest.children.count == 2)
        #expect(
            manifest.children.first?.platform
                == Descriptor.Platform(architecture: "arm", os: "linux", variant: "v7", osVersion: "1"))
    }

    @Test("Docker manifests are read as images and lists")
    func docker() throws {
        #expect(try ManifestCorpus.parse(ManifestCorpus.dockerImage, .dockerManifest).blobs.count == 2)
        #expect(try ManifestCorpus.parse(ManifestCorpus.dockerList, .dockerManifestList).children.count == 1)
    }

    @Test("Without a type in the body the request decides, and without both the shape does")
    func missingType() throws {
        #expect(try ManifestCorpus.parse(ManifestCorpus.bareImage, .ociManifest).mediaType == .ociManifest)
        #expect(try ManifestCorpus.parse(ManifestCorpus.bareImage).mediaType == .ociManifest)
        #expect(try ManifestCorpus.parse(ManifestCorpus.bareIndex).mediaType == .ociIndex)
        #expect(ManifestCorpus.error(ManifestCorpus.bareIndex, .ociManifest)?.code == .unexpectedShape)
        #expect(ManifestCorpus.error(ManifestCorpus.bareImage, .ociIndex)?.code == .unexpectedShape)
        #expect(ManifestCorpus.error(ManifestCorpus.bareImage, .dockerManifest)?.code == .mediaTypeMismatch)
        #expect(ManifestCorpus.error(ManifestCorpus.bareIndex, .dockerManifestList)?.code == .mediaTypeMismatch)
        #expect(ManifestCorpus.error(#"{"schemaVersion":2}"#, .ociIndex)?.code == .unexpectedShape)
    }

    @Test("Body and request must name the same type, and one that is stored")
    func types() {
        #expect(ManifestCorpus.error(ManifestCorpus.image, .ociIndex)?.code == .mediaTypeMismatch)
        #expect(ManifestCorpus.error(ManifestCorpus.dockerImage, .ociManifest)?.code == .mediaTypeMismatch)
        #expect(ManifestCorpus.error(ManifestCorpus.image, .json)?.code == .unsupportedMediaType)
        #expect(ManifestCorpus.error(ManifestCorpus.image, .octetStream)?.code == .unsupportedMediaType)
        #expect(ManifestCorpus.error(#"{"schemaVersion":2,"mediaType":"a/b"}"#)?.code == .unsupportedMediaType)
        #expect(ManifestCorpus.error(ManifestCorpus.schema1)?.code == .schema1)
        #expect(ManifestCorpus.error(ManifestCorpus.image, .schema1Signed)?.code == .schema1)
        #expect(ManifestCorpus.error(ManifestCorpus.image, .dockerManifestSchema1)?.code == .schema1)
    }

    @Test("An image with the fields of an index, or the reverse, is refused")
    func shapes() {
        let image = #"{"schemaVersion":2,"config":\#(ManifestCorpus.config),"layers":[],"manifests":[]}"#
        #expect(ManifestCorpus.error(image, .ociManifest)?.field == "manifests")
        #expect(ManifestCorpus.error(image, .ociIndex)?.field == "config")
        let index = #"{"schemaVersion":2,"layers":[],"manifests":[]}"#
        #expect(ManifestCorpus.error(index, .ociIndex)?.field == "layers")
        #expect(ManifestCorpus.error(#"{"schemaVersion":2,"layers":[]}"#, .ociManifest)?.field == "config")
    }

    @Test("Null counts as absent, as Go programs write it")
    func null() throws {
        let image =
            #"{"schemaVersion":2,"mediaType":"","config":\#(ManifestCorpus.config),"layers":null,"manifests":null,"subject":null,"annotations":null}"#
        #expect(try ManifestCorpus.parse(image, .ociManifest).blobs.count == 1)
        let index =
            #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":null,"config":null}"#
        #expect(try ManifestCorpus.parse(index, .ociIndex).children.isEmpty)
    }

    @Test("A foreign layer type is recognised whatever its letter case, and others are kept as written")
    func layerTypes() throws {
        let layers = ["Application/vnd.OCI.image.layer.nondistributable.v1.tar", "Application/Other; a=B"].map {
            #"{"mediaType":"\#($0)","digest":"\#(ManifestCorpus.digest)","size":0}"#
        }
        let text =
            #"{"schemaVersion":2,"config":\#(ManifestCorpus.config),"layers":[\#(layers.joined(separator: ","))]}"#
        let blobs = try ManifestCorpus.parse(text, .ociManifest).blobs
        #expect(blobs.map(\.mediaType.isForeignLayer) == [false, true, false])
        #expect(blobs.last?.mediaType.rawValue == "Application/Other; a=B")
    }

    @Test("What Distribution accepted earlier is read as Go reads it")
    func stored() throws {
        let text =
            #"{"SchemaVersion":2,"Config":{"digest":"\#(ManifestCorpus.digest)"},"layerſ":[{"digest":"\#(ManifestCorpus.digest)","size":-1}],"layers":[{"digest":"\#(ManifestCorpus.digest)","size":5}]}"#
        let manifest = try ManifestCorpus.parse(text, nil, .stored)
        #expect(manifest.blobs.map(\.size) == [0, 5])
        #expect(ManifestCorpus.error(text)?.code == .invalidField)
    }
}

@Suite("Detection of the stored type")
struct ManifestDetectionTests {
    @Test(
        "The type is that of the whole document",
        arguments: ManifestCorpus.all.dropLast())
    func agrees(text: String) throws {
        #expect(try Manifest.detectMediaType(of: text.utf8) == ManifestCorpus.parse(text).mediaType)
    }

    @Test("Keys of the same name further down do not count")
    func nested() throws {
        let text = #"{"a":{"mediaType":"x","manifests":[]},"schemaVersion":2,"b":"\"manifests\":[]"}"#
        #expect(try Manifest.detectMediaType(of: text.utf8) == .ociManifest)
        #expect(try Manifest.detectMediaType(of: #"{"schemaVersion":2,"manifests":null}"#.utf8) == .ociManifest)
    }

    @Test(
        "What is no manifest of schema 2 is an error",
        arguments: [
            "", "{", "[]", "null", "{}", ManifestCorpus.schema1, #"{"schemaVersion":3}"#, #"{"schemaVersion":"2"}"#,
            #"{"schemaVersion":2,"mediaType":"a/b"}"#, #"{"schemaVersion":2,"mediaType":7}"#,
            #"{"schemaVersion":2,"manifests":"#, #"{"schemaVersion":2,"#,
        ])
    func errors(text: String) {
        #expect(throws: ManifestError.self) { try Manifest.detectMediaType(of: text.utf8) }
    }

    @Test("It does not read on once the type is known")
    func stopsEarly() throws {
        let text = #"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json", anything"#
        #expect(try Manifest.detectMediaType(of: text.utf8) == .ociIndex)
    }
}
