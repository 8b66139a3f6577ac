// swift-format-ignore-file
import PluginABI
import PluginKit

final class KeepTags: StorageMiddleware, @unchecked Sendable {  // it has no state of its own
    override func remove(_ path: String, tree: Bool, _ call: CallContext) async throws {
        if path.contains("/_manifests/tags/") { throw PluginError(.unsupported, "tags are kept", noEffect: true) }
        try await inner.remove(path, tree: tree, call)
    }
}
let schema = #"{"type":"object","additionalProperties":false}"#
let plugin = PluginDefinition(
    name: "keep-tags", version: "1.0.0", license: "MIT",
    components: [.middleware("keep-tags", schema: schema) { (_: [String: Int], _, inner) in KeepTags(inner) }])
@c @implementation public func moor_plugin_entry(
    _ host: UnsafePointer<moor_host>, _ out: UnsafeMutablePointer<moor_plugin>
) -> moor_code { plugin.enter(host, out) }
