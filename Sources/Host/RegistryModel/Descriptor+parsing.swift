extension Descriptor {
    private enum Field: String, CaseIterable {
        case mediaType, digest, size, urls, annotations, artifactType, platform
    }

    init(_ scanner: inout JSONScanner, _ validation: Manifest.Validation) throws(ManifestError) {
        var fields = FieldNames<Field>(validation)
        var draft = Draft()
        try scanner.enterObject()
        while let field = try scanner.nextField(&fields) {
            do throws(ManifestError) {
                try draft.read(field, &scanner, validation)
            } catch {
                throw error.inside(field.rawValue)
            }
        }
        self = try draft.descriptor(validation)
    }

    static func list(
        _ scanner: inout JSONScanner, _ validation: Manifest.Validation
    ) throws(ManifestError) -> [Descriptor] {
        var list: [Descriptor] = []
        try scanner.enterArray()
        while try scanner.nextElement() {
            do throws(ManifestError) {
                list.append(try Descriptor(&scanner, validation))
            } catch {
                throw error.inside("[\(list.count)]")
            }
        }
        return list
    }

    /// The fields as they come, some perhaps never.
    private struct Draft {
        var mediaType: String?
        var digest: Digest?
        var size: Int64?
        var urls: [String] = []
        var annotations: [String: String] = [:]
        var artifactType: String?
        var platform: Platform?

        mutating func read(
            _ field: Field, _ scanner: inout JSONScanner, _ validation: Manifest.Validation
        ) throws(ManifestError) {
            switch field {
            case .mediaType: mediaType = try scanner.string()
            case .digest: digest = try scanner.digest()
            case .size: size = try scanner.size(validation)
            case .urls: urls = try scanner.stringList()
            case .annotations: annotations = try scanner.stringMap(validation)
            case .artifactType: artifactType = try scanner.string()
            case .platform: platform = try Platform(&scanner, validation)
            }
        }

        func descriptor(_ validation: Manifest.Validation) throws(ManifestError) -> Descriptor {
            guard let digest else { throw ManifestError(.invalidField, field: "digest", "is missing") }
            if validation == .upload {
                guard mediaType?.isEmpty == false else {
                    throw ManifestError(.invalidField, field: "mediaType", "is missing")
                }
                guard size != nil else { throw ManifestError(.invalidField, field: "size", "is missing") }
            }
            return Descriptor(
                mediaType: MediaType(verbatim: mediaType ?? ""), digest: digest, size: size ?? 0, urls: urls,
                annotations: annotations, artifactType: artifactType, platform: platform)
        }
    }
}

extension Descriptor.Platform {
    private enum Field: String, CaseIterable {
        case architecture, os, variant
        case osVersion = "os.version"
    }

    init(_ scanner: inout JSONScanner, _ validation: Manifest.Validation) throws(ManifestError) {
        var fields = FieldNames<Field>(validation)
        self.init(architecture: "", os: "")
        try scanner.enterObject()
        while let field = try scanner.nextField(&fields) {
            do throws(ManifestError) {
                let text = try scanner.string()
                switch field {
                case .architecture: architecture = text
                case .os: os = text
                case .variant: variant = text
                case .osVersion: osVersion = text
                }
            } catch {
                throw error.inside(field.rawValue)
            }
        }
    }
}

extension JSONScanner {
    fileprivate mutating func digest() throws(ManifestError) -> Digest {
        let text = try string()
        do { return try Digest(text) } catch { throw ManifestError(.invalidField, error.description) }
    }

    fileprivate mutating func size(_ validation: Manifest.Validation) throws(ManifestError) -> Int64 {
        let size = try integer()
        guard size >= 0 || validation == .stored else {
            throw ManifestError(.invalidField, "must not be negative, and is \(size)")
        }
        return max(size, 0)
    }

    fileprivate mutating func stringList() throws(ManifestError) -> [String] {
        var list: [String] = []
        try enterArray()
        while try nextElement() {
            do throws(ManifestError) { list.append(try string()) } catch { throw error.inside("[\(list.count)]") }
        }
        return list
    }

    mutating func stringMap(_ validation: Manifest.Validation) throws(ManifestError) -> [String: String] {
        var map: [String: String] = [:]
        try enterObject()
        while let key = try nextKey() {
            do throws(ManifestError) {
                let value = try takeNull() ? "" : try string()
                guard map.updateValue(value, forKey: key) == nil || validation == .stored else {
                    throw ManifestError(.invalidField, "is given twice")
                }
            } catch {
                throw error.inside(quoted(key))
            }
        }
        return map
    }
}
