public import Logging
import Synchronization

/// Counts and logs what plugins do against the contract, each plugin and rule at most once a second.
public final class ViolationLog: Sendable {
    private struct Entry {
        var count: UInt64 = 0
        var lastLogged: UInt64?
    }

    private let logger: Logger
    private let entries = Mutex<[String: Entry]>([:])

    /// - Parameter logger: gets a line at level error.
    public init(logger: Logger) {
        self.logger = logger
    }

    /// Notes a violation and gives it as an error.
    @discardableResult
    func record(_ rule: PluginError.Rule, plugin: String, _ message: String) -> PluginError {
        let error = PluginError(rule, plugin: plugin, message)
        let now = monotonicNanoseconds()
        let count: UInt64? = entries.withLock { entries in
            var entry = entries["\(plugin)\u{0}\(rule.rawValue)", default: Entry()]
            entry.count += 1
            let isDue = entry.lastLogged.map { now - $0 > 1_000_000_000 } ?? true
            if isDue { entry.lastLogged = now }
            entries["\(plugin)\u{0}\(rule.rawValue)"] = entry
            return isDue ? entry.count : nil
        }
        if let count {
            logger.error(
                "plugin broke its contract: \(error)",
                metadata: ["plugin": "\(plugin)", "rule": "\(rule.rawValue)", "count": "\(count)"])
        }
        return error
    }

    /// How often a plugin broke a rule.
    public func count(of rule: PluginError.Rule, plugin: String) -> UInt64 {
        entries.withLock { $0["\(plugin)\u{0}\(rule.rawValue)"]?.count ?? 0 }
    }
}
