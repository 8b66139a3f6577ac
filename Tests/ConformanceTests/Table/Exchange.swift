import Foundation

/// A request before anything is known of its answer.
struct Request: Sendable {
    var method: String
    var target: String
    var headers: [(String, String)] = []
    var body = Body.none

    enum Body: Sendable {
        /// Neither content nor a length.
        case none
        /// With its length.
        case bytes(Data)
        /// Without its length: in chunked coding where the protocol has one.
        case stream([Data])
    }

    init(_ method: String, _ target: String, _ headers: [(String, String)] = [], _ body: Body = .none) {
        (self.method, self.target, self.headers, self.body) = (method, target, headers, body)
    }

    /// The exchange in which the request is answered so.
    func gives(
        _ status: Int, _ headers: KeyValuePairs<String, HeaderRule> = [:], _ body: BodyRule = .any
    ) -> Exchange {
        Exchange(request: self, status: status, headers: headers.map { ($0.key, $0.value) }, body: body)
    }
}

// Requests as rows spell them.

func get(_ target: String, _ headers: (String, String)...) -> Request { Request("GET", target, headers) }
func head(_ target: String, _ headers: (String, String)...) -> Request { Request("HEAD", target, headers) }
func delete(_ target: String) -> Request { Request("DELETE", target) }

func post(_ target: String, _ headers: (String, String)..., body: String = "") -> Request {
    Request("POST", target, headers, .bytes(Data(body.utf8)))
}

func patch(_ target: String, _ headers: (String, String)..., body: String) -> Request {
    Request("PATCH", target, headers, .bytes(Data(body.utf8)))
}

func put(_ target: String, _ headers: (String, String)..., body: String = "") -> Request {
    Request("PUT", target, headers, .bytes(Data(body.utf8)))
}

/// A manifest, by its type.
func put(_ target: String, _ content: Content, type: String? = nil) -> Request {
    Request("PUT", target, [("Content-Type", type ?? content.type)], .bytes(content.bytes))
}

/// A request and what its answer must be.
struct Exchange: Sendable {
    let request: Request
    let status: Int
    var headers: [(String, HeaderRule)] = []
    var body = BodyRule.any
}

/// What a header of an answer must be.
enum HeaderRule: Sendable, ExpressibleByStringLiteral, ExpressibleByStringInterpolation {
    /// This, once.
    case exactly(String)
    /// Something that a regular expression matches as a whole.
    case like(String)
    /// Something else than this, once.
    case other(String)
    /// Not there.
    case absent
    /// Several lines or one, the elements in this order.
    case list([String])

    init(stringLiteral value: String) { self = .exactly(value) }

    static func length(_ content: Content) -> HeaderRule { .exactly(String(content.bytes.count)) }
}

/// What the body of an answer must be.
enum BodyRule: Sendable {
    case any
    case empty
    case exactly(Data)
    case text(String)
    /// The same JSON value.
    case json(String)
    /// An object with at least these members.
    case jsonWith(String)
    /// An error envelope with these codes, in this order.
    case errors([String])
    /// One error, with this `detail`.
    case error(String, detail: String)
    /// A regular expression that matches the whole text.
    case like(String)

    static func error(_ code: String) -> BodyRule { .errors([code]) }
    static func content(_ content: Content) -> BodyRule { .exactly(content.bytes) }
}

extension HeaderRule {
    /// Where an upload goes on: absolute, with a session's id (a UUID) and a query.
    static let session = HeaderRule.like("{base}/v2/{repo}/blobs/uploads/\(uuid)\\?[^ #]+")
    static let uuidOnly = HeaderRule.like(uuid)
    private static let uuid = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
}
