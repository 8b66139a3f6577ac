/// The variables that Kubernetes and Docker links put into each container for every service near it. A service called
/// `registry-auth` yields `REGISTRY_AUTH_PORT=tcp://…`, which nobody meant as configuration.
enum ServiceLink {
    static func matches(name: String, value: String) -> Bool {
        let parts = name.uppercased().split(separator: "_", omittingEmptySubsequences: false).map(String.init)
        guard let last = parts.last else { return false }
        if let service = parts.lastIndex(of: "SERVICE"), service + 1 < parts.count {
            if parts[service + 1] == "HOST" && service + 2 == parts.count { return true }
            // `_SERVICE_PORT` and `_SERVICE_PORT_<name of the port>`.
            if parts[service + 1] == "PORT" { return true }
        }
        if last == "PORT", protocols.contains(where: { value.lowercased().hasPrefix($0 + "://") }) { return true }
        return isPortDetail(parts)
    }

    private static let protocols = ["tcp", "udp", "sctp"]

    /// `…_PORT_5000_TCP` and `…_PORT_5000_TCP_{PROTO,PORT,ADDR}`.
    private static func isPortDetail(_ parts: [String]) -> Bool {
        var parts = parts[...]
        if let last = parts.last, ["PROTO", "PORT", "ADDR"].contains(last) { parts.removeLast() }
        guard let kind = parts.popLast(), protocols.contains(kind.lowercased()) else { return false }
        guard let number = parts.popLast(), !number.isEmpty, number.utf8.allSatisfy({ (0x30...0x39).contains($0) })
        else {
            return false
        }
        return parts.last == "PORT"
    }
}
