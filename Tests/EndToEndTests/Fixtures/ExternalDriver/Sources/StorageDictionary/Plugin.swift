import PluginABI
import PluginKit

private struct Options: Decodable, Sendable {
    var motto: String
}

private let schema = """
    {"type":"object","properties":{"motto":{"type":"string","description":"Any text."}},
    "required":["motto"],"additionalProperties":false}
    """

private let definition = PluginDefinition(
    name: "storage-dictionary", version: "0.1.0", license: "MIT",
    components: [
        .storage("dictionary", .inline, schema: schema) { (_: Options, _) in DictionaryDriver() }
    ])

// swift-format-ignore: AlwaysUseLowerCamelCase
/// The one symbol that the library exports; the header prescribes its name.
@c @implementation
public func moor_plugin_entry(
    _ host: UnsafePointer<moor_host>, _ out: UnsafeMutablePointer<moor_plugin>
) -> moor_code { definition.enter(host, out) }
