import NIOHTTP1

/// What the header fields of a request say about its framing and its connection.
struct RequestTraits {
    /// The length of the body, if it is declared.
    private(set) var declaredLength: UInt64?
    /// Whether the body is chunked.
    private(set) var isChunked = false
    /// Whether the client waits for `100 Continue`.
    private(set) var expectsContinue = false
    /// Whether the connection can serve another request.
    var keepsAlive: Bool { isPersistent && !mustClose }
    /// Whether the version or a `keep-alive` makes the connection persistent.
    private var isPersistent: Bool
    /// Whether something else ends it, wherever in the head that stands.
    private var mustClose = false

    /// - Throws: a refusal, for a request whose framing is ambiguous or that lacks its host
    init(_ head: HTTPRequestHead, limits: HTTPServerConfiguration.Limits) throws(RequestRefusal) {
        let isModern = head.version.major > 1 || head.version.minor > 0
        isPersistent = isModern
        guard head.uri.utf8.count <= limits.targetBytes else { throw RequestRefusal(status: .uriTooLong) }
        guard head.headers.count <= limits.headerCount else {
            throw RequestRefusal(status: .requestHeaderFieldsTooLarge)
        }
        var hosts = 0
        for (name, value) in head.headers {
            switch name.utf8.count {
            case 4 where name.matches("host"): hosts += 1
            case 6 where name.matches("expect"): expectsContinue = isModern && value.matches("100-continue")
            case 7 where name.matches("upgrade"): mustClose = true
            case 10 where name.matches("connection"): noteConnection(value)
            case 14 where name.matches("content-length"): try noteLength(value)
            case 17 where name.matches("transfer-encoding"): try noteCoding(value)
            default: break
            }
        }
        guard hosts == 1 || (hosts == 0 && !isModern) else { throw RequestRefusal(status: .badRequest) }
        // RFC 9112 §6.1: both, or a coding in HTTP/1.0, is how requests are smuggled.
        guard !isChunked || (declaredLength == nil && isModern) else { throw RequestRefusal(status: .badRequest) }
        if head.method == .CONNECT { mustClose = true }
    }

    private mutating func noteConnection(_ value: String) {
        for token in value.split(separator: ",") {
            let token = token.trimmingSpaces
            if token.matches("close") {
                mustClose = true
            } else if token.matches("keep-alive") {
                isPersistent = true
            }
        }
    }

    private mutating func noteCoding(_ value: String) throws(RequestRefusal) {
        guard value.matches("chunked") else { throw RequestRefusal(status: .notImplemented) }
        guard !isChunked else { throw RequestRefusal(status: .badRequest) }
        isChunked = true
    }

    private mutating func noteLength(_ value: String) throws(RequestRefusal) {
        guard value.utf8.allSatisfy({ $0 >= 48 && $0 <= 57 }), let length = UInt64(value),
            declaredLength == nil || declaredLength == length
        else { throw RequestRefusal(status: .badRequest) }
        declaredLength = length
    }
}

extension StringProtocol {
    /// Whether the text is `word`, which is in lower case, ASCII letters in either case.
    func matches(_ word: StaticString) -> Bool {
        word.withUTF8Buffer { word in
            guard utf8.count == word.count else { return false }
            var index = 0
            for byte in utf8 {
                let lower = byte >= 65 && byte <= 90 ? byte | 32 : byte
                if lower != word[index] { return false }
                index += 1
            }
            return true
        }
    }
}

extension Substring {
    fileprivate var trimmingSpaces: Substring {
        var text = self
        while let first = text.utf8.first, first == 32 || first == 9 { text.removeFirst() }
        while let last = text.utf8.last, last == 32 || last == 9 { text.removeLast() }
        return text
    }
}
