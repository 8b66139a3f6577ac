extension Manifest {
    /// The type to serve stored bytes as, as Distribution decides it: `schemaVersion` must be 2, then `mediaType`
    /// decides, and where that is absent, whether there are `manifests`.
    ///
    /// It stops as soon as the answer is known, usually within the first hundred bytes, and checks nothing beyond.
    ///
    /// - Throws: ``ManifestError`` for schema 1, other versions, unknown types, and what is no JSON object.
    public static func detectMediaType(of bytes: some Sequence<UInt8>) throws(ManifestError) -> MediaType {
        var scanner = JSONScanner(Array(bytes), maximumDepth: maximumDepth)
        var document = DetectedFields()
        try scanner.enterObject()
        while !document.isDecided, let key = try scanner.nextKey() {
            switch key {
            case "schemaVersion": document.version = try scanner.takeNull() ? nil : try scanner.integer()
            case "mediaType": document.type = try scanner.takeNull() ? nil : try scanner.string()
            case "manifests":
                document.hasManifests = try !scanner.takeNull()
                if document.hasManifests { try scanner.skipValue() }
            default: try scanner.skipValue()
            }
        }
        return try document.mediaType()
    }
}

private struct DetectedFields {
    var version: Int64?
    var type: String?
    var hasManifests = false

    var isDecided: Bool { version != nil && type != nil }

    func mediaType() throws(ManifestError) -> MediaType {
        var document = ManifestDocument()
        document.schemaVersion = version
        document.mediaType = type
        document.manifests = hasManifests ? [] : nil
        try document.requireSchema2()
        return try document.resolvedMediaType(nil)
    }
}
