public import PluginABI
import PluginKit

let definition = PluginDefinition(
    name: "middleware-redirect", version: "1.0.0", license: "Apache-2.0",
    components: [
        .middleware("redirect", schema: RedirectOptions.schema) { (options: RedirectOptions, _, inner) in
            RedirectMiddleware(options, inner)
        }
    ])

// swift-format-ignore: AlwaysUseLowerCamelCase
/// The one symbol of the plugin.
@c @implementation
public func moor_plugin_entry(
    _ host: UnsafePointer<moor_host>, _ out: UnsafeMutablePointer<moor_plugin>
) -> moor_code { definition.enter(host, out) }
