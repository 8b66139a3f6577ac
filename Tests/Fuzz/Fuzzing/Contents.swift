import Crypto
import NIOCore
import TestSupport

/// What the registry holds before the first request: an image and an index of it in `a`, tagged, and the image's layer in
/// `library/b`.
enum Contents {
    static let config = "{}"
    static let layer = "layer"
    static let image = """
        {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json",\
        "config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"\(sha256(config))","size":2},\
        "layers":[{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"\(sha256(layer))","size":5}]}
        """
    static let index = """
        {"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[\
        {"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"\(sha256(image))",\
        "size":\(image.utf8.count),"platform":{"os":"linux","architecture":"amd64"}}]}
        """
    static let artifact = """
        {"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"text/a",\
        "config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"\(sha256(config))","size":2},\
        "layers":[],"subject":{"mediaType":"application/vnd.oci.image.manifest.v1+json",\
        "digest":"\(sha256(image))","size":\(image.utf8.count)},"annotations":{"a":"b"}}
        """

    private static let words = [
        ("{image}", image), ("{index}", index), ("{artifact}", artifact), ("{image-digest}", sha256(image)),
        ("{index-digest}", sha256(index)), ("{layer-digest}", sha256(layer)), ("{config-digest}", sha256(config)),
    ]

    static func expand(_ text: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "{")) else { return text }
        return words.reduce(text) { $1.0.isEmpty ? $0 : $0.replacing($1.0, with: $1.1) }
    }

    static func storage() -> TestStorage {
        let storage = TestStorage()
        for text in [config, layer, image, index] {
            let hex = sha256(text).dropFirst(7)
            storage.plant(text, at: "\(root)/blobs/sha256/\(hex.prefix(2))/\(hex)/data")
        }
        link(storage, "a/_layers/sha256", config)
        link(storage, "a/_layers/sha256", layer)
        link(storage, "library/b/_layers/sha256", layer)
        for (tag, text) in [("latest", image), ("list", index)] {
            link(storage, "a/_manifests/revisions/sha256", text)
            link(storage, "a/_manifests/tags/\(tag)/index/sha256", text)
            storage.plant(sha256(text), at: "\(root)/repositories/a/_manifests/tags/\(tag)/current/link")
        }
        return storage
    }

    private static let root = "/docker/registry/v2"

    private static func link(_ storage: TestStorage, _ folder: String, _ content: String) {
        let digest = sha256(content)
        storage.plant(digest, at: "\(root)/repositories/\(folder)/\(digest.dropFirst(7))/link")
    }

    static func sha256(_ text: String) -> String { "sha256:" + hex(SHA256.hash(data: Array(text.utf8))) }

    /// The digest of some bytes in the algorithm of another digest; nil for an algorithm that no registry knows.
    static func digest(of bytes: [UInt8], like text: some StringProtocol) -> String? {
        switch text.prefix(7) {
        case "sha256:": "sha256:" + hex(SHA256.hash(data: bytes))
        case "sha384:": "sha384:" + hex(SHA384.hash(data: bytes))
        case "sha512:": "sha512:" + hex(SHA512.hash(data: bytes))
        default: nil
        }
    }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
