public import Logging

/// Writes log lines in the formats of Distribution. Made by ``RegistryLogging``.
public struct RegistryLogHandler: LogHandler {
    private let output: LogOutput
    private var ownLevel: Logger.Level?

    /// Fields of every line of this logger.
    public var metadata: Logger.Metadata
    /// Fields of the moment.
    public var metadataProvider: Logger.MetadataProvider?

    init(_ output: LogOutput, fields: Logger.Metadata) {
        self.output = output
        metadata = fields
    }

    /// The level below which nothing is written: that of the configuration, as it is now, unless this logger was given
    /// its own.
    public var logLevel: Logger.Level {
        get { ownLevel ?? output.level }
        set { ownLevel = newValue }
    }

    /// One field of every line of this logger.
    public subscript(metadataKey key: String) -> Logger.MetadataValue? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    /// Writes one line.
    public func log(event: LogEvent) {
        var fields = metadata
        if let provided = metadataProvider?.get(), !provided.isEmpty { fields.merge(provided) { $1 } }
        if let own = event.metadata, !own.isEmpty { fields.merge(own) { $1 } }
        output.write(event, fields)
    }
}
