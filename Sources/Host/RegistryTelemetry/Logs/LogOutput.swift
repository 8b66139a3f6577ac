import Logging
import Synchronization

/// Where all loggers of one configuration meet: the level, the format, the descriptor.
final class LogOutput: Sendable {
    private let format: LogFormat
    private let maximumLineLength: Int
    private let descriptor: OutputDescriptor
    private let currentLevel: Atomic<Int>
    private let lost = Atomic<Int>(0)
    private let second = Mutex(SecondText(.rfc3339))
    /// Keeps lines whole where one call to the system does not take a line.
    private let turn = Mutex(())

    init(_ configuration: LogConfiguration) {
        format = configuration.format
        maximumLineLength = configuration.maximumLineLength
        descriptor = OutputDescriptor(number: configuration.descriptor)
        currentLevel = Atomic(configuration.level.rank)
    }

    var level: Logger.Level {
        get { Logger.Level(rank: currentLevel.load(ordering: .relaxed)) }
        set { currentLevel.store(newValue.rank, ordering: .relaxed) }
    }

    var lostLines: Int { lost.load(ordering: .relaxed) }

    func write(_ event: LogEvent, _ metadata: Logger.Metadata) {
        let now = Timestamp.now
        var line = LogLine(format, limit: maximumLineLength)
        line.begin(
            second: second.withLock { $0(now.seconds) }, nanoseconds: now.nanoseconds, level: event.level,
            message: event.message.description)
        if let error = event.error { line.field("error", .string("\(error)")) }
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { line.field(key, value) }
        line.end()
        if !turn.withLock({ _ in descriptor.write(line.bytes) }) { lost.add(1, ordering: .relaxed) }
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
