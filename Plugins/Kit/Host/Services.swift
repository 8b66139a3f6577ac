import PluginABI

/// Log lines in the host's log (`moor.host.log/1`); the host adds the plugin's name. Never write a credential.
public struct HostLog: @unchecked Sendable {
    // Sendable: an immutable table but for the level, which may change at any time and is read without a lock by contract.
    /// How much a line matters.
    public enum Level: Int32, Sendable {
        /// Every step.
        case trace = 0
        /// For who looks for a fault.
        case debug = 1
        /// Worth knowing.
        case info = 2
        /// Somebody should look.
        case warning = 3
        /// Something failed.
        case error = 4
    }

    private let service: UnsafePointer<moor_svc_log>?

    init(_ service: UnsafePointer<moor_svc_log>?) { self.service = service }

    /// Whether lines of a level are written.
    public func isEnabled(_ level: Level) -> Bool {
        service.map { level.rawValue >= $0.pointee.min_level } ?? false
    }

    /// Writes a line; the text is made only if it is written.
    public func write(
        _ level: Level, _ message: @autoclosure () -> String, target: StaticString = "",
        _ fields: @autoclosure () -> [(String, String)] = []
    ) {
        guard let service, isEnabled(level) else { return }
        var message = message()
        let texts = fields().flatMap { [Array($0.0.utf8), Array($0.1.utf8)] }
        message.withUTF8 { message in
            withTexts(texts) { list in
                let pairs = stride(from: 0, to: list.count, by: 2).map { moor_kv(key: list[$0], value: list[$0 + 1]) }
                pairs.withUnsafeBufferPointer {
                    service.pointee.write(
                        service.pointee.obj, level.rawValue, moor_str(target), moor_str(message), $0.baseAddress,
                        $0.count)
                }
            }
        }
    }
}

/// Metrics of the host (`moor.host.metrics/1`). Define them where the driver is made, record anywhere.
public struct HostMetrics: @unchecked Sendable {
    // Sendable: an immutable table whose functions may be called on every thread.
    /// What a metric counts.
    public enum Kind: UInt32, Sendable {
        /// Grows.
        case counter = 0
        /// Goes up and down.
        case gauge = 1
        /// Observations.
        case histogram = 2
    }

    private let service: UnsafePointer<moor_svc_metrics>?

    init(_ service: UnsafePointer<moor_svc_metrics>?) { self.service = service }

    /// Defines a metric. `name`: `[a-z_][a-z0-9_]*`; `unit`: a word such as "seconds", or empty. Without the service, or
    /// if the host refuses, what is recorded goes nowhere.
    public func define(_ kind: Kind, _ name: String, unit: String = "", labels: [String] = []) -> Metric {
        guard let service else { return Metric(service: nil, id: 0) }
        var id: UInt64 = 0
        var code: moor_code = 0
        withTexts([Array(name.utf8), Array(unit.utf8)] + labels.map { Array($0.utf8) }) { list in
            let labels = UnsafeBufferPointer(rebasing: list[2...])
            code = service.pointee.define(
                service.pointee.obj, kind.rawValue, list[0], list[1], labels.baseAddress, labels.count, &id)
        }
        return Metric(service: code == MOOR_OK ? service : nil, id: id)
    }
}

/// One metric.
public struct Metric: @unchecked Sendable {
    // Sendable: as HostMetrics.
    fileprivate let service: UnsafePointer<moor_svc_metrics>?
    fileprivate let id: UInt64

    /// A counter grows by the value, a gauge becomes it, a histogram observes it. As many labels as were defined.
    public func record(_ value: Double, labels: [String] = []) {
        guard let service else { return }
        withTexts(labels.map { Array($0.utf8) }) {
            service.pointee.record(service.pointee.obj, id, value, $0.baseAddress, $0.count)
        }
    }
}

/// Lends texts as the ABI wants them.
private func withTexts(_ texts: [[UInt8]], _ body: (UnsafeBufferPointer<moor_str>) -> Void) {
    let arena = texts.flatMap { $0 }
    arena.withUnsafeBufferPointer { arena in
        var start = 0
        let list = texts.map { text in
            defer { start += text.count }
            return moor_str(UnsafeBufferPointer(rebasing: arena[start..<(start + text.count)]))
        }
        list.withUnsafeBufferPointer(body)
    }
}
