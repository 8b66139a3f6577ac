import PluginKit

/// The configuration of `rewrite`, as Distribution's; what isn't given stays as the driver wrote it.
struct RewriteOptions: Decodable, Sendable {
    /// Replaces the scheme.
    var scheme = ""
    /// Replaces host and port.
    var host = ""
    /// Cut off the path, where it begins so.
    var trimPathPrefix = ""

    private enum CodingKeys: String, CodingKey {
        case scheme, host
        case trimPathPrefix = "trimpathprefix"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        scheme = try container.decodeIfPresent(String.self, forKey: .scheme) ?? ""
        host = try container.decodeIfPresent(String.self, forKey: .host) ?? ""
        trimPathPrefix = try container.decodeIfPresent(String.self, forKey: .trimPathPrefix) ?? ""
        guard scheme.isEmpty || URLParts.isScheme(scheme) else {
            throw PluginError.config(key: "scheme", "no scheme such as https")
        }
        // What stands alone between scheme and path.
        guard host.isEmpty || URLParts("https://\(host)").map({ $0.authority == host }) == true else {
            throw PluginError.config(key: "host", "no host such as cdn.example.com or cdn.example.com:8443")
        }
    }

    /// Changes a URL.
    func apply(to url: inout URLParts) {
        if !scheme.isEmpty { url.scheme = scheme }
        if !host.isEmpty { url.authority = host }
        guard !trimPathPrefix.isEmpty, url.path.hasPrefix(trimPathPrefix) else { return }
        url.path = String(url.path.dropFirst(trimPathPrefix.count))
        if !url.path.hasPrefix("/") { url.path = "/" + url.path }
    }

    static let schema = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "rewrite",
          "description": "Changes the URLs that the storage driver sends clients to.",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "scheme": {
              "title": "Scheme", "description": "Replaces the scheme.", "type": "string", "examples": ["https"]
            },
            "host": {
              "title": "Host", "description": "Replaces host and port.", "type": "string",
              "examples": ["cdn.example.com"]
            },
            "trimpathprefix": {
              "title": "Prefix to cut off", "description": "Is cut off the path, where it begins so.",
              "type": "string", "examples": ["/bucket"]
            }
          }
        }
        """#
}
