import PluginKit

/// The configuration of the driver; names and defaults are Distribution's.
struct FilesystemOptions: Decodable, Sendable {
    /// Where the objects lie; created if missing.
    var rootDirectory = "/var/lib/registry"
    /// The most operations at once.
    var maximumThreads = 100

    /// Lower values are raised to this.
    static let fewestThreads = 25

    enum CodingKeys: String, CodingKey {
        case rootDirectory = "rootdirectory"
        case maximumThreads = "maxthreads"
    }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if container.contains(.rootDirectory) {
            rootDirectory = try container.decode(String.self, forKey: .rootDirectory)
        }
        if rootDirectory.isEmpty || rootDirectory.utf8.contains(0) {
            throw PluginError.config(key: "rootdirectory", "not the path of a directory")
        }
        if container.contains(.maximumThreads) {
            let asked = try container.decode(FlexibleInteger.self, forKey: .maximumThreads).value
            maximumThreads = max(asked, FilesystemOptions.fewestThreads)
        }
        if maximumThreads > 65536 {
            throw PluginError.config(key: "maxthreads", "more than 65536")
        }
    }

    static let schema = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "filesystem",
          "description": "Objects as files below a directory.",
          "type": "object",
          "additionalProperties": false,
          "properties": {
            "rootdirectory": {
              "title": "Root directory",
              "description": "Where the objects lie. Created if it is missing.",
              "type": "string", "minLength": 1, "pattern": "^[^\\u0000]+$",
              "default": "/var/lib/registry", "examples": ["/srv/registry"]
            },
            "maxthreads": {
              "title": "Operations at once",
              "description": "The most operations that run at the same time. Less than 25 counts as 25.",
              "type": ["integer", "string"], "maximum": 65536, "pattern": "^-?[0-9]{1,9}$",
              "default": 100, "examples": [100]
            }
          }
        }
        """#
}
