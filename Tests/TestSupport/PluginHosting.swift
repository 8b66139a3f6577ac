public import Logging
public import RegistryPlugins
public import RegistryTelemetry
import Synchronization

extension PluginHost {
    /// A host that looks in the given places only, and says nothing unless a logger is given.
    public static func forTests(
        files: [String] = [], directories: [String] = [], timeouts: PluginTimeouts = PluginTimeouts(),
        logger: Logger = .silent, metrics: MetricsStore = MetricsStore()
    ) -> PluginHost {
        PluginHost(
            product: "mooring-tests", version: "1.0.0",
            search: PluginSearch(directories: directories, files: files.map { PluginSearch.File(path: $0) }),
            timeouts: timeouts, logger: logger, metrics: metrics)
    }
}

extension Logger {
    /// Writes nothing.
    public static let silent = Logger(label: "tests") { _ in SwiftLogNoOpLogHandler() }
}

/// What was logged, for tests that look at it.
public final class LogRecord: Sendable {
    /// One line.
    public struct Line: Sendable {
        /// How important it is.
        public let level: Logger.Level
        /// The text.
        public let message: String
        /// The fields, as text.
        public let fields: [String: String]
    }

    private let recorded = Mutex<[Line]>([])

    /// An empty record.
    public init() {}

    /// The lines so far.
    public var lines: [Line] { recorded.withLock { $0 } }

    /// A logger that writes here, every level.
    public var logger: Logger {
        Logger(label: "tests") { _ in RecordingHandler(record: self) }
    }

    fileprivate func add(_ line: Line) { recorded.withLock { $0.append(line) } }
}

private struct RecordingHandler: LogHandler {
    let record: LogRecord
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .trace

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let fields = metadata.merging(event.metadata ?? [:]) { $1 }.mapValues { "\($0)" }
        record.add(.init(level: event.level, message: "\(event.message)", fields: fields))
    }
}
