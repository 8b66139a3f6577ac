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
        // By bytes, here and below: every request is read, and characters would cost tables.
        let bytes = path.utf8.span
        if Self.holds(bytes, 0..<bytes.count, "/") {
            self = .alive
            return
        }
        let start = prefix.utf8.count
        guard bytes.count >= start + 2, Self.holds(bytes, 0..<start, prefix),
            Self.holds(bytes, start..<start + 2, "v2")
        else { return nil }
        if bytes.count == start + 2 || (bytes.count == start + 3 && bytes[start + 2] == Self.slash) {
            self = .base
            return
        }
        guard bytes[start + 2] == Self.slash else { return nil }
        self.init(bytes, from: start + 3, of: path)
    }

    private static let slash = UInt8(ascii: "/")

    /// - Parameter start: where what follows `/v2/` begins.
    private init?(_ bytes: Span<UInt8>, from start: Int, of path: String) {
        func text(_ range: Range<Int>) -> String {
            let utf8 = path.utf8
            let first = utf8.index(utf8.startIndex, offsetBy: range.lowerBound)
            return String(path[first..<utf8.index(first, offsetBy: range.count)])
        }
        let last = Self.segment(bytes, from: start, endingAt: bytes.count)
        if last.lowerBound == start {
            guard Self.holds(bytes, last, "_catalog") else { return nil }
            self = .catalog
            return
        }
        // The name ends before the segment that says what of it is meant.
        let kind = Self.segment(bytes, from: start, endingAt: last.lowerBound - 1)
        guard kind.lowerBound > start else { return nil }
        let name = start..<kind.lowerBound - 1
        if Self.holds(bytes, kind, "tags"), Self.holds(bytes, last, "list") {
            self = .tags(name: text(name))
        } else if Self.holds(bytes, kind, "manifests"), !last.isEmpty {
            self = .manifest(name: text(name), reference: text(last))
        } else if Self.holds(bytes, kind, "referrers"), !last.isEmpty {
            self = .referrers(name: text(name), digest: text(last))
        } else if Self.holds(bytes, kind, "blobs"), !last.isEmpty {
            self =
                Self.holds(bytes, last, "uploads")
                ? .uploads(name: text(name)) : .blob(name: text(name), digest: text(last))
        } else if Self.holds(bytes, kind, "uploads") {
            let blobs = Self.segment(bytes, from: start, endingAt: name.upperBound)
            guard blobs.lowerBound > start, Self.holds(bytes, blobs, "blobs") else { return nil }
            let name = text(start..<blobs.lowerBound - 1)
            self = last.isEmpty ? .uploads(name: name) : .upload(name: name, id: text(last))
        } else {
            return nil
        }
    }

    /// The segment before a position; the first one begins at `start`.
    private static func segment(_ bytes: Span<UInt8>, from start: Int, endingAt end: Int) -> Range<Int> {
        var position = end
        while position > start, bytes[position - 1] != slash { position -= 1 }
        return position..<end
    }

    private static func holds(_ bytes: Span<UInt8>, _ range: Range<Int>, _ text: String) -> Bool {
        guard range.count == text.utf8.count else { return false }
        var position = range.lowerBound
        for byte in text.utf8 {
            if bytes[position] != byte { return false }
            position += 1
        }
        return true
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
