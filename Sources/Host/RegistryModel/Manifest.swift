/// A parsed manifest: what the registry needs to know of it. The bytes themselves are stored and served as they came.
public struct Manifest: Sendable, Hashable {
    /// What a manifest holds together.
    public enum Kind: Sendable, Hashable {
        /// One image or artifact: its config and its layers.
        case image(config: Descriptor, layers: [Descriptor])
        /// A list of manifests.
        case index(manifests: [Descriptor])
    }

    /// How much a document is trusted to be well made.
    public enum Validation: Sendable {
        /// A push: every doubt is an error; text that is no UTF-8 and keys that an object has twice are.
        case upload
        /// Content that a registry accepted earlier, perhaps Distribution: read as Go's `encoding/json` reads it, so
        /// that nothing that was referred to is overlooked. Of a field given twice the last counts, letter case of
        /// names does not, and sizes and media types of descriptors may be missing.
        case stored
    }

    /// The largest manifest, in bytes. Clients refuse what is larger, and the specification asks for no less.
    public static let maximumSize = 4 * 1024 * 1024

    /// Arrays and objects inside each other, at most.
    public static let maximumDepth = 64

    /// What it holds.
    public let kind: Kind
    /// The type it is stored and served as.
    public let mediaType: MediaType
    /// The kind of artifact, exactly as the document gives it.
    public let artifactType: String?
    /// The manifest that this one says something of.
    public let subject: Descriptor?
    /// Free text for people and tools.
    public let annotations: [String: String]

    /// What must be in the repository as blobs: config and layers, in order; nothing for an index.
    public var blobs: [Descriptor] {
        switch kind {
        case .image(let config, let layers): [config] + layers
        case .index: []
        }
    }

    /// What must be in the repository as manifests: the children of an index. The subject may be missing.
    public var children: [Descriptor] {
        switch kind {
        case .image: []
        case .index(let manifests): manifests
        }
    }

    /// Reads and checks a manifest.
    ///
    /// - Parameters:
    ///   - bytes: the whole body.
    ///   - contentType: the `Content-Type` of the push. Without it the document's own `mediaType` decides, and where
    ///     that is absent its shape.
    ///   - validation: how strictly to read.
    /// - Throws: ``ManifestError`` that names the field.
    public init(
        parsing bytes: some Sequence<UInt8>, contentType: MediaType?, validation: Validation = .upload
    ) throws(ManifestError) {
        if let contentType { try Self.requireStorable(contentType) }
        let bytes = Array(bytes)
        if validation == .upload, String(validating: bytes, as: UTF8.self) == nil {
            throw ManifestError(.malformedJSON, "the manifest is not UTF-8")
        }
        var scanner = JSONScanner(bytes, maximumDepth: Self.maximumDepth, uniqueKeys: validation == .upload)
        let document = try ManifestDocument(&scanner, validation)
        try scanner.finish()
        try document.requireSchema2()
        mediaType = try document.resolvedMediaType(contentType)
        kind = try document.kind(as: mediaType, validation)
        artifactType = document.artifactType
        subject = document.subject
        annotations = document.annotations
    }

    /// Refuses types that the registry does not store.
    static func requireStorable(_ type: MediaType) throws(ManifestError) {
        if type.isSchema1 { throw .schema1 }
        guard type.isManifest else {
            throw ManifestError(
                .unsupportedMediaType, field: "mediaType", "\(quoted(type.rawValue)) is not a manifest type")
        }
    }
}

extension ManifestError {
    static let schema1 = ManifestError(
        .schema1, field: "schemaVersion", "manifests of schema 1 are not supported; push the image in the OCI format")
}
