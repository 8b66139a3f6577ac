/// A response that has come whole.
public struct HTTPResponse: Sendable {
    /// The status, 200 to 599.
    public let status: Int
    /// The header fields.
    public let headers: HTTPFields
    /// The body; empty for HEAD.
    public let body: SharedBytes

    /// A response; drivers make one in tests.
    public init(status: Int, headers: HTTPFields = HTTPFields(), body: SharedBytes = SharedBytes()) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    /// 2xx
    public var isSuccess: Bool { (200..<300).contains(status) }

    /// What `Content-Length` says; for HEAD the size of what isn't sent.
    public var contentLength: UInt64? { headers.contentLength }
}

extension HTTPFields {
    /// The value of `Content-Length`, if it is a number.
    var contentLength: UInt64? {
        guard let text = self["Content-Length"], text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return UInt64(text)
    }
}
