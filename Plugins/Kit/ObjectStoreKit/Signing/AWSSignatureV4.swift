/// AWS Signature Version 4: pure functions of a request, credentials and a time.
///
/// Paths are signed as they are in the request, encoded once, as S3 wants it; the other services that are signed here have
/// no path.
public struct AWSSignatureV4: Sendable, Hashable {
    /// The service that the signature is good for: "s3", "sts".
    public let service: String
    /// The region that it is good for.
    public let region: String

    /// What is signed of a body.
    public enum Payload: Sendable {
        /// Its SHA-256.
        case signed
        /// Nothing: for connections that protect it.
        case unsigned
        /// Its SHA-256, in hexadecimal, which the caller knows. The store refuses a body that has another.
        case hash(String)
    }

    private static let algorithm = "AWS4-HMAC-SHA256"
    private static let unsignedPayload = "UNSIGNED-PAYLOAD"

    /// A signer for a service in a region.
    public init(service: String, region: String) {
        self.service = service
        self.region = region
    }

    // MARK: Headers

    /// Signs a request by its headers: `Authorization`, `X-Amz-Date`, the token, and for S3 `X-Amz-Content-Sha256`.
    ///
    /// Every header that is there is signed, `Host` besides; what is added later isn't.
    public func sign(
        _ request: inout HTTPRequest, _ credentials: AWSCredentials, at time: Timestamp, _ payload: Payload = .signed
    ) {
        let hash =
            switch payload {
            case .signed: Hex.encode(request.body.sha256)
            case .unsigned: Self.unsignedPayload
            case .hash(let hash): hash
            }
        request.headers["Authorization"] = nil
        request.headers["X-Amz-Date"] = time.basicDateTime
        if service == "s3" { request.headers["X-Amz-Content-Sha256"] = hash }
        if let token = credentials.sessionToken { request.headers["X-Amz-Security-Token"] = token }
        let headers = Self.canonical(request.headers.all.map { ($0.name, $0.value) }, request.endpoint.authority)
        let text = canonicalRequest(request, request.query, headers, hash)
        let signature = signature(of: text, credentials, time)
        request.headers["Authorization"] =
            "\(Self.algorithm) Credential=\(credentials.accessKeyID)/\(scope(time)), "
            + "SignedHeaders=\(headers.names), Signature=\(signature)"
    }

    // MARK: URLs

    /// The URL of a request, signed so that whoever has it may send the request. Only `Host` is signed, so the client may
    /// add headers such as `Range`.
    /// - Parameter seconds: how long it is good; 1 to 604,800.
    public func presigned(
        _ request: HTTPRequest, _ credentials: AWSCredentials, at time: Timestamp, seconds: Int64
    ) -> String {
        var query = request.query
        query.append(QueryItem("X-Amz-Algorithm", Self.algorithm))
        query.append(QueryItem("X-Amz-Credential", "\(credentials.accessKeyID)/\(scope(time))"))
        query.append(QueryItem("X-Amz-Date", time.basicDateTime))
        query.append(QueryItem("X-Amz-Expires", String(min(max(seconds, 1), 604_800))))
        if let token = credentials.sessionToken { query.append(QueryItem("X-Amz-Security-Token", token)) }
        query.append(QueryItem("X-Amz-SignedHeaders", "host"))
        let headers = Self.canonical([], request.endpoint.authority)
        let text = canonicalRequest(request, query, headers, Self.unsignedPayload)
        let signature = signature(of: text, credentials, time)
        return "\(request.endpoint.url)\(request.path)?\(Self.canonical(query))&X-Amz-Signature=\(signature)"
    }

    // MARK: Steps

    /// The text whose hash is signed.
    private func canonicalRequest(
        _ request: HTTPRequest, _ query: [QueryItem], _ headers: (lines: String, names: String), _ hash: String
    ) -> String {
        let path = request.path.isEmpty ? "/" : request.path
        return
            "\(request.method.rawValue)\n\(path)\n\(Self.canonical(query))\n\(headers.lines)\n\(headers.names)\n\(hash)"
    }

    private func scope(_ time: Timestamp) -> String { "\(time.basicDate)/\(region)/\(service)/aws4_request" }

    private func signature(of canonicalRequest: String, _ credentials: AWSCredentials, _ time: Timestamp) -> String {
        let digest = Hex.encode(Digests.sha256(canonicalRequest.utf8))
        let text = "\(Self.algorithm)\n\(time.basicDateTime)\n\(scope(time))\n\(digest)"
        var key = HMAC.sha256(time.basicDate.utf8, key: Array("AWS4\(credentials.secretAccessKey)".utf8))
        for part in [region, service, "aws4_request"] { key = HMAC.sha256(part.utf8, key: key) }
        return Hex.encode(HMAC.sha256(text.utf8, key: key))
    }

    /// The query in the order of its encoded names, then values.
    private static func canonical(_ query: [QueryItem]) -> String {
        query.map { (PercentEncoding.component($0.name), PercentEncoding.component($0.value ?? "")) }
            .sorted { $0.0 == $1.0 ? precedes($0.1, $1.1) : precedes($0.0, $1.0) }
            .map { "\($0.0)=\($0.1)" }.joined(separator: "&")
    }

    /// Headers by name, in lower case, white space made one space, values of one name joined; each line ended.
    private static func canonical(
        _ headers: [(String, String)], _ authority: String
    ) -> (lines: String, names: String) {
        var values: [String: [String]] = ["host": [authority]]
        for (name, value) in headers {
            values[name.lowercased(), default: []].append(
                value.utf8.split { $0 == 0x20 || $0 == 0x09 }.map { String($0) ?? "" }.joined(separator: " "))
        }
        let names = values.keys.sorted(by: precedes)
        let lines = names.map { "\($0):\(values[$0, default: []].joined(separator: ","))\n" }.joined()
        return (lines, names.joined(separator: ";"))
    }

    private static func precedes(_ left: String, _ right: String) -> Bool {
        left.utf8.lexicographicallyPrecedes(right.utf8)
    }
}
