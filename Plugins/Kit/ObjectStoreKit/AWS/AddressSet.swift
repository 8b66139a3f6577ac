import Glibc

/// Networks of IPv4 and IPv6, asked whether they hold an address. The cost depends on how many lengths of prefixes there
/// are, not on how many networks.
public struct AddressSet: Sendable {
    private var networks: [Length: Set<[UInt8]>] = [:]

    private struct Length: Hashable {
        let bytes: Int
        let bits: Int
    }

    /// None.
    public init() {}

    /// How many networks there are.
    public var count: Int { networks.values.reduce(0) { $0 + $1.count } }

    /// Adds a network such as `10.0.0.0/8` or `2001:db8::/32`; false: it is none.
    public mutating func insert(_ network: some StringProtocol) -> Bool {
        let parts = network.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let address = AddressSet.address(parts[0]), parts[1].utf8.count <= 3,
            parts[1].utf8.allSatisfy({ (48...57).contains($0) }), let bits = Int(parts[1]), bits <= address.count * 8
        else { return false }
        networks[Length(bytes: address.count, bits: bits), default: []].insert(AddressSet.masked(address, bits))
        return true
    }

    /// Whether an address, such as `10.1.2.3`, lies in one of the networks.
    public func contains(_ text: some StringProtocol) -> Bool {
        guard let address = AddressSet.address(text) else { return false }
        return networks.contains { length, set in
            length.bytes == address.count && set.contains(AddressSet.masked(address, length.bits))
        }
    }

    /// 4 or 16 bytes; an IPv4 address that is written as one of IPv6 counts as what it is.
    private static func address(_ text: some StringProtocol) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: 16)
        let text = String(text)
        if inet_pton(AF_INET, text, &bytes) == 1 { return Array(bytes[..<4]) }
        guard inet_pton(AF_INET6, text, &bytes) == 1 else { return nil }
        let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xFF && bytes[11] == 0xFF
        return isMapped ? Array(bytes[12...]) : bytes
    }

    private static func masked(_ address: [UInt8], _ bits: Int) -> [UInt8] {
        address.enumerated().map { index, byte in
            let kept = min(max(bits - index * 8, 0), 8)
            return byte & ~UInt8(truncatingIfNeeded: 0xFF >> kept)
        }
    }
}
