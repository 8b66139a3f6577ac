import Crypto
import Foundation

/// Bytes with a media type, and the digests that name them.
struct Content: Sendable {
    let bytes: Data
    let type: String
    let sha256: String
    let sha512: String

    init(_ text: String, _ type: String = MediaTypes.octets) { self.init(Data(text.utf8), type) }

    init(_ bytes: Data, _ type: String = MediaTypes.octets) {
        self.bytes = bytes
        self.type = type
        sha256 = "sha256:" + SHA256.hash(data: bytes).hex
        sha512 = "sha512:" + SHA512.hash(data: bytes).hex
    }

    var text: String { String(decoding: bytes, as: UTF8.self) }
    var size: Int { bytes.count }

    /// What another document says of this one.
    func descriptor(type: String? = nil, digest: String? = nil, _ more: String = "") -> String {
        #"{"mediaType":"\#(type ?? self.type)","digest":"\#(digest ?? sha256)","size":\#(size)\#(more)}"#
    }
}

extension Sequence<UInt8> {
    fileprivate var hex: String { map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() }
}

enum MediaTypes {
    static let octets = "application/octet-stream"
    static let manifest = "application/vnd.oci.image.manifest.v1+json"
    static let index = "application/vnd.oci.image.index.v1+json"
    static let config = "application/vnd.oci.image.config.v1+json"
    static let layer = "application/vnd.oci.image.layer.v1.tar"
    static let empty = "application/vnd.oci.empty.v1+json"
    static let dockerManifest = "application/vnd.docker.distribution.manifest.v2+json"
    static let dockerList = "application/vnd.docker.distribution.manifest.list.v2+json"
    static let dockerConfig = "application/vnd.docker.container.image.v1+json"
    static let dockerLayer = "application/vnd.docker.image.rootfs.diff.tar.gzip"
    static let dockerForeign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    static let nonDistributable = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"
    static let schema1 = "application/vnd.docker.distribution.manifest.v1+prettyjws"
}

/// What the rows push. Two blobs are in every image, so that what a row needs of them is pushed with two requests.
extension Content {
    static let config = Content("{}", MediaTypes.config)
    static let layer = Content("a layer of 20 bytes.", MediaTypes.layer)
    static let empty = Content("")
    /// Ten bytes, whose number tells their place.
    static let digits = Content("0123456789")
    /// Never pushed to anything.
    static let missing = Content("nobody has pushed this", MediaTypes.layer)
    static let zero = "sha256:" + String(repeating: "0", count: 64)

    /// An OCI image manifest on ``config`` and ``layer``.
    static func image(
        _ note: String = "", layers: [Content] = [.layer], config: Content = .config, subject: String? = nil,
        artifactType: String? = nil, mediaType: Bool = true, more: String = ""
    ) -> Content {
        var members = [#""schemaVersion":2"#]
        if mediaType { members.append(#""mediaType":"\#(MediaTypes.manifest)""#) }
        if let artifactType { members.append(#""artifactType":"\#(artifactType)""#) }
        members.append(#""config":\#(config.descriptor())"#)
        members.append(#""layers":[\#(layers.map { $0.descriptor() }.joined(separator: ","))]"#)
        if let subject { members.append(#""subject":\#(subject)"#) }
        members.append(#""annotations":{"org.example.note":"\#(note)"}\#(more)"#)
        return Content("{\(members.joined(separator: ","))}", MediaTypes.manifest)
    }

    /// An OCI index; each child is a whole descriptor.
    static func index(_ children: [String], subject: String? = nil, artifactType: String? = nil) -> Content {
        var members = [#""schemaVersion":2"#, #""mediaType":"\#(MediaTypes.index)""#]
        if let artifactType { members.append(#""artifactType":"\#(artifactType)""#) }
        members.append(#""manifests":[\#(children.joined(separator: ","))]"#)
        if let subject { members.append(#""subject":\#(subject),"annotations":{"org.example.of":"index"}"#) }
        return Content("{\(members.joined(separator: ","))}", MediaTypes.index)
    }

    /// A Docker manifest of schema 2 on ``config`` and ``layer``.
    static func docker(_ note: String = "", layers: [String]? = nil) -> Content {
        let layers = layers ?? [Content.layer.descriptor(type: MediaTypes.dockerLayer)]
        return Content(
            """
            {"schemaVersion":2,"mediaType":"\(MediaTypes.dockerManifest)",\
            "config":\(Content.config.descriptor(type: MediaTypes.dockerConfig)),\
            "layers":[\(layers.joined(separator: ","))],"note":"\(note)"}
            """, MediaTypes.dockerManifest)
    }

    /// A Docker manifest list of one child, for one platform.
    static func dockerList(_ child: Content, os: String = "linux", architecture: String = "amd64") -> Content {
        let platform = #","platform":{"os":"\#(os)","architecture":"\#(architecture)"}"#
        return Content(
            """
            {"schemaVersion":2,"mediaType":"\(MediaTypes.dockerList)","manifests":[\(child.descriptor(platform))]}
            """, MediaTypes.dockerList)
    }

    /// The bytes of an image manifest, filled up to a size.
    static func image(ofSize size: Int) -> Content {
        let frame = image().size
        return image(String(repeating: "x", count: size - frame))
    }
}

/// Exchanges that put something in place.
enum Given {
    static func blob(_ content: Content, to name: String = "{repo}", as digest: String? = nil) -> [Exchange] {
        let target = "/v2/\(name)/blobs/uploads/?digest=\(digest ?? content.sha256)"
        return [Request("POST", target, [("Content-Type", MediaTypes.octets)], .bytes(content.bytes)).gives(201)]
    }

    /// ``Content/config`` and ``Content/layer``.
    static func parts(of name: String = "{repo}") -> [Exchange] {
        blob(.config, to: name) + blob(.layer, to: name)
    }

    static func manifest(_ content: Content, at reference: String, in name: String = "{repo}") -> [Exchange] {
        [put("/v2/\(name)/manifests/\(reference)", content).gives(201)]
    }

    /// An image with its blobs, under a tag.
    static func image(_ content: Content = .image(), tag: String = "v1", in name: String = "{repo}") -> [Exchange] {
        parts(of: name) + manifest(content, at: tag, in: name)
    }

    /// An upload that has begun.
    static func session(_ name: String = "{repo}") -> [Exchange] {
        [post("/v2/\(name)/blobs/uploads/").gives(202)]
    }
}
