/// Azure Storage's authorization with an account key (scheme `SharedKey`, version 2015-02-21 of the service and later).
public struct AzureSharedKey: Sendable {
    /// The account's name.
    public let account: String
    private let key: [UInt8]

    /// Nil if the key isn't Base64.
    public init?(account: String, base64Key: String) {
        guard let key = Base64.decode(base64Key), !key.isEmpty else { return nil }
        self.account = account
        self.key = key
    }

    /// The HMAC of a text, as Base64.
    public func signature(of text: String) -> String { Base64.encode(HMAC.sha256(text, key: key)) }

    /// What is signed of a request: its method, the standard headers in a fixed order, the headers `x-ms-…` by name, the
    /// path below the account's name, and the query by name. `Date` stays out: requests carry `x-ms-date`.
    public func stringToSign(_ request: HTTPRequest) -> String {
        let length = request.body.count
        var lines = [request.method.rawValue]
        for name in ["Content-Encoding", "Content-Language"] { lines.append(request.headers[name] ?? "") }
        lines.append(length == 0 ? "" : String(length))
        for name in ["Content-MD5", "Content-Type"] { lines.append(request.headers[name] ?? "") }
        lines.append("")
        for name in ["If-Modified-Since", "If-Match", "If-None-Match", "If-Unmodified-Since", "Range"] {
            lines.append(request.headers[name] ?? "")
        }
        lines += canonicalizedHeaders(request.headers)
        lines.append("/\(account)\(request.path)")
        lines += canonicalizedQuery(request.query)
        return lines.joined(separator: "\n")
    }

    /// Adds `Authorization`. The request has its `x-ms-date` and `x-ms-version` already.
    public func sign(_ request: inout HTTPRequest) {
        request.headers["Authorization"] = "SharedKey \(account):\(signature(of: stringToSign(request)))"
    }

    private func canonicalizedHeaders(_ headers: HTTPFields) -> [String] {
        headers.all.map { (name: $0.name.lowercased(), value: $0.value) }
            .filter { $0.name.hasPrefix("x-ms-") }
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
            .map { "\($0.name):\($0.value)" }
    }

    private func canonicalizedQuery(_ query: [QueryItem]) -> [String] {
        query.map { (name: $0.name.lowercased(), value: $0.value ?? "") }
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
            .map { "\($0.name):\($0.value)" }
    }
}
