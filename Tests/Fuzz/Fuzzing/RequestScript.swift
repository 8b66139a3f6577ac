import NIOHTTP1

/// Requests as text, one after the other, with a line `%%` between them:
///
/// ```
/// PUT {location}&digest={digest}
/// Content-Type: application/octet-stream
///
/// the body
/// ```
///
/// `{location}` is the path of the last `Location`, `{digest}` and `{sha512}` name the body. In bodies `{image}` and
/// `{index}` are documents about what the registry holds.
struct RequestScript {
    struct Request {
        var method: HTTPMethod
        var target: String
        var fields: [(String, String)]
        var body: String
    }

    var requests: [Request]

    init(_ bytes: [UInt8]) {
        let text = String(decoding: bytes, as: UTF8.self)
        requests = text.split(separator: "\n%%\n").prefix(12).map { Self.request($0) }
    }

    private static func request(_ text: Substring) -> Request {
        let utf8 = text.utf8
        var rest = utf8[...]
        func line() -> Substring {
            let line = rest.prefix { $0 != UInt8(ascii: "\n") }
            rest = rest[line.endIndex...].dropFirst()
            return Substring(line)
        }
        let words = line().split(separator: " ", maxSplits: 1, omittingEmptySubsequences: false)
        var fields: [(String, String)] = []
        while !rest.isEmpty {
            let field = line()
            if field.utf8.isEmpty { break }
            let parts = field.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            let value = parts.count > 1 ? parts[1].drop { $0 == " " } : ""
            fields.append((String(parts[0]), String(value)))
        }
        return Request(
            method: HTTPMethod(rawValue: String(words[0])), target: words.count > 1 ? String(words[1]) : "",
            fields: fields, body: Contents.expand(String(Substring(rest))))
    }
}
