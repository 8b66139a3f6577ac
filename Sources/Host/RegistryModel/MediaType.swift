/// A media type, without parameters and in lower case, so that equal types are equal values.
public struct MediaType: Hashable, Sendable, CustomStringConvertible {
    /// The text, for example `application/vnd.oci.image.manifest.v1+json`.
    public let rawValue: String

    /// Reads a header's value: drops parameters and the spaces around, and makes letters lower case.
    ///
    /// Any text is accepted; whether a type is known is for the reader to ask.
    public init(_ text: some StringProtocol) {
        let text = text.description
        guard !text.utf8.allSatisfy(Self.isCanonical) else {
            rawValue = text
            return
        }
        let type = text.utf8.prefix { $0 != UInt8(ascii: ";") }
        let spaces: (UInt8) -> Bool = { $0 == 0x20 || (0x09...0x0D).contains($0) }
        let start = type.firstIndex { !spaces($0) } ?? type.endIndex
        let end = type.lastIndex { !spaces($0) }.map { type.index(after: $0) } ?? start
        rawValue = String(decoding: type[start..<end].map { $0.isUpperCase ? $0 | 0x20 : $0 }, as: UTF8.self)
    }

    /// Keeps a type that a document gives for others to read, parameters and letter case included.
    ///
    /// A type that the registry acts on is still made canonical, so that it cannot be missed.
    public init(verbatim text: String) {
        let canonical = MediaType(text)
        rawValue = Self.known.contains(canonical.rawValue) ? canonical.rawValue : text
    }

    private init(canonical text: String) { rawValue = text }

    /// The text.
    public var description: String { rawValue }

    /// Whether this is a list of manifests: an OCI index or a docker manifest list.
    public var isIndex: Bool { self == .ociIndex || self == .dockerManifestList }

    /// Whether this is a manifest that the registry stores, of one image or of several.
    public var isManifest: Bool { isIndex || self == .ociManifest || self == .dockerManifest }

    /// Whether this is a manifest of the first schema, signed or not, which is read nowhere any more.
    public var isSchema1: Bool { self == .dockerManifestSchema1 || self == .schema1Signed }

    /// Whether this is a layer that is fetched from elsewhere and need not be in the registry.
    public var isForeignLayer: Bool { Self.foreignLayers.contains(rawValue) }

    /// Whether this is a layer of an OCI image, one to fetch from elsewhere included.
    public var isOCILayer: Bool {
        self == .ociLayer || self == .ociLayerGzip || self == .ociLayerZstd
            || (isForeignLayer && self != .dockerForeignLayer)
    }

    private static func isCanonical(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte != UInt8(ascii: ";") && !byte.isUpperCase
    }
}

extension MediaType {
    /// An OCI image manifest.
    public static let ociManifest = MediaType(canonical: "application/vnd.oci.image.manifest.v1+json")
    /// An OCI image index.
    public static let ociIndex = MediaType(canonical: "application/vnd.oci.image.index.v1+json")
    /// A docker image manifest, version 2, schema 2.
    public static let dockerManifest = MediaType(canonical: "application/vnd.docker.distribution.manifest.v2+json")
    /// A docker manifest list.
    public static let dockerManifestList = MediaType(
        canonical: "application/vnd.docker.distribution.manifest.list.v2+json")
    /// A docker image manifest of schema 1.
    public static let dockerManifestSchema1 = MediaType(
        canonical: "application/vnd.docker.distribution.manifest.v1+json")
    /// A signed docker image manifest of schema 1.
    public static let schema1Signed = MediaType(
        canonical: "application/vnd.docker.distribution.manifest.v1+prettyjws")
    /// Bytes of no stated kind: what blobs are served as.
    public static let octetStream = MediaType(canonical: "application/octet-stream")
    /// JSON of no stated kind.
    public static let json = MediaType(canonical: "application/json")
    /// The empty object `{}` that stands for an absent config or layer.
    public static let ociEmpty = MediaType(canonical: "application/vnd.oci.empty.v1+json")
    /// The config of an OCI image.
    public static let ociConfig = MediaType(canonical: "application/vnd.oci.image.config.v1+json")
    /// The config of a docker image.
    public static let dockerConfig = MediaType(canonical: "application/vnd.docker.container.image.v1+json")
    /// The config of a docker plugin.
    public static let dockerPluginConfig = MediaType(canonical: "application/vnd.docker.plugin.v1+json")
    /// A layer of an OCI image.
    public static let ociLayer = MediaType(canonical: "application/vnd.oci.image.layer.v1.tar")
    /// A layer of an OCI image, compressed with gzip.
    public static let ociLayerGzip = MediaType(canonical: "application/vnd.oci.image.layer.v1.tar+gzip")
    /// A layer of an OCI image, compressed with zstd.
    public static let ociLayerZstd = MediaType(canonical: "application/vnd.oci.image.layer.v1.tar+zstd")
    /// A layer of a docker image.
    public static let dockerLayer = MediaType(canonical: "application/vnd.docker.image.rootfs.diff.tar.gzip")
    /// A layer of a docker image that is fetched from elsewhere.
    public static let dockerForeignLayer = MediaType(
        canonical: "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")
    /// A layer of an OCI image that must not be distributed.
    public static let ociForeignLayer = MediaType(
        canonical: "application/vnd.oci.image.layer.nondistributable.v1.tar")
    /// A layer of an OCI image that must not be distributed, compressed with gzip.
    public static let ociForeignLayerGzip = MediaType(
        canonical: "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip")
    /// A layer of an OCI image that must not be distributed, compressed with zstd.
    public static let ociForeignLayerZstd = MediaType(
        canonical: "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd")

    private static let foreignLayers: Set<String> = [
        dockerForeignLayer.rawValue, ociForeignLayer.rawValue, ociForeignLayerGzip.rawValue,
        ociForeignLayerZstd.rawValue,
    ]

    private static let known = foreignLayers.union([
        ociManifest.rawValue, ociIndex.rawValue, dockerManifest.rawValue, dockerManifestList.rawValue,
        dockerManifestSchema1.rawValue, schema1Signed.rawValue,
    ])
}
