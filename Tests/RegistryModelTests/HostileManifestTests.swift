import RegistryModel
import Testing

@Suite("Hostile manifests")
struct HostileManifestTests {
    static let wrongTypes = [
        "0", "-1", "1.5", "true", "[]", "[7]", "{}", #""x""#, #"{"a":7}"#, "[{}]", "[[]]", "1e999", "\"\\ud800\"",
    ]

    /// For each field, the values among `wrongTypes` that are legal there.
    static let fields: [(String, legal: Set<String>)] = [
        ("schemaVersion", []),
        ("mediaType", []),
        ("artifactType", [#""x""#, "\"\\ud800\""]),
        ("config", []),
        ("layers", ["[]"]),
        ("subject", []),
        ("annotations", ["{}"]),
    ]

    @Test("A wrong type in a field of the document is an error that names it", arguments: fields.indices, wrongTypes)
    func wrongType(index: Int, value: String) {
        let (field, legal) = Self.fields[index]
        var members = ["schemaVersion": "2", "config": ManifestCorpus.config, "layers": "[]"]
        members[field] = value
        let text = "{" + members.map { "\"\($0.key)\":\($0.value)" }.joined(separator: ",") + "}"
        let error = ManifestCorpus.error(text, .ociManifest)
        if legal.contains(value) {
            #expect(error == nil)
        } else {
            #expect(error?.field.hasPrefix(field) == true, "\(field) = \(value): \(String(describing: error))")
        }
    }

    @Test(
        "A defect in a descriptor is named with its path",
        arguments: [
            (#"{"size":1,"mediaType":"a/b"}"#, "layers[1].digest"),
            (#"{"digest":"\#(ManifestCorpus.digest)","mediaType":"a/b"}"#, "layers[1].size"),
            (#"{"digest":"\#(ManifestCorpus.digest)","size":1}"#, "layers[1].mediaType"),
            (#"{"digest":"sha256:00"}"#, "layers[1].digest"),
            (#"{"digest":"md5:00"}"#, "layers[1].digest"),
            (#"{"digest":7}"#, "layers[1].digest"),
            (#"{"size":-1}"#, "layers[1].size"),
            (#"{"size":1.0}"#, "layers[1].size"),
            (#"{"size":1e2}"#, "layers[1].size"),
            (#"{"size":9223372036854775808}"#, "layers[1].size"),
            (#"{"size":"1"}"#, "layers[1].size"),
            (#"{"size":1,"size":1}"#, "layers[1].size"),
            (#"{"urls":["a",7]}"#, "layers[1].urls[1]"),
            (#"{"urls":"a"}"#, "layers[1].urls"),
            (#"{"annotations":{"k":7}}"#, #"layers[1].annotations."k""#),
            (#"{"annotations":{"k":"","k":""}}"#, #"layers[1].annotations."k""#),
            (#"{"platform":{"os":7}}"#, "layers[1].platform.os"),
            (#"{"platform":[]}"#, "layers[1].platform"),
            (#"{"Digest":""}"#, #"layers[1]."Digest""#),
            ("7", "layers[1]"),
            ("null", "layers[1]"),
        ])
    func descriptors(descriptor: String, field: String) {
        let text =
            #"{"schemaVersion":2,"config":\#(ManifestCorpus.config),"layers":[\#(ManifestCorpus.layer),\#(descriptor)]}"#
        let error = ManifestCorpus.error(text, .ociManifest)
        #expect(error?.field == field)
        #expect(error?.code == .invalidField)
        #expect(error?.description.hasPrefix(field) == true)
    }

    @Test(
        "What is no JSON is an error",
        arguments: [
            "", " ", "{", "}", "[", "nul", "\u{FEFF}{}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}",
            "{\"a\":1 \"b\":2}",
            "{\"a\":[1,]}", "{\"a\":[1 2]}", "{\"a\":01}", "{\"a\":+1}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":1e}",
            "{\"a\":-}",
            "{\"a\":\"\u{1}\"}", #"{"a":"\x"}"#, #"{"a":"\u12"}"#, #"{"a":"\u12g4"}"#, #"{"a":"\"#, "{\"a\":tru}",
            "{a:1}",
            "{\"a\":NaN}", "{'a':1}", "{} {}", "{}x", "{\"a\":1]", "{\"a\":[1}", "{\"a\":\"", "{\"\\", "{\"a\":/**/1}",
        ])
    func malformed(text: String) {
        #expect(ManifestCorpus.error(text, .ociManifest)?.code == .malformedJSON)
    }

    @Test(
        "A field given twice or in other letters is refused", arguments: ["layers", "Layers", "layer\u{17F}", "LAYERS"])
    func twice(key: String) {
        let text = #"{"schemaVersion":2,"config":\#(ManifestCorpus.config),"layers":[],"\#(key)":[]}"#
        #expect(ManifestCorpus.error(text, .ociManifest)?.code == .invalidField)
    }

    @Test(
        "A key given twice is refused in a push, also where nobody reads it; what is stored is read as Go reads it",
        arguments: [
            #""x":1,"x":1"#, #""x":{"y":[{"z":1,"z":2}]}"#, #""x":{"y":1,"\u0079":1}"#,
            #""annotations":{"a":"1","a":"2"}"#, #""artifactType":"a/b","artifactType":"a/c""#,
        ])
    func keysTwice(members: String) throws {
        let text = #"{"schemaVersion":2,"config":\#(ManifestCorpus.config),\#(members)}"#
        #expect(ManifestCorpus.error(text, .ociManifest)?.reason == "is given twice")
        _ = try ManifestCorpus.parse(text, .ociManifest, .stored)
        // In different objects they are no matter.
        _ = try ManifestCorpus.parse(
            #"{"schemaVersion":2,"config":\#(ManifestCorpus.config),"x":[{"y":1},{"y":2}],"y":{"x":1}}"#, .ociManifest)
    }

    @Test("Nesting is bounded, and the bound itself is allowed", arguments: ["[", "{\"a\":"])
    func depth(opening: String) {
        func document(_ levels: Int) -> String {
            let closing = opening == "[" ? "]" : "}"
            let inside = String(repeating: opening, count: levels) + "1" + String(repeating: closing, count: levels)
            return #"{"schemaVersion":2,"config":\#(ManifestCorpus.config),"x":\#(inside)}"#
        }
        #expect(ManifestCorpus.error(document(Manifest.maximumDepth - 1), .ociManifest) == nil)
        #expect(ManifestCorpus.error(document(Manifest.maximumDepth), .ociManifest)?.code == .malformedJSON)
        let deep = String(repeating: opening, count: Manifest.maximumSize / opening.utf8.count)
        #expect(ManifestCorpus.error(deep, .ociManifest)?.code == .malformedJSON)
        #expect(throws: ManifestError.self) { try Manifest.detectMediaType(of: "{\"a\":\(deep)".utf8) }
    }

    @Test("Four megabytes of layers are read, and of noise refused")
    func large() throws {
        let count = Manifest.maximumSize / (ManifestCorpus.layer.utf8.count + 1) - 10
        let layers = Array(repeating: ManifestCorpus.layer, count: count).joined(separator: ",")
        let text = #"{"schemaVersion":2,"config":\#(ManifestCorpus.config),"layers":[\#(layers)]}"#
        #expect(try ManifestCorpus.parse(text, .ociManifest).blobs.count == count + 1)
        for byte in [0x00, 0x20, 0x22, 0x2D, 0x30, 0x5C, 0x7B, 0x80, 0xFF] as [UInt8] {
            let noise = Array(repeating: byte, count: Manifest.maximumSize)
            #expect(throws: ManifestError.self) { try Manifest(parsing: noise, contentType: .ociManifest) }
        }
    }

    @Test("Bytes that are no UTF-8 are refused in a push, wherever they are, and replaced in what is stored")
    func brokenText() throws {
        let text = #"{"schemaVersion":2,"config":\#(ManifestCorpus.config),"artifactType":"?"}"#
        let bytes = text.utf8.map { $0 == UInt8(ascii: "?") ? 0xFF : $0 }
        let stored = try Manifest(parsing: bytes, contentType: .ociManifest, validation: .stored)
        #expect(stored.artifactType == "\u{FFFD}")
        #expect(throws: ManifestError.self) { try Manifest(parsing: bytes, contentType: .ociManifest) }
        let unread = text.replacing("artifactType", with: "x").utf8.map { $0 == UInt8(ascii: "?") ? 0xC0 : $0 }
        #expect(throws: ManifestError.self) { try Manifest(parsing: unread, contentType: .ociManifest) }
    }

    @Test("An error never repeats much of the document")
    func errorSize() {
        let long = String(repeating: "\u{7}x", count: 100_000)
        let escaped = String(repeating: "\\u0007x", count: 100_000)
        let text = #"{"schemaVersion":2,"mediaType":"\#(escaped)","config":\#(ManifestCorpus.config)}"#
        let message = ManifestCorpus.error(text, .ociManifest)?.description ?? long
        #expect(message.utf8.count < 1000)
        #expect(!message.utf8.contains(7))
    }
}
