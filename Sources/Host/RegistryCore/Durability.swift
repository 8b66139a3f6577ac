import Glibc
import RegistryStorage

/// What can be told of an object that somebody else has written.
enum Durability {
    /// Nanoseconds; longer than any call to a storage may take.
    private static let longestCall: Int64 = 600_000_000_000

    /// Whether an object survives a power cut for certain. A storage may show an object a moment before it is durable, and
    /// another process may have been cut off in that moment; who relies on what is younger than that writes it again.
    static func isSettled(_ stat: StorageStat) -> Bool {
        guard stat.modified > 0 else { return false }
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let (age, overflow) = (Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec))
            .subtractingReportingOverflow(stat.modified)
        return !overflow && age > longestCall
    }
}
