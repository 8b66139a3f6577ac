public import Logging

/// What log lines hold and where they go: the section `log` of the configuration.
public struct LogConfiguration: Sendable {
    /// Lines below it are not written.
    public var level: Logger.Level
    /// How lines look.
    public var format: LogFormat
    /// Fields of every line.
    public var fields: [String: String]
    /// The file descriptor that lines go to; it stays the caller's.
    public var descriptor: Int32
    /// Bytes of a line, at most; longer ones are cut and marked. At least 4096.
    public var maximumLineLength: Int

    /// The defaults: text of level `info` to standard error.
    public init(
        level: Logger.Level = .info, format: LogFormat = .text, fields: [String: String] = [:], descriptor: Int32 = 2,
        maximumLineLength: Int = 16 * 1024
    ) {
        self.level = level
        self.format = format
        self.fields = fields
        self.descriptor = descriptor
        self.maximumLineLength = max(4096, maximumLineLength)
    }
}

/// Makes loggers of one configuration, and changes the level of all of them while they are in use.
public final class RegistryLogging: Sendable {
    private let output: LogOutput
    private let fields: Logger.Metadata

    /// Prepares loggers; nothing is written yet.
    public init(_ configuration: LogConfiguration) {
        output = LogOutput(configuration)
        fields = configuration.fields.mapValues { .string($0) }
    }

    /// Prepares loggers and makes them what `Logger(label:)` gives in the whole process. Callable once in a process, as
    /// `LoggingSystem.bootstrap` is.
    @discardableResult
    public static func bootstrap(_ configuration: LogConfiguration) -> RegistryLogging {
        let logging = RegistryLogging(configuration)
        LoggingSystem.bootstrap { _ in logging.handler() }
        return logging
    }

    /// The level of all loggers that were not given their own. Setting it takes effect at once.
    public var level: Logger.Level {
        get { output.level }
        set { output.level = newValue }
    }

    /// Lines that were lost since the start: the descriptor failed, or its reader did not keep up.
    public var lostLines: Int { output.lostLines }

    /// Waits until lines that the descriptor did not take at once are written; for the end of the process.
    ///
    /// - Returns: whether that was done within the time.
    @discardableResult
    public func flush(within seconds: Double = 2) -> Bool { output.flush(within: seconds) }

    /// A logger, independent of the global bootstrap.
    public func logger(label: String) -> Logger { Logger(label: label) { _ in handler() } }

    /// A handler for `LoggingSystem.bootstrap` or `Logger(label:factory:)`.
    public func handler() -> RegistryLogHandler { RegistryLogHandler(output, fields: fields) }

    /// The level of a name as configurations write it, in any letter case; nothing for an unknown name.
    public static func level(named name: String) -> Logger.Level? {
        switch name.lowercased() {
        case "warn": .warning
        case "fatal", "panic": .critical
        case let name: Logger.Level(rawValue: name)
        }
    }
}
