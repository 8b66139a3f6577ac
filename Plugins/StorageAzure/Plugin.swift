import ObjectStoreKit
public import PluginABI
import PluginKit

let definition = PluginDefinition(
    name: "storage-azure", version: "1.0.0", license: "Apache-2.0",
    components: [
        .storage("azure", schema: AzureOptions.schema) {
            (options: AzureOptions, context) throws(PluginError) in
            do throws(StoreError) {
                return try AzureDriver(options, host: context.host)
            } catch {
                throw error.pluginError
            }
        }
    ])

// swift-format-ignore: AlwaysUseLowerCamelCase
/// The one symbol of the plugin.
@c @implementation
public func moor_plugin_entry(
    _ host: UnsafePointer<moor_host>, _ out: UnsafeMutablePointer<moor_plugin>
) -> moor_code { definition.enter(host, out) }
