public import PluginABI
import PluginKit

let definition = PluginDefinition(
    name: "middleware-cloudfront", version: "1.0.0", license: "Apache-2.0",
    components: [
        .middleware("cloudfront", schema: CloudFrontOptions.schema) {
            (options: CloudFrontOptions, context, inner) throws(PluginError) in
            try CloudFrontMiddleware(options, context, inner)
        }
    ])

// swift-format-ignore: AlwaysUseLowerCamelCase
/// The one symbol of the plugin.
@c @implementation
public func moor_plugin_entry(
    _ host: UnsafePointer<moor_host>, _ out: UnsafeMutablePointer<moor_plugin>
) -> moor_code { definition.enter(host, out) }
