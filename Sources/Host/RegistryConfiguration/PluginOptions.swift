/// Options for a plugin, as JSON, with the place of each.
public struct PluginOptions: Sendable, Equatable {
    /// A JSON object. May hold secrets: never print it.
    public var json: String
    /// Where each value comes from, keyed by JSON pointer (RFC 6901): `/credentials/type`.
    public var origins: [String: ConfigurationOrigin]
    /// The text of unquoted values that are not strings in the JSON. `accesskey: 0123` is the number 83 there; a host
    /// that knows that the plugin wants text can take `0123` instead.
    public var scalarTexts: [String: String]

    /// Makes options; without arguments, the empty object.
    public init(
        json: String = "{}", origins: [String: ConfigurationOrigin] = [:], scalarTexts: [String: String] = [:]
    ) {
        self.json = json
        self.origins = origins
        self.scalarTexts = scalarTexts
    }

    /// The place of a value, or of the nearest value around it.
    public func origin(at pointer: String) -> ConfigurationOrigin {
        var pointer = Substring(pointer)
        while true {
            if let origin = origins[String(pointer)] { return origin }
            guard let slash = pointer.lastIndex(of: "/") else { return origins[""] ?? .standard }
            pointer = pointer[..<slash]
        }
    }
}

/// A component of a plugin that the configuration asks for: a storage driver, a middleware, an auth backend.
public struct ComponentConfiguration: Sendable, Equatable {
    /// The name by which a plugin offers it, such as `filesystem`.
    public var name: String
    /// What it is told.
    public var options: PluginOptions
    /// Where it is named.
    public var origin: ConfigurationOrigin

    /// Makes a component's configuration.
    public init(name: String, options: PluginOptions = PluginOptions(), origin: ConfigurationOrigin = .standard) {
        self.name = name
        self.options = options
        self.origin = origin
    }
}
