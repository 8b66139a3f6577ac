import Glibc
import ObjectStoreKit
import PluginKit

/// The configuration of `cloudfront`: Distribution's, and what cuts the bucket off a URL in path style.
struct CloudFrontOptions: Decodable, Sendable {
    /// Who is sent to the bucket itself: clients inside of Amazon's network pay nothing for that.
    enum AddressFilter: String, Sendable {
        case none, aws, awsregion
    }

    /// Scheme, host and path, without a `/` at the end.
    let base: String
    let signature: CloudFrontSignature
    let lifetimeSeconds: Int64
    let filter: AddressFilter
    /// In lower case; for `awsregion`.
    let regions: Set<String>
    let updateNanoseconds: Int64
    let ranges: (endpoint: Endpoint, path: String)
    let trimPathPrefix: String

    private enum CodingKeys: String, CodingKey {
        case baseURL = "baseurl"
        case privateKey = "privatekey"
        case keyPairID = "keypairid"
        case duration
        case ipFilteredBy = "ipfilteredby"
        case awsRegion = "awsregion"
        case updateFrequency = "updatefrequency"
        // As Distribution's documentation had it for years.
        case updateFrenquency = "updatefrenquency"
        case ipRangesURL = "iprangesurl"
        case trimPathPrefix = "trimpathprefix"
    }

    private typealias Container = KeyedDecodingContainer<CodingKeys>

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        base = try CloudFrontOptions.base(try container.decode(String.self, forKey: .baseURL))
        signature = try CloudFrontOptions.signature(container)
        let duration = try container.decodeIfPresent(FlexibleDuration.self, forKey: .duration)
        lifetimeSeconds = (duration?.nanoseconds ?? 1_200_000_000_000) / 1_000_000_000
        guard lifetimeSeconds > 0 else { throw PluginError.config(key: "duration", "less than a second") }
        (filter, regions) = try CloudFrontOptions.filter(container)
        let update =
            try container.decodeIfPresent(FlexibleDuration.self, forKey: .updateFrequency)
            ?? container.decodeIfPresent(FlexibleDuration.self, forKey: .updateFrenquency)
        updateNanoseconds = update?.nanoseconds ?? 43_200_000_000_000
        guard updateNanoseconds >= 60_000_000_000 else {
            throw PluginError.config(key: "updatefrequency", "less than a minute")
        }
        ranges = try CloudFrontOptions.ranges(
            try container.decodeIfPresent(String.self, forKey: .ipRangesURL)
                ?? "https://ip-ranges.amazonaws.com/ip-ranges.json")
        trimPathPrefix = try container.decodeIfPresent(String.self, forKey: .trimPathPrefix) ?? ""
    }

    private static func base(_ text: String) throws(PluginError) -> String {
        guard var url = URLParts(text.contains("://") ? text : "https://" + text), url.suffix.isEmpty,
            url.scheme == "https" || url.scheme == "http"
        else { throw .config(key: "baseurl", "no URL such as https://d111111abcdef8.cloudfront.net/") }
        while url.path.hasSuffix("/") { url.path.removeLast() }
        return url.text
    }

    private static func signature(_ container: Container) throws -> CloudFrontSignature {
        let id = try container.decode(String.self, forKey: .keyPairID)
        guard !id.isEmpty, id == PercentEncoding.component(id) else {
            throw PluginError.config(key: "keypairid", "no id of a key pair")
        }
        let path = try container.decode(String.self, forKey: .privateKey)
        do throws(StoreError) {
            return CloudFrontSignature(keyPairID: id, key: try RSAPrivateKey(pem: try file(path)))
        } catch {
            throw PluginError.config(key: "privatekey", "\(path): \(error.message)")
        }
    }

    /// The text of a file of at most 64 KiB.
    private static func file(_ path: String) throws(StoreError) -> String {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw StoreError(.config, String(cString: strerror(errno)), noEffect: true) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 64 << 10)
        var count = 0
        while count < bytes.count {
            let got = bytes.withUnsafeMutableBytes { room in
                read(descriptor, room.baseAddress.map { $0 + count }, room.count - count)
            }
            if got < 0, errno == EINTR { continue }
            guard got >= 0 else { throw StoreError(.config, String(cString: strerror(errno)), noEffect: true) }
            if got == 0 { break }
            count += got
        }
        return String(decoding: bytes[..<count], as: UTF8.self)
    }

    private static func filter(_ container: Container) throws -> (AddressFilter, Set<String>) {
        let name = try container.decodeIfPresent(String.self, forKey: .ipFilteredBy) ?? ""
        guard let filter = AddressFilter(rawValue: name.isEmpty ? "none" : name.lowercased()) else {
            throw PluginError.config(key: "ipfilteredby", "none of: none, aws, awsregion")
        }
        let list = try container.decodeIfPresent(String.self, forKey: .awsRegion) ?? ""
        let regions = list.split(separator: ",").map { $0.filter { $0 != " " }.lowercased() }.filter { !$0.isEmpty }
        guard filter != .awsregion || !regions.isEmpty else {
            throw PluginError.config(key: "awsregion", "ipfilteredby awsregion needs regions: us-east-1,us-west-2")
        }
        return (filter, Set(regions))
    }

    private static func ranges(_ text: String) throws(PluginError) -> (endpoint: Endpoint, path: String) {
        guard let (endpoint, path) = Endpoint.parse(text) else {
            throw .config(key: "iprangesurl", "no URL such as https://ip-ranges.amazonaws.com/ip-ranges.json")
        }
        return (endpoint, path.isEmpty ? "/" : path)
    }
}
