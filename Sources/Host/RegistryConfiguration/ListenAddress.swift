/// Where a server listens.
public enum ListenAddress: Sendable, Equatable, CustomStringConvertible {
    /// A TCP port; 0 lets the system choose one. Without a host, all addresses.
    case tcp(host: String?, port: Int)
    /// A Unix domain socket.
    case unix(path: String)

    /// Reads `host:port`, `:port` or `[IPv6]:port`, as Go's `net.Listen` takes them. Nil if it is none of these.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":") else { return nil }
        let digits = text[text.index(after: colon)...]
        guard (1...5).contains(digits.utf8.count), digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else {
            return nil
        }
        guard let port = Int(digits), port <= 65535 else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("[") {
            guard host.hasSuffix("]"), host.count > 2, host.contains(":") else { return nil }
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        let isClean = host.unicodeScalars.allSatisfy {
            $0.value > 0x20 && $0.value < 0x7F && !"/[]@".contains(Character($0))
        }
        guard isClean else { return nil }
        self = .tcp(host: host.isEmpty ? nil : String(host), port: port)
    }

    /// The address as it is written in the file.
    public var description: String {
        switch self {
        case .tcp(let host?, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .tcp(nil, let port): ":\(port)"
        case .unix(let path): path
        }
    }
}
