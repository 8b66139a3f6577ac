/// A V4 signed URL of Cloud Storage: who has it may do one thing with one object, for a while.
///
/// <https://cloud.google.com/storage/docs/authentication/signatures>. Pure: signing the text is the caller's, because it
/// may be done by a key that is here or by the IAM service.
public struct GoogleSignedURL: Sendable {
    /// The longest time that a URL may count: seven days.
    public static let longestLifetime: Int64 = 604_800

    /// `GET`, `HEAD`.
    public var method: String
    /// `https` or `http`.
    public var scheme: String
    /// Host and port of the URL. The service signs the host alone.
    public var host: String
    /// Begins with `/`; encoded once, as it stands in the URL.
    public var path: String
    /// Further query items, such as `response-content-type`.
    public var query: [QueryItem] = []
    /// Headers that the request must have, besides `Host`.
    public var headers: [(name: String, value: String)] = []
    /// The account whose key signs.
    public var email: String
    /// When the URL begins to count.
    public var issuedAt: Timestamp
    /// Seconds for which it counts; 1 to `longestLifetime`.
    public var lifetime: Int64

    /// A URL to be signed.
    public init(
        method: String, scheme: String, host: String, path: String, email: String, issuedAt: Timestamp, lifetime: Int64
    ) {
        self.method = method
        self.scheme = scheme
        self.host = host
        self.path = path
        self.email = email
        self.issuedAt = issuedAt
        self.lifetime = lifetime
    }

    /// The text to be signed with RSA and SHA-256.
    public var stringToSign: String {
        let digest = Hex.encode(Digests.sha256(Array(canonicalRequest.utf8)))
        return "GOOG4-RSA-SHA256\n\(issuedAt.basicDateTime)\n\(scopeText)\n\(digest)"
    }

    /// The URL with its signature.
    public func url(signature: [UInt8]) -> String {
        "\(scheme)://\(host)\(path)?\(canonicalQuery)&X-Goog-Signature=\(Hex.encode(signature))"
    }

    /// What the service computes of the request that comes.
    var canonicalRequest: String {
        let headers = canonicalHeaders
        let payload = headers.first { $0.name == "x-goog-content-sha256" }?.value ?? "UNSIGNED-PAYLOAD"
        let lines = headers.map { "\($0.name):\($0.value)\n" }.joined()
        return "\(method)\n\(path)\n\(canonicalQuery)\n\(lines)\n\(signedHeaders)\n\(payload)"
    }

    private var scopeText: String { "\(issuedAt.basicDate)/auto/storage/goog4_request" }

    private var signedHeaders: String { canonicalHeaders.map(\.name).joined(separator: ";") }

    private var canonicalQuery: String {
        var items = query
        items.append(QueryItem("X-Goog-Algorithm", "GOOG4-RSA-SHA256"))
        items.append(QueryItem("X-Goog-Credential", "\(email)/\(scopeText)"))
        items.append(QueryItem("X-Goog-Date", issuedAt.basicDateTime))
        items.append(QueryItem("X-Goog-Expires", String(lifetime)))
        items.append(QueryItem("X-Goog-SignedHeaders", signedHeaders))
        return items.map { "\(PercentEncoding.component($0.name))=\(PercentEncoding.component($0.value ?? ""))" }
            .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }.joined(separator: "&")
    }

    /// Names in lower case and in order, values trimmed and with single spaces; `host` among them.
    private var canonicalHeaders: [(name: String, value: String)] {
        var all = headers.map { (name: $0.name.lowercased(), value: Self.canonical($0.value)) }
        if !all.contains(where: { $0.name == "host" }) { all.append(("host", hostWithoutPort)) }
        return all.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }

    private var hostWithoutPort: String {
        guard let colon = host.lastIndex(of: ":"), !host.hasSuffix("]") else { return host }
        return String(host[..<colon])
    }

    private static func canonical(_ value: String) -> String {
        value.split { $0 == " " || $0 == "\t" }.joined(separator: " ")
    }
}
