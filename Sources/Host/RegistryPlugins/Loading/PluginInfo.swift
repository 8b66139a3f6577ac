import FoundationEssentials

/// What a plugin says of itself: its `info_json`.
public struct PluginInfo: Sendable, Hashable, Decodable {
    /// Something a configuration can name.
    public struct Component: Sendable, Hashable, Decodable {
        /// The name that configurations use.
        public var name: String
        /// The role of its instances, such as `moor.storage/1`.
        public var interface: String
    }

    /// The plugin's name.
    public var name: String
    /// Its version.
    public var version: String
    /// An SPDX expression, if it says.
    public var license: String?
    /// What it offers.
    public var components: [Component]

    init(json: [UInt8], plugin: String) throws(PluginError) {
        do {
            self = try JSONDecoder().decode(PluginInfo.self, from: Data(json))
        } catch {
            throw PluginError(.infoJSON, plugin: plugin, "its info_json is not what it should be: \(error)")
        }
        guard !name.isEmpty, !components.isEmpty, components.allSatisfy({ !$0.name.isEmpty && !$0.interface.isEmpty })
        else {
            throw PluginError(.infoJSON, plugin: plugin, "its info_json lacks a name or a component")
        }
    }
}
