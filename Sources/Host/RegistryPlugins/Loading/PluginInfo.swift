/// What a plugin says of itself: its `info_json`.
public struct PluginInfo: Sendable, Hashable {
    /// Something a configuration can name.
    public struct Component: Sendable, Hashable {
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
        func wrong(_ what: String) -> PluginError {
            PluginError(.infoJSON, plugin: plugin, "its info_json is not what it should be: \(what)")
        }
        let value: JSONValue
        do {
            value = try JSONValue(parsing: json)
        } catch {
            throw wrong("\(error)")
        }
        guard let members = value.object else { throw wrong("it is no object") }
        guard let name = members["name"]?.string, !name.isEmpty else { throw wrong("it has no name") }
        guard let version = members["version"]?.string else { throw wrong("it has no version") }
        guard let list = members["components"]?.array, !list.isEmpty else { throw wrong("it lists no components") }
        self.name = name
        self.version = version
        switch members["license"] {
        case .none, .null: license = nil
        case .string(let text): license = text
        default: throw wrong("its license is no text")
        }
        components = []
        for item in list {
            guard let component = Component(item) else { throw wrong("a component lacks its name or its interface") }
            components.append(component)
        }
    }
}

extension PluginInfo.Component {
    fileprivate init?(_ value: JSONValue) {
        guard let members = value.object, let name = members["name"]?.string,
            let interface = members["interface"]?.string, !name.isEmpty, !interface.isEmpty
        else { return nil }
        self.init(name: name, interface: interface)
    }
}
