import PluginKit

/// The configuration of `redirect`, as Distribution's.
struct RedirectOptions: Decodable, Sendable {
    /// Scheme, host and path, without a `/` at the end: what goes before the path of an object.
    let base: String

    private enum CodingKeys: String, CodingKey {
        case baseURL = "baseurl"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        let text = try container.decode(String.self, forKey: .baseURL)
        guard var url = URLParts(text), url.scheme == "http" || url.scheme == "https" else {
            throw PluginError.config(key: "baseurl", "no URL such as https://mirror.example.com/registry")
        }
        guard url.suffix.isEmpty else {
            throw PluginError.config(key: "baseurl", "a query can't stand before the path of an object")
        }
        while url.path.hasSuffix("/") { url.path.removeLast() }
        base = url.text
    }

    static let schema = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "redirect",
          "description": "Sends pulls of blobs to a server that has the same objects under the same paths.",
          "type": "object",
          "additionalProperties": false,
          "required": ["baseurl"],
          "properties": {
            "baseurl": {
              "title": "Base URL",
              "description": "What goes before the path of an object: scheme, host and, if need be, a path.",
              "type": "string", "minLength": 1, "examples": ["https://mirror.example.com/registry"]
            }
          }
        }
        """#
}
