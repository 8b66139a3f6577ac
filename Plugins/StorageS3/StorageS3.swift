public import PluginABI
import PluginKit

/// Distribution knows the driver by two names.
private let definition = PluginDefinition(
    name: "storage-s3", version: "1.0.0", license: "Apache-2.0",
    components: ["s3", "s3aws"].map { name in
        .storage(name, schema: S3Schema.text) { (options: S3Options, context) throws(PluginError) in
            try S3Driver(options, context)
        }
    })

// swift-format-ignore: AlwaysUseLowerCamelCase
/// The one symbol of the plugin.
@c @implementation
public func moor_plugin_entry(
    _ host: UnsafePointer<moor_host>, _ out: UnsafeMutablePointer<moor_plugin>
) -> moor_code { definition.enter(host, out) }
