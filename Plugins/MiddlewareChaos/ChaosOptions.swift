import PluginKit

/// The configuration of `chaos`.
struct ChaosOptions: Decodable, Sendable {
    /// Where the sequence of chances begins.
    var seed: UInt64 = 1
    /// What goes wrong, each by a chance of its own, in the order given.
    let rules: [ChaosRule]

    private enum CodingKeys: String, CodingKey { case seed, rules }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        if let given = try container.decodeIfPresent(FlexibleInteger.self, forKey: .seed) {
            seed = UInt64(bitPattern: Int64(given.value))
        }
        rules = try container.decode([ChaosRule].self, forKey: .rules)
        if rules.isEmpty { throw PluginError.config(key: "rules", "there are none, so nothing would go wrong") }
    }

    static let schema = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "chaos",
          "description": "Makes storage calls slow or fail, for tests and drills.",
          "type": "object",
          "additionalProperties": false,
          "required": ["rules"],
          "properties": {
            "seed": {
              "title": "Seed", "description": "Where the sequence of chances begins.",
              "type": ["integer", "string"], "pattern": "^-?[0-9]{1,18}$", "default": 1
            },
            "rules": {
              "title": "Rules", "description": "What goes wrong, each by a chance of its own.",
              "type": "array",
              "items": {
                "type": "object",
                "additionalProperties": false,
                "required": ["fault", "rate"],
                "properties": {
                  "fault": {
                    "description": "What happens.",
                    "type": "string", "enum": ["error", "lost", "latency", "short", "truncate", "torn"]
                  },
                  "rate": {
                    "description": "Of so many calls: 0.05 is one in twenty.",
                    "type": "number", "minimum": 0, "maximum": 1
                  },
                  "operations": {
                    "description": "To which operations; without: to all that the fault fits.",
                    "type": "array", "items": {"type": "string"}
                  },
                  "path": {
                    "description": "Only to paths that hold this text.", "type": "string", "examples": ["/_uploads/"]
                  },
                  "code": {
                    "description": "The class of the error.",
                    "type": "string",
                    "enum": ["unavailable", "throttled", "timeout", "permission", "nospace", "internal"],
                    "default": "unavailable"
                  },
                  "retryafter": {
                    "description": "When the error says to come again.", "type": "string", "examples": ["2s"]
                  },
                  "latency": {
                    "description": "How long a call waits.", "type": "string", "examples": ["2s"]
                  }
                }
              }
            }
          }
        }
        """#
}
