import RegistryStorage
import Synchronization

/// Who a plugin is, for errors and logs: a pointer to memory that is never freed, as the plugin is never unloaded. It costs
/// no reference counting.
struct PluginIdentity: @unchecked Sendable {
    // @unchecked: the record never changes.

    private struct Record: ~Copyable {
        let name: String
        let driver: String
        let violations: ViolationLog
        let number: UInt32
        let maximumWaiting: Int
        let waiting = Atomic<Int>(0)
    }

    private let record: UnsafePointer<Record>

    /// The plugin's name, for violations.
    var name: String { record.pointee.name }
    /// What errors name: the component as the configuration names it; in a stack the innermost driver.
    var driver: String { record.pointee.driver }
    var violations: ViolationLog { record.pointee.violations }
    /// Names the identity in the context of its calls, so that one that is completed again is laid to the right charge. 0:
    /// there were too many; then it is laid to nobody's.
    @inline(__always)
    var number: UInt32 { record.pointee.number }

    /// Whether there is room for another call. A plugin that leaves its calls uncompleted fills its own share of the slots
    /// and no more: its calls are refused, those of others go on.
    @inline(__always)
    var hasRoom: Bool { record.pointee.waiting.load(ordering: .relaxed) < record.pointee.maximumWaiting }

    /// A call wasn't completed at once.
    func beginWaiting() { record.pointee.waiting.add(1, ordering: .relaxed) }
    /// It is completed, and its slot given back.
    func endWaiting() { record.pointee.waiting.subtract(1, ordering: .relaxed) }

    /// - Parameter maximumWaiting: the most calls that may wait for their completion.
    static func make(
        name: String, driver: String, violations: ViolationLog, maximumWaiting: Int = CallSlots.limit / 4
    ) -> PluginIdentity {
        numbered.withLock { numbered in
            let number = numbered.count + 1 < 1 << CallContext.pluginBits ? UInt32(numbered.count + 1) : 0
            let record = UnsafeMutablePointer<Record>.allocate(capacity: 1)
            record.initialize(
                to: Record(
                    name: name, driver: driver, violations: violations, number: number,
                    maximumWaiting: maximumWaiting))
            let identity = PluginIdentity(record: UnsafePointer(record))
            if number != 0 { numbered.append(identity) }
            return identity
        }
    }

    /// Those with a number, from 1 on.
    private static let numbered = Mutex<[PluginIdentity]>([])

    /// The identity with a number; nil for 0, and for numbers that were never given out.
    static func find(_ number: UInt32) -> PluginIdentity? {
        numbered.withLock { number != 0 && number <= $0.count ? $0[Int(number) - 1] : nil }
    }

    /// Notes a broken rule and gives it as the error that the caller of the operation gets.
    @inline(never)
    func violation(_ rule: PluginError.Rule, _ message: String) -> StorageError {
        StorageError(.internal, violations.record(rule, plugin: name, message).description, driver: driver)
    }
}
