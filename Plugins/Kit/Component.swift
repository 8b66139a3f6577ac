import PluginABI

/// Something a plugin offers under a name that configurations use: a storage driver or a middleware.
public struct Component: Sendable {
    /// How the methods of a blocking driver want to be called.
    public enum Execution: Sendable {
        /// On worker threads, because they may block.
        case blocking
        /// As `blocking`, but reading an object's status or content is tried on an event loop first: the driver asks
        /// `CallContext.mustNotWait` and throws `.wouldWait` where it can't answer from memory.
        case blockingUnlessCached
        /// Anywhere, also on an event loop, because they return within microseconds.
        case inline

        var flags: UInt32 {
            switch self {
            case .blocking: MOOR_EXEC_BLOCKING
            case .blockingUnlessCached: MOOR_EXEC_BLOCKING | MOOR_EXEC_NOWAIT
            case .inline: MOOR_EXEC_INLINE
            }
        }
    }

    let name: String
    let interface: String
    let schema: String
    /// Looks at a configuration without any I/O; what it returns makes the instance.
    let configure: @Sendable (UnsafeRawBufferPointer) throws(PluginError) -> InstanceMaker
}

/// Makes an instance of a checked configuration.
typealias InstanceMaker = @Sendable (InstanceContext) throws(PluginError) -> Instance

/// What an instance is told when it is made.
public struct InstanceContext: Sendable {
    /// The name the host gave this instance, for log lines.
    public let name: String
    /// The host and its services.
    public let host: Host
}

extension Component {
    /// A storage driver that runs on the calling thread.
    ///
    /// `schema`: the JSON Schema of its configuration, with `"additionalProperties": false`. `make` does no I/O; that
    /// belongs into `start`. A wrong value is `PluginError.config`.
    public static func storage<Options: Decodable & Sendable>(
        _ name: String, _ execution: Execution, schema: String,
        make: @escaping @Sendable (Options, InstanceContext) throws(PluginError) -> any BlockingStorageDriver
    ) -> Component {
        Component(name: name, interface: MOOR_IF_STORAGE, schema: schema) { config throws(PluginError) in
            let options = try OptionsDecoder(schema: schema).decode(Options.self, from: config)
            return { context throws(PluginError) in
                BlockingInstance(try make(options, context), execution: execution.flags)
            }
        }
    }
}

extension Component {
    /// A storage driver whose methods are async. `schema` and `make` as above.
    public static func storage<Options: Decodable & Sendable>(
        _ name: String, schema: String,
        make: @escaping @Sendable (Options, InstanceContext) throws(PluginError) -> any StorageDriver
    ) -> Component {
        Component(name: name, interface: MOOR_IF_STORAGE, schema: schema) { config throws(PluginError) in
            let options = try OptionsDecoder(schema: schema).decode(Options.self, from: config)
            return { context throws(PluginError) in
                AsyncInstance(try make(options, context), host: context.host)
            }
        }
    }

    /// A storage around another one. `schema` and `make` as above; `make` is told what is wrapped.
    public static func middleware<Options: Decodable & Sendable>(
        _ name: String, schema: String,
        make: @escaping @Sendable (Options, InstanceContext, InnerStorage) throws(PluginError) -> StorageMiddleware
    ) -> Component {
        Component(name: name, interface: MOOR_IF_MIDDLEWARE, schema: schema) { config throws(PluginError) in
            let options = try OptionsDecoder(schema: schema).decode(Options.self, from: config)
            return { context throws(PluginError) in
                MiddlewareInstance(host: context.host) { inner throws(PluginError) in
                    try make(options, context, inner)
                }
            }
        }
    }
}
