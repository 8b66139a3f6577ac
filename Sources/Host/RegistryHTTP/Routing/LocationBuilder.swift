import HTTPServer
import NIOHTTP1

/// Makes the URLs that clients get back. `http.host` wins; else the request's `Forwarded` (RFC 7239), then
/// `X-Forwarded-Proto` and `X-Forwarded-Host`, then its own scheme and `Host`.
struct LocationBuilder: Sendable {
    /// `http.host`, without a slash at its end.
    let fixedHost: String?
    /// `http.relativeurls`.
    let isRelative: Bool
    /// `http.prefix`.
    let prefix: String

    /// The URL of a path below `/v2/`.
    func url(_ path: String, for request: HTTPRequest) -> String {
        let local = "\(prefix)v2/\(path)"
        if let fixedHost { return fixedHost + local }
        if isRelative { return local }
        guard let host = host(of: request) else { return local }
        return "\(scheme(of: request))://\(host)\(local)"
    }

    private func scheme(of request: HTTPRequest) -> String {
        let forwarded = forwardedParameter("proto", request) ?? first("X-Forwarded-Proto", request)
        if let forwarded = forwarded?.lowercased(), forwarded == "http" || forwarded == "https" { return forwarded }
        return request.isSecure ? "https" : "http"
    }

    private func host(of request: HTTPRequest) -> String? {
        let candidates = [
            forwardedParameter("host", request), first("X-Forwarded-Host", request),
            request.headers.first(name: "Host"),
        ]
        return candidates.compactMap { $0 }.first(where: Self.isHost)
    }

    /// A name or an address, in brackets if it is IPv6, and perhaps a port: what a client sends must not break out of a
    /// header, and what it gets back must be a URL.
    private static func isHost(_ text: String) -> Bool {
        var rest = text.utf8[...]
        guard rest.count <= 256 else { return false }
        if rest.first == UInt8(ascii: "[") {
            let address = rest.dropFirst().prefix { $0 != UInt8(ascii: "]") }
            guard address.contains(UInt8(ascii: ":")), address.allSatisfy(isAddressByte) else { return false }
            rest = rest[address.endIndex...]
            guard rest.popFirst() != nil else { return false }
        } else {
            let name = rest.prefix(while: isNameByte)
            guard !name.isEmpty else { return false }
            rest = rest[name.endIndex...]
        }
        guard let colon = rest.popFirst() else { return true }
        let isNumber = rest.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return colon == UInt8(ascii: ":") && isNumber && UInt16(Substring(rest)) != nil
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }

    private static func isAddressByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "f"), UInt8(ascii: "A")...UInt8(ascii: "F"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: ":"):
            true
        default: false
        }
    }

    private func first(_ name: String, _ request: HTTPRequest) -> String? {
        guard let value = request.headers.first(name: name) else { return nil }
        return trimmed(value.prefix { $0 != "," })
    }

    private func forwardedParameter(_ name: String, _ request: HTTPRequest) -> String? {
        guard let value = request.headers.first(name: "Forwarded") else { return nil }
        for pair in value.prefix(while: { $0 != "," }).split(separator: ";") {
            let parts = pair.split(separator: "=", maxSplits: 1)
            guard parts.count == 2, trimmed(parts[0]).lowercased() == name else { continue }
            let text = trimmed(parts[1])
            return text.hasPrefix("\"") && text.hasSuffix("\"") && text.count >= 2
                ? String(text.dropFirst().dropLast()) : text
        }
        return nil
    }

    private func trimmed(_ text: some StringProtocol) -> String {
        String(text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    }
}
