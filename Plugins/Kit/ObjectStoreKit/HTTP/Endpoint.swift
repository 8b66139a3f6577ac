/// Where a store is reached: scheme, host and port.
public struct Endpoint: Sendable, Hashable {
    /// How it is spoken to.
    public enum Scheme: String, Sendable {
        /// In the clear.
        case http
        /// With TLS.
        case https

        var defaultPort: Int { self == .https ? 443 : 80 }
    }

    /// How it is spoken to.
    public var scheme: Scheme
    /// A name or an address; IPv6 without brackets.
    public var host: String
    /// Nil: the scheme's own.
    public var port: Int?

    /// An endpoint.
    public init(_ scheme: Scheme, host: String, port: Int? = nil) {
        self.scheme = scheme
        self.host = host
        self.port = port
    }

    /// What the header `Host` holds, and so what is signed: the port only if it isn't the scheme's own.
    public var authority: String {
        let name = host.utf8.contains(UInt8(ascii: ":")) ? "[\(host)]" : host
        guard let port, port != scheme.defaultPort else { return name }
        return "\(name):\(port)"
    }

    /// `https://host:port`, without a path.
    public var url: String { "\(scheme.rawValue)://\(authority)" }

    /// Reads `https://host[:port][/base/path]`, or without the scheme if there is a default one. The base path comes
    /// without a slash at its end. Nil if it is something else, such as a URL with a query or with credentials.
    public static func parse(
        _ text: String, defaultScheme: Scheme? = nil
    ) -> (endpoint: Endpoint, basePath: String)? {
        var rest = text[...]
        var scheme = defaultScheme
        if let mark = text.firstRange(of: "://") {
            scheme = Scheme(rawValue: text[..<mark.lowerBound].lowercased())
            rest = text[mark.upperBound...]
        }
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var basePath = rest[slash...]
        while basePath.last == "/" { basePath.removeLast() }
        guard let scheme, isPath(basePath), let (host, port) = split(rest[..<slash]) else { return nil }
        return (Endpoint(scheme, host: host, port: port), String(basePath))
    }

    /// Whether host and port can stand in a URL; what a configuration composes, such as a region in a name, may not.
    var isValid: Bool {
        guard port.map({ (1...65_535).contains($0) }) ?? true, !host.isEmpty, host.utf8.count <= 253 else {
            return false
        }
        let isAddress = host.utf8.contains(UInt8(ascii: ":"))
        return host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."):
                true
            case UInt8(ascii: "-"), UInt8(ascii: "_"): !isAddress
            case UInt8(ascii: ":"): true
            default: false
            }
        }
    }

    private static func split(_ authority: Substring) -> (host: String, port: Int?)? {
        var host = authority
        var port: Int?
        let afterBrackets = authority.lastIndex(of: "]").map { authority.index(after: $0) } ?? authority.startIndex
        if let colon = authority[afterBrackets...].lastIndex(of: ":") {
            let digits = authority[authority.index(after: colon)...]
            guard !digits.isEmpty, digits.utf8.count <= 5, digits.utf8.allSatisfy({ (48...57).contains($0) }),
                let number = Int(digits)
            else { return nil }
            port = number
            host = authority[..<colon]
        }
        if host.first == "[" {
            guard host.last == "]", host.contains(":") else { return nil }
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        let endpoint = Endpoint(.http, host: String(host), port: port)
        return endpoint.isValid ? (endpoint.host, port) : nil
    }

    private static func isPath(_ path: Substring) -> Bool {
        path.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "?") && $0 != UInt8(ascii: "#") }
    }
}
