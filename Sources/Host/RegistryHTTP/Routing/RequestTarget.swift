/// A request target in its parts: the path, decoded, and the query's parameters.
struct RequestTarget: Sendable {
    /// Percent-decoded; nil if it isn't UTF-8 then.
    let path: String?
    /// Whatever precedes the API's path in the undecoded path, kept for URLs that are sent back.
    let rawPath: Substring
    private let query: Substring

    init(_ target: String) {
        if Self.isPlainPath(target) {
            // The common case: nothing is copied.
            (path, rawPath, query) = (target, target[...], "")
            return
        }
        // The absolute form, as proxies send it: only the path counts.
        var rest = target[...]
        if rest.utf8.first != UInt8(ascii: "/"), let scheme = rest.firstRange(of: "://") {
            rest = rest[scheme.upperBound...].drop { $0 != "/" }
        }
        let utf8 = rest.utf8
        let end = utf8.firstIndex { $0 == UInt8(ascii: "?") || $0 == UInt8(ascii: "#") } ?? rest.endIndex
        rawPath = rest[..<end]
        query =
            end < rest.endIndex && rest[end] == "?" ? rest[utf8.index(after: end)...].prefix { $0 != "#" } : ""
        path = Self.decoded(rawPath, plusIsSpace: false)
    }

    /// Whether a target is a path alone, without escapes.
    private static func isPlainPath(_ target: String) -> Bool {
        let bytes = target.utf8.span
        guard bytes.count > 0, bytes[0] == UInt8(ascii: "/") else { return false }
        for index in 1..<bytes.count {
            switch bytes[index] {
            case UInt8(ascii: "?"), UInt8(ascii: "#"), UInt8(ascii: "%"): return false
            default: break
            }
        }
        return true
    }

    /// The first value of a parameter.
    subscript(name: String) -> String? { values(of: name).first }

    /// All values of a parameter.
    func values(of name: String) -> [String] {
        guard !query.isEmpty else { return [] }
        return query.split(separator: "&").compactMap { pair in
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let key = parts.first.flatMap({ Self.decoded($0, plusIsSpace: true) }), key == name else {
                return nil
            }
            return parts.count > 1 ? Self.decoded(parts[1], plusIsSpace: true) : ""
        }
    }

    /// The target with a slash more or less at the end of its path, if only so it is a route; nil if it is one as it is.
    func withOtherEnd(prefix: String) -> String? {
        let hasSlash = rawPath.utf8.last == UInt8(ascii: "/")
        guard let path, hasSlash || path.hasSuffix("v2") || path.hasSuffix("/uploads") else { return nil }
        switch RegistryRoute(path: path, prefix: prefix) {
        case .base where !hasSlash, .uploads where !hasSlash: break
        case nil where hasSlash:
            guard RegistryRoute(path: String(path.dropLast()), prefix: prefix) != nil else { return nil }
        default: return nil
        }
        // It goes back in a header.
        guard rawPath.utf8.allSatisfy({ (0x21...0x7E).contains($0) }),
            query.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { return nil }
        return (hasSlash ? String(rawPath.dropLast()) : rawPath + "/") + (query.isEmpty ? "" : "?" + query)
    }

    private static func decoded(_ text: Substring, plusIsSpace: Bool) -> String? {
        let utf8 = text.utf8
        guard utf8.contains(where: { $0 == UInt8(ascii: "%") || (plusIsSpace && $0 == UInt8(ascii: "+")) }) else {
            return String(text)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(utf8.count)
        var rest = utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "+"), plusIsSpace {
                bytes.append(UInt8(ascii: " "))
            } else if byte == UInt8(ascii: "%") {
                guard let high = rest.popFirst().flatMap(hexValue), let low = rest.popFirst().flatMap(hexValue) else {
                    return nil
                }
                bytes.append(high << 4 | low)
            } else {
                bytes.append(byte)
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexValue(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// A value for a query: everything but unreserved characters encoded.
    static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        var result = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
                UInt8(ascii: "~"):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                result += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
        return result
    }
}
