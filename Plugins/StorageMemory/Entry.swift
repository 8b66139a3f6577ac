public import PluginABI
import PluginKit

/// The driver has no options.
struct MemoryOptions: Decodable, Sendable {
    static let schema = #"""
        {
          "$schema": "https://json-schema.org/draft/2020-12/schema",
          "title": "inmemory",
          "description": "Objects in memory, gone with the process. No options.",
          "type": "object",
          "additionalProperties": false,
          "properties": {}
        }
        """#
}

let definition = PluginDefinition(
    name: "storage-memory", version: "1.0.0", license: "Apache-2.0",
    components: [
        .storage("inmemory", .inline, schema: MemoryOptions.schema) { (_: MemoryOptions, _) in MemoryDriver() }
    ])

// swift-format-ignore: AlwaysUseLowerCamelCase
/// The one symbol of the plugin.
@c @implementation
public func moor_plugin_entry(
    _ host: UnsafePointer<moor_host>, _ out: UnsafeMutablePointer<moor_plugin>
) -> moor_code { definition.enter(host, out) }
