/// A request to a store.
public struct HTTPRequest: Sendable {
    /// The methods that stores use.
    public enum Method: String, Sendable {
        /// GET
        case get = "GET"
        /// HEAD
        case head = "HEAD"
        /// PUT
        case put = "PUT"
        /// POST
        case post = "POST"
        /// DELETE
        case delete = "DELETE"
        /// PATCH
        case patch = "PATCH"
    }

    /// A word for metrics and log lines, such as `UploadPart`: one of a fixed set, never a key.
    public var operation: String
    /// The method.
    public var method: Method
    /// Whom it goes to.
    public var endpoint: Endpoint
    /// Percent-encoded; begins with `/`.
    public var path: String
    /// Not encoded; sent in this order.
    public var query: [QueryItem] = []
    /// A query that came encoded from the store, such as that of a session's address: sent as it is, before `query`.
    public var storeQuery = ""
    /// Without `Host` and `Content-Length`, which are made. Values with line breaks are refused.
    public var headers = HTTPFields()
    /// What is sent. PUT, POST and PATCH send a length of 0 if there is nothing.
    public var body: HTTPBody = .none
    /// The most bytes of a response that isn't streamed; more is an error.
    public var responseLimit = 1 << 20
    /// Whether doing it twice is like doing it once.
    public var isIdempotent: Bool
    /// Instead of the engine's.
    public var timeouts: HTTPTimeouts?
    /// False for addresses that no proxy reaches, such as a cloud's metadata service.
    public var usesProxy = true
    /// How many redirects are followed. 0: a redirect is a response like others.
    public var maximumRedirects = 0
    /// What log lines call it, such as the key; never a credential.
    public var subject = ""

    /// A request without query, headers and body. POST and PATCH count as not idempotent.
    public init(_ operation: StaticString, _ method: Method, _ endpoint: Endpoint, path: String) {
        self.operation = "\(operation)"
        self.method = method
        self.endpoint = endpoint
        self.path = path
        isIdempotent = method != .post && method != .patch
    }

    /// The query as it is sent: `a=b&c`.
    public var encodedQuery: String {
        let items = query.map { item in
            let name = PercentEncoding.component(item.name)
            return item.value.map { "\(name)=\(PercentEncoding.component($0))" } ?? name
        }
        return (storeQuery.isEmpty ? items : [storeQuery] + items).joined(separator: "&")
    }

    /// Path and query as they are sent.
    public var target: String { query.isEmpty && storeQuery.isEmpty ? path : "\(path)?\(encodedQuery)" }

    /// The whole address. It may hold a signature: not for log lines.
    public var url: String { endpoint.url + target }

    private static func isPathByte(_ byte: UInt8) -> Bool {
        byte > 0x20 && byte < 0x7F && byte != UInt8(ascii: "?") && byte != UInt8(ascii: "#")
    }

    /// Whether sending it twice can't even be noticed.
    var isSafe: Bool { method == .get || method == .head || maximumRedirects > 0 }

    /// What makes the request impossible to send; nil if nothing does.
    var fault: String? {
        if !endpoint.isValid { return "the endpoint \(endpoint.authority) is no host and port" }
        let isPath = path.utf8.first == UInt8(ascii: "/") && path.utf8.allSatisfy(Self.isPathByte)
        if !isPath { return "the path of the request isn't encoded" }
        if !storeQuery.utf8.allSatisfy(Self.isPathByte) { return "the query of the store's address isn't encoded" }
        return headers.isValid ? nil : "a header of the request holds a character that it must not"
    }
}

/// One parameter of a query, not encoded.
public struct QueryItem: Sendable, Hashable {
    /// Its name.
    public var name: String
    /// Nil: there is no `=` either.
    public var value: String?

    /// A parameter.
    public init(_ name: String, _ value: String? = nil) {
        self.name = name
        self.value = value
    }
}
