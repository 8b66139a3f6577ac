/// Why a body is not a manifest that the registry takes. On the wire it is `MANIFEST_INVALID`.
public struct ManifestError: Error, Hashable, CustomStringConvertible {
    /// What kind of defect it is.
    public enum Code: String, Sendable {
        /// The body is not JSON, or nested too deeply.
        case malformedJSON
        /// A field is missing, given twice, or holds what it must not.
        case invalidField
        /// The stated type is none that the registry stores.
        case unsupportedMediaType
        /// The manifest is of schema 1, which was retired.
        case schema1
        /// The body says another type than the request.
        case mediaTypeMismatch
        /// The body has fields of another kind of manifest than it claims to be.
        case unexpectedShape
    }

    /// What kind of defect it is.
    public let code: Code
    /// Where: a path such as `layers[3].digest`, or empty for the whole document.
    public let field: String
    /// What is wrong there.
    public let reason: String

    init(_ code: Code, field: String = "", _ reason: String) {
        self.code = code
        self.field = field
        self.reason = reason
    }

    /// A sentence for the client that names the field.
    public var description: String { field.isEmpty ? reason : "\(field): \(reason)" }

    /// The same defect, seen from the document that holds the one it was found in.
    func inside(_ parent: String) -> ManifestError {
        let path = field.isEmpty ? parent : field.hasPrefix("[") ? parent + field : "\(parent).\(field)"
        return ManifestError(code, field: path, reason)
    }
}
