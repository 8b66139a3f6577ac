/// The addresses that Amazon publishes as its own (`ip-ranges.json`).
public enum AWSAddressRanges {
    private struct Document: Decodable {
        struct Network: Decodable {
            let prefix: String?
            let prefix6: String?
            let region: String

            private enum CodingKeys: String, CodingKey {
                case region
                case prefix = "ip_prefix"
                case prefix6 = "ipv6_prefix"
            }
        }

        let prefixes: [Network]
        let prefixes6: [Network]?

        private enum CodingKeys: String, CodingKey {
            case prefixes
            case prefixes6 = "ipv6_prefixes"
        }
    }

    /// Reads the document.
    /// - Parameter regions: of which regions; nil: of all.
    /// - Throws: `.corrupt` if it is another document, or holds no network of these regions.
    public static func parse(_ body: SharedBytes, regions: Set<String>?) throws(StoreError) -> AddressSet {
        let document = try JSON.decode(Document.self, body)
        var addresses = AddressSet()
        for network in document.prefixes + (document.prefixes6 ?? [])
        where regions?.contains(network.region.lowercased()) ?? true {
            guard let prefix = network.prefix ?? network.prefix6, addresses.insert(prefix) else {
                throw StoreError(.corrupt, "the list of address ranges holds what is no network", cause: .response)
            }
        }
        guard addresses.count > 0 else {
            throw StoreError(.corrupt, "the list of address ranges names none of these regions", cause: .response)
        }
        return addresses
    }
}
