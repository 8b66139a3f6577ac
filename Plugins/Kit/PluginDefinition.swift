public import PluginABI

/// A plugin: its name and what it offers. The whole entry of a Swift plugin is
///
/// ```swift
/// let definition = PluginDefinition(name: "storage-example", version: "1.0.0", license: "Apache-2.0",
///     components: [.storage("example", schema: schema) { (options: Options, _) in ExampleDriver(options) }])
///
/// @c @implementation
/// public func moor_plugin_entry(
///     _ host: UnsafePointer<moor_host>, _ out: UnsafeMutablePointer<moor_plugin>
/// ) -> moor_code { definition.enter(host, out) }
/// ```
public struct PluginDefinition: Sendable {
    let name: String
    let version: String
    let license: String
    let components: [Component]

    /// A plugin. `name`: lower-case words and hyphens. `version`: semantic. `license`: an SPDX expression.
    public init(name: String, version: String, license: String, components: [Component]) {
        self.name = name
        self.version = version
        self.license = license
        self.components = components
    }

    /// The body of `moor_plugin_entry`.
    public func enter(
        _ host: UnsafePointer<moor_host>, _ out: UnsafeMutablePointer<moor_plugin>
    ) -> moor_code {
        guard host.pointee.struct_size >= UInt32(MemoryLayout<moor_host>.size),
            host.pointee.abi_rev >> 16 == MOOR_ABI_MAJOR
        else { return moor_code(MOOR_E_VERSION) }
        let plugin = Plugin(self, host: Host(host))
        var table = moor_plugin()
        table.abi_rev = MOOR_ABI_REV
        table.info_json = PluginDefinition.permanent(info)
        table.obj = Unmanaged.passRetained(plugin).toOpaque()
        table.get_interface = pluginInterface
        table.teardown = { obj in if let obj { Unmanaged<Plugin>.fromOpaque(obj).release() } }
        guard fillTable(out, from: table) else {
            Unmanaged.passUnretained(plugin).release()
            return moor_code(MOOR_E_VERSION)
        }
        return moor_code(MOOR_OK)
    }

    /// What the host reads about the plugin.
    private var info: String {
        let list = components.map {
            "{\"name\":\(JSONText.quote($0.name)),\"interface\":\(JSONText.quote($0.interface))}"
        }
        return "{\"name\":\(JSONText.quote(name)),\"version\":\(JSONText.quote(version)),"
            + "\"license\":\(JSONText.quote(license)),\"components\":[\(list.joined(separator: ","))]}"
    }

    /// A copy that is never freed: the ABI wants static storage, and the entry is called once per loaded file.
    private static func permanent(_ text: String) -> moor_bytes {
        let bytes = Array(text.utf8)
        let memory = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: bytes.count)
        _ = memory.initialize(from: bytes)
        return moor_bytes(UnsafeBufferPointer(memory))
    }
}

/// What `moor_plugin.obj` and `moor_factory.obj` stand for; lives until teardown.
final class Plugin: Sendable {
    let definition: PluginDefinition
    let host: Host

    init(_ definition: PluginDefinition, host: Host) {
        self.definition = definition
        self.host = host
    }

    func component(_ name: moor_str) -> Component? {
        definition.components.first { $0.name.utf8.elementsEqual(name.bytes) }
    }

    static func from(_ obj: UnsafeMutableRawPointer?) -> Plugin? {
        obj.map { Unmanaged<Plugin>.fromOpaque($0).takeUnretainedValue() }
    }
}

/// Whether an interface id is this one, to the letter.
func isInterface(_ id: moor_str, _ name: String) -> Bool { name.utf8.elementsEqual(id.bytes) }

private func pluginInterface(
    _ obj: UnsafeMutableRawPointer?, _ id: moor_str, _ out: UnsafeMutableRawPointer
) -> moor_code {
    guard isInterface(id, MOOR_IF_FACTORY) else { return moor_code(MOOR_E_UNSUPPORTED) }
    return fillTable(out, from: factoryTable(obj)) ? moor_code(MOOR_OK) : moor_code(MOOR_E_VERSION)
}
