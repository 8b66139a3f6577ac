import Glibc
public import PluginKit

/// When a result is no longer wanted: absolute, of `CLOCK_MONOTONIC`.
public struct Deadline: Sendable {
    /// `Int64.max`: never.
    let nanoseconds: Int64

    init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// That of a call.
    public init(_ call: CallContext) { nanoseconds = call.deadlineNanoseconds ?? .max }

    /// There is none.
    public static let never = Deadline(nanoseconds: .max)

    /// A time from now.
    public static func after(milliseconds: Int64) -> Deadline {
        Deadline(nanoseconds: MonotonicClock.now().adding(milliseconds: milliseconds))
    }

    /// The one that comes first.
    public func sooner(_ other: Deadline) -> Deadline { Deadline(nanoseconds: min(nanoseconds, other.nanoseconds)) }

    /// What is left, never negative; nil: there is no deadline.
    public var remainingNanoseconds: Int64? {
        guard nanoseconds != .max else { return nil }
        let (rest, overflow) = nanoseconds.subtractingReportingOverflow(MonotonicClock.now())
        return overflow ? 0 : max(rest, 0)
    }

    /// Whether it has passed.
    public var isOver: Bool { remainingNanoseconds == 0 }
}

/// `CLOCK_MONOTONIC` in nanoseconds.
enum MonotonicClock {
    static func now() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec)
    }
}

extension Int64 {
    /// A later time; `max` if there is none.
    func adding(milliseconds: Int64) -> Int64 {
        let (nanoseconds, isHuge) = milliseconds.multipliedReportingOverflow(by: 1_000_000)
        let (sum, overflow) = addingReportingOverflow(nanoseconds)
        return isHuge || overflow ? .max : sum
    }
}
