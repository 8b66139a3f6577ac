import Logging
import Synchronization

/// Where all loggers of one configuration meet: the level, the format, the descriptor.
final class LogOutput: Sendable {
    private let format: LogFormat
    private let maximumLineLength: Int
    private let currentLevel: Atomic<Int>
    private let second = Mutex(SecondText(.rfc3339))
    private let lines: LineQueue

    init(_ configuration: LogConfiguration) {
        let format = configuration.format
        self.format = format
        maximumLineLength = configuration.maximumLineLength
        currentLevel = Atomic(configuration.level.rank)
        lines = LineQueue(descriptor: OutputDescriptor(number: configuration.descriptor)) { dropped in
            let now = Timestamp.now
            var text = SecondText(.rfc3339)
            var line = LogLine(format, limit: 4096)
            line.begin(
                second: text(now.seconds), nanoseconds: now.nanoseconds, level: .warning,
                message: "log lines were dropped: the reader of the log did not keep up")
            line.field("lines", .stringConvertible(dropped))
            line.end()
            return line.bytes
        }
    }

    var level: Logger.Level {
        get { Logger.Level(rank: currentLevel.load(ordering: .relaxed)) }
        set { currentLevel.store(newValue.rank, ordering: .relaxed) }
    }

    var lostLines: Int { lines.lostLines }

    func flush(within seconds: Double) -> Bool { lines.flush(within: seconds) }

    func write(_ event: LogEvent, _ metadata: Logger.Metadata) {
        let now = Timestamp.now
        var line = LogLine(format, limit: maximumLineLength)
        line.begin(
            second: second.withLock { $0(now.seconds) }, nanoseconds: now.nanoseconds, level: event.level,
            message: event.message.description)
        if let error = event.error { line.field("error", .string("\(error)")) }
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { line.field(key, value) }
        line.end()
        lines.write(line.bytes)
    }
}

extension Logger.Level {
    /// A number for the level; `allCases` would build an array at each call.
    fileprivate var rank: Int {
        switch self {
        case .trace: 0
        case .debug: 1
        case .info: 2
        case .notice: 3
        case .warning: 4
        case .error: 5
        case .critical: 6
        }
    }

    fileprivate init(rank: Int) {
        self =
            switch rank {
            case 0: .trace
            case 1: .debug
            case 2: .info
            case 3: .notice
            case 4: .warning
            case 5: .error
            default: .critical
            }
    }
}
