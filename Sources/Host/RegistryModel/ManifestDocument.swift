/// The fields of a manifest of any type, before it is clear which type it is. A field that is `null` is absent, as Go
/// programs write empty lists that way.
struct ManifestDocument {
    var schemaVersion: Int64?
    var mediaType: String?
    var artifactType: String?
    var config: Descriptor?
    var layers: [Descriptor]?
    var manifests: [Descriptor]?
    var subject: Descriptor?
    var annotations: [String: String] = [:]

    private enum Field: String, CaseIterable {
        case schemaVersion, mediaType, artifactType, config, layers, manifests, subject, annotations
    }

    init() {}

    init(_ scanner: inout JSONScanner, _ validation: Manifest.Validation) throws(ManifestError) {
        var fields = FieldNames<Field>(validation)
        try scanner.enterObject()
        while let field = try scanner.nextField(&fields) {
            do throws(ManifestError) {
                try read(field, &scanner, validation)
            } catch {
                throw error.inside(field.rawValue)
            }
        }
    }

    private mutating func read(
        _ field: Field, _ scanner: inout JSONScanner, _ validation: Manifest.Validation
    ) throws(ManifestError) {
        switch field {
        case .schemaVersion: schemaVersion = try scanner.integer()
        case .mediaType: mediaType = try scanner.string()
        case .artifactType: artifactType = try scanner.string()
        case .config: config = try Descriptor(&scanner, validation)
        case .layers: layers = try Descriptor.list(&scanner, validation)
        case .manifests: manifests = try Descriptor.list(&scanner, validation)
        case .subject: subject = try Descriptor(&scanner, validation)
        case .annotations: annotations = try scanner.stringMap(validation)
        }
    }

    func requireSchema2() throws(ManifestError) {
        switch schemaVersion {
        case 2: return
        case 1: throw .schema1
        case nil: throw ManifestError(.invalidField, field: "schemaVersion", "is missing")
        case let version?: throw ManifestError(.invalidField, field: "schemaVersion", "must be 2, not \(version)")
        }
    }

    /// The type that request and document agree on.
    func resolvedMediaType(_ contentType: MediaType?) throws(ManifestError) -> MediaType {
        // An empty text is what Go writes for a field that was never set.
        guard let text = mediaType, !text.isEmpty else {
            guard let contentType else { return manifests == nil ? .ociManifest : .ociIndex }
            if contentType == .dockerManifest || contentType == .dockerManifestList {
                throw ManifestError(.mediaTypeMismatch, field: "mediaType", "must be \(quoted(contentType.rawValue))")
            }
            return contentType
        }
        let own = MediaType(text)
        try Manifest.requireStorable(own)
        guard contentType == nil || own == contentType else {
            let expected = contentType?.rawValue ?? ""
            throw ManifestError(
                .mediaTypeMismatch, field: "mediaType",
                "is \(quoted(text)), but the request's Content-Type is \(quoted(expected))")
        }
        return own
    }

    /// The content as that type, checked not to be the other kind in disguise (CVE-2021-41190).
    func kind(as type: MediaType, _ validation: Manifest.Validation) throws(ManifestError) -> Manifest.Kind {
        if type.isIndex {
            if validation == .upload { try requireIndexShape() }
            return .index(manifests: manifests ?? [])
        }
        if validation == .upload, manifests != nil {
            throw ManifestError(.unexpectedShape, field: "manifests", "does not belong into a manifest of one image")
        }
        guard let config else { throw ManifestError(.invalidField, field: "config", "is missing") }
        return .image(config: config, layers: layers ?? [])
    }

    private func requireIndexShape() throws(ManifestError) {
        guard config == nil else {
            throw ManifestError(.unexpectedShape, field: "config", "does not belong into an index")
        }
        guard layers == nil else {
            throw ManifestError(.unexpectedShape, field: "layers", "does not belong into an index")
        }
        // A later reader has only the body: without a type it would take an index without children for an image.
        guard manifests != nil || !(mediaType ?? "").isEmpty else {
            throw ManifestError(.unexpectedShape, field: "manifests", "is missing, and mediaType too")
        }
    }
}
