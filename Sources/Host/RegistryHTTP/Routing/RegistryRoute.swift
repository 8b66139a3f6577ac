import NIOHTTP1

/// What a path of the API names. Read from its end, because names of repositories contain slashes and may contain every
/// keyword: `/v2/a/manifests/tags/list` lists the tags of `a/manifests`.
enum RegistryRoute: Sendable, Hashable {
    /// `/`: for load balancers.
    case alive
    /// `/v2/`.
    case base
    case catalog
    case tags(name: String)
    case manifest(name: String, reference: String)
    case referrers(name: String, digest: String)
    case blob(name: String, digest: String)
    case uploads(name: String)
    case upload(name: String, id: String)

    /// - Parameters:
    ///   - path: decoded, without query.
    ///   - prefix: `http.prefix`: `/`, or with a slash at both ends.
    init?(path: String, prefix: String = "/") {
        if path == "/" {
            self = .alive
            return
        }
        guard path.hasPrefix(prefix) else { return nil }
        // By bytes, here and below: every request is read, and characters would cost tables.
        let rest = Substring(path.utf8.dropFirst(prefix.utf8.count))
        if rest == "v2" || rest == "v2/" {
            self = .base
            return
        }
        guard rest.hasPrefix("v2/") else { return nil }
        let parts = rest.utf8.dropFirst(3).split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        self.init(segments: parts.map { Substring($0) }, of: path)
    }

    private init?(segments: [Substring], of path: String) {
        let count = segments.count
        if count == 1, segments[0] == "_catalog" {
            self = .catalog
            return
        }
        func name(before end: Int) -> String { String(path[segments[0].startIndex..<segments[end - 1].endIndex]) }
        guard count >= 3 else { return nil }
        let (last, second) = (segments[count - 1], segments[count - 2])
        if second == "tags", last == "list" {
            self = .tags(name: name(before: count - 2))
        } else if second == "manifests", !last.isEmpty {
            self = .manifest(name: name(before: count - 2), reference: String(last))
        } else if second == "referrers", !last.isEmpty {
            self = .referrers(name: name(before: count - 2), digest: String(last))
        } else if second == "blobs", last == "uploads" {
            self = .uploads(name: name(before: count - 2))
        } else if second == "blobs", !last.isEmpty {
            self = .blob(name: name(before: count - 2), digest: String(last))
        } else if count >= 4, segments[count - 3] == "blobs", second == "uploads" {
            let name = name(before: count - 3)
            self = last.isEmpty ? .uploads(name: name) : .upload(name: name, id: String(last))
        } else {
            return nil
        }
    }

    /// The methods that mean something here.
    var methods: [HTTPMethod] {
        switch self {
        case .base: Self.baseMethods
        case .alive, .catalog, .tags, .referrers: Self.read
        case .manifest: Self.manifestMethods
        case .blob: Self.blobMethods
        case .uploads: Self.uploadsMethods
        case .upload: Self.uploadMethods
        }
    }

    /// The methods, as `Allow` lists them.
    var allow: String { methods.map(\.rawValue).joined(separator: ", ") }

    // Made once: they are asked for with every request.
    private static let read: [HTTPMethod] = [.GET, .HEAD]
    // Distribution answers every method here, and some probes rely on it.
    private static let baseMethods: [HTTPMethod] = [.GET, .HEAD, .POST, .PUT, .PATCH, .DELETE]
    private static let manifestMethods: [HTTPMethod] = [.GET, .HEAD, .PUT, .DELETE]
    private static let blobMethods: [HTTPMethod] = [.GET, .HEAD, .DELETE]
    private static let uploadsMethods: [HTTPMethod] = [.POST]
    private static let uploadMethods: [HTTPMethod] = [.GET, .HEAD, .PUT, .PATCH, .DELETE]
}
