import HTTPServer
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryHTTP

@Suite("Pushes of manifests, case by case")
struct ManifestRowTests {
    private static let config = Documents.descriptor(.ociConfig, "{}")
    private static let layer = Documents.descriptor(.ociLayer, "layer")
    private static let image = #""config":\#(config),"layers":[\#(layer)]"#
    private static let docker = MediaType.dockerManifest
    private static let list = MediaType.dockerManifestList

    /// A body, its `Content-Type`, and whether it is taken.
    struct Row: Sendable, CustomTestStringConvertible {
        let what: String
        let type: MediaType
        let body: String
        let isTaken: Bool

        init(_ what: String, _ type: MediaType, _ members: String, _ isTaken: Bool, whole: Bool = false) {
            self.what = what
            self.type = type
            body = whole ? members : #"{"schemaVersion":2,\#(members)}"#
            self.isTaken = isTaken
        }

        var testDescription: String { what }
    }

    static let rows: [Row] = [
        Row("an OCI image without mediaType", .ociManifest, image, true),
        Row(
            "an OCI image with its mediaType", .ociManifest, #""mediaType":"\#(MediaType.ociManifest)",\#(image)"#, true
        ),
        Row("an OCI image with an empty mediaType", .ociManifest, #""mediaType":"",\#(image)"#, true),
        Row(
            "an OCI image that says it is an index", .ociManifest, #""mediaType":"\#(MediaType.ociIndex)",\#(image)"#,
            false),
        Row("an image that is called an index", .ociIndex, image, false),
        Row("an image with manifests", .ociManifest, image + #","manifests":[]"#, false),
        Row("an index with a config", .ociIndex, #""manifests":[],"config":\#(config)"#, false),
        Row("an index with layers", .ociIndex, #""manifests":[],"layers":[]"#, false),
        Row("an empty index", .ociIndex, #""manifests":[]"#, true),
        Row("an index of null", .ociIndex, #""mediaType":"\#(MediaType.ociIndex)","manifests":null"#, true),
        Row("an image without layers", .ociManifest, #""config":\#(config),"layers":[]"#, true),
        Row("an image of null", .ociManifest, #""config":\#(config),"layers":null"#, true),
        Row("an image without config", .ociManifest, #""layers":[]"#, false),
        Row("a docker image", docker, #""mediaType":"\#(docker)",\#(image)"#, true),
        Row("a docker image without mediaType", docker, image, false),
        Row("a docker image that says it is OCI", docker, #""mediaType":"\#(MediaType.ociManifest)",\#(image)"#, false),
        Row("an empty docker list", list, #""mediaType":"\#(list)","manifests":[]"#, true),
        Row("a docker list without mediaType", list, #""manifests":[]"#, false),
        Row(
            "an artifact of unheard types", .ociManifest,
            #""artifactType":"x/y","config":\#(Documents.descriptor(.ociEmpty, "{}", #","data":"e30=""#)),"#
                + #""layers":[\#(Documents.descriptor(MediaType("unheard/of"), "layer"))]"#, true),
        Row("fields of its own", .ociManifest, image + #","org.test":{"x":[1,{"y":null}]}"#, true),
        Row(
            "schema 1", .ociManifest, #"{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[],"history":[]}"#, false,
            whole: true),
        Row("schema 3", .ociManifest, #"{"schemaVersion":3,\#(image)}"#, false, whole: true),
        Row("no schema", .ociManifest, "{\(image)}", false, whole: true),
        Row("a key twice", .ociManifest, image + #","layers":[]"#, false),
        Row("an unknown key twice", .ociManifest, image + #","x":1,"x":2"#, false),
        Row(
            "deep JSON", .ociManifest,
            image + #","x":"# + String(repeating: "[", count: 200) + String(repeating: "]", count: 200), false),
        Row("two documents", .ociManifest, "{\"schemaVersion\":2,\(image)}{}", false, whole: true),
        Row("no JSON", .ociManifest, "schemaVersion: 2", false, whole: true),
        Row("nothing", .ociManifest, "", false, whole: true),
        Row(
            "a digest of an unknown algorithm", .ociManifest,
            #""config":{"mediaType":"a/b","digest":"md5:d41d8cd98f00b204e9800998ecf8427e","size":0},"layers":[]"#, false
        ),
        Row(
            "a subject without digest", .ociManifest, image + #","subject":{"mediaType":"a/b","size":1}"#, false),
    ]

    @Test(
        "What is taken comes back byte for byte; what isn't is 400 MANIFEST_INVALID and stores nothing", arguments: rows
    )
    func row(row: Row) async throws {
        let api = API()
        for blob in ["{}", "layer"] { try await api.push(blob, to: "a") }
        let before = api.storage.objects
        let answer = try await api.put(row.body, at: "/v2/a/manifests/v1", row.type)
        if row.isTaken {
            #expect(answer.status == 201, "\(answer.text)")
            let read = try await api.send(.GET, "/v2/a/manifests/v1", [("Accept", row.type.rawValue)])
            #expect(read.text == row.body)
            #expect(read["Content-Type"] == row.type.rawValue)
        } else {
            #expect(answer.status == 400)
            #expect(answer.codes == ["MANIFEST_INVALID"])
            #expect(api.storage.objects == before)
        }
    }

    @Test("A manifest of schema 1 is refused with a word on what to do")
    func schema1() async throws {
        let body = #"{"schemaVersion":1,"name":"a","tag":"b","fsLayers":[],"history":[]}"#
        for type in [MediaType.schema1Signed, .dockerManifestSchema1, .ociManifest] {
            let answer = try await API().put(body, at: "/v2/a/manifests/v1", type)
            #expect(answer.status == 400)
        }
        let answer = try await API().put(body, at: "/v2/a/manifests/v1", .ociManifest)
        #expect((answer.errors.first?["message"] as? String)?.contains("schema 1") == true)
    }

    @Test("Indexes may hold indexes, and manifests by SHA-512")
    func nested() async throws {
        let api = API()
        let child = try await api.pushImage(to: "a", tag: "v1")
        let long = digest(of: child, .sha512)
        #expect(try await api.put(child, at: "/v2/a/manifests/\(long)").status == 201)
        let inner =
            #"{"schemaVersion":2,"manifests":[{"mediaType":"\#(MediaType.ociManifest)","digest":"\#(long)","size":1}]}"#
        let outer = Documents.list(.ociIndex, [(inner, .ociIndex, "linux/amd64")])
        #expect(try await api.put(outer, at: "/v2/a/manifests/outer", .ociIndex).codes == ["MANIFEST_BLOB_UNKNOWN"])
        #expect(try await api.put(inner, at: "/v2/a/manifests/inner", .ociIndex).status == 201)
        #expect(try await api.put(outer, at: "/v2/a/manifests/outer", .ociIndex).status == 201)
    }

    @Test("A proxy's namespace is ignored, and no answer claims to have used it")
    func namespace() async throws {
        let api = API()
        let manifest = try await api.pushImage(to: "a", tag: "v1")
        for path in [
            "manifests/v1", "manifests/\(digest(of: manifest))", "referrers/\(digest(of: manifest))", "tags/list",
        ] {
            let answer = try await api.send(.GET, "/v2/a/\(path)?ns=docker.io", [("OCI-Namespace", "docker.io")])
            #expect(answer.status == 200)
            #expect(answer["OCI-Namespace"] == nil)
        }
    }
}
