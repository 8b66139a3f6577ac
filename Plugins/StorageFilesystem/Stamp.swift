import Glibc
import Synchronization

/// Times for files that tell which of two was written last: of this process each is later than the one before.
enum Stamp {
    private static let last = Atomic<Int64>(0)
    private static let second: Int64 = 1_000_000_000

    static func next() -> timespec {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let clock = Int64(now.tv_sec) &* second &+ Int64(now.tv_nsec)
        var known = last.load(ordering: .relaxed)
        while true {
            // A clock that was set back is believed.
            let stamp = known &- clock < second ? max(clock, known &+ 1) : clock
            let (isDone, found) = last.weakCompareExchange(expected: known, desired: stamp, ordering: .relaxed)
            if isDone { return timespec(tv_sec: Int(stamp / second), tv_nsec: Int(stamp % second)) }
            known = found
        }
    }
}
