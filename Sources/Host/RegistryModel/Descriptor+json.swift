extension Descriptor {
    /// The descriptor as a referrers list holds it: `mediaType`, `digest`, `size`, `artifactType` and `annotations`, in
    /// this order and without white space; what is absent or empty is left out.
    public var json: String {
        var text = "{\"mediaType\":\(JSONText.quoted(mediaType.rawValue)),\"digest\":\"\(digest)\",\"size\":\(size)"
        if let artifactType, !artifactType.isEmpty { text += ",\"artifactType\":\(JSONText.quoted(artifactType))" }
        if !annotations.isEmpty { text += ",\"annotations\":\(JSONText.object(annotations))" }
        return text + "}"
    }

    /// Reads a descriptor that ``json`` wrote.
    ///
    /// - Throws: ``ManifestError`` where the text is none.
    public init(json bytes: some Sequence<UInt8>) throws(ManifestError) {
        var scanner = JSONScanner(Array(bytes), maximumDepth: Manifest.maximumDepth)
        try self.init(&scanner, .stored)
        try scanner.finish()
    }
}

extension Manifest {
    /// What a referrers list says of this manifest (OCI Distribution Spec, "Listing Referrers"): its artifact type, which
    /// of an image without one is the media type of its config, and its annotations.
    ///
    /// - Parameters:
    ///   - digest: the name by which the list gives it.
    ///   - size: bytes of the manifest.
    public func descriptor(digest: Digest, size: Int) -> Descriptor {
        var type = artifactType.flatMap { $0.isEmpty ? nil : $0 }
        if type == nil, case .image(let config, _) = kind, !config.mediaType.rawValue.isEmpty {
            type = config.mediaType.rawValue
        }
        return Descriptor(
            mediaType: mediaType, digest: digest, size: Int64(clamping: size), annotations: annotations,
            artifactType: type)
    }
}
