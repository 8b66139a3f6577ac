public import PluginABI
import PluginKit

let definition = PluginDefinition(
    name: "storage-gcs", version: "1.0.0", license: "Apache-2.0",
    components: [
        .storage("gcs", schema: GCSOptions.schema) { (options: GCSOptions, context) throws(PluginError) in
            GCSDriver(options, context)
        }
    ])

// swift-format-ignore: AlwaysUseLowerCamelCase
/// The one symbol of the plugin.
@c @implementation
public func moor_plugin_entry(
    _ host: UnsafePointer<moor_host>, _ out: UnsafeMutablePointer<moor_plugin>
) -> moor_code { definition.enter(host, out) }
