import Glibc

/// A point in time as object stores write it: nanoseconds since 1970, UTC, from 1677 to 2262.
public struct Timestamp: Sendable, Hashable, Comparable {
    /// Nanoseconds since 1970; negative before.
    public let unixNanoseconds: Int64

    /// A time in nanoseconds.
    public init(unixNanoseconds: Int64) { self.unixNanoseconds = unixNanoseconds }

    /// A time in seconds; beyond what fits, the first or the last there is.
    public init(unixSeconds: Int64) {
        let (nanoseconds, overflow) = unixSeconds.multipliedReportingOverflow(by: 1_000_000_000)
        unixNanoseconds = overflow ? (unixSeconds < 0 ? .min : .max) : nanoseconds
    }

    /// The wall clock.
    public static func now() -> Timestamp {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let start = Timestamp(unixSeconds: Int64(now.tv_sec))
        return Timestamp(unixNanoseconds: start.unixNanoseconds &+ Int64(now.tv_nsec))
    }

    /// Whole seconds since 1970, rounded down.
    public var unixSeconds: Int64 {
        unixNanoseconds >= 0 ? unixNanoseconds / 1_000_000_000 : -((-1 - unixNanoseconds) / 1_000_000_000) - 1
    }

    /// Later, or with a negative number earlier; beyond what fits, the first or the last there is.
    public func adding(seconds: Int64) -> Timestamp {
        let (sum, overflow) = unixNanoseconds.addingReportingOverflow(Timestamp(unixSeconds: seconds).unixNanoseconds)
        return Timestamp(unixNanoseconds: overflow ? (seconds < 0 ? .min : .max) : sum)
    }

    /// Whether one comes before the other.
    public static func < (a: Timestamp, b: Timestamp) -> Bool { a.unixNanoseconds < b.unixNanoseconds }
}

/// A point in time as a calendar has it.
struct CalendarTime {
    var year: Int64
    var month: Int64
    var day: Int64
    var hour: Int64 = 0
    var minute: Int64 = 0
    var second: Int64 = 0

    /// The calendar of a number of seconds since 1970.
    init(unixSeconds: Int64) {
        var days = unixSeconds / 86_400
        var rest = unixSeconds % 86_400
        if rest < 0 {
            rest += 86_400
            days -= 1
        }
        (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60)
        // Howard Hinnant's arithmetic: eras of 400 years that begin on 1 March.
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    /// Nil unless it is a date of the years 1 to 9999 and a time of the day; a leap second counts as the one before.
    init?(year: Int64, month: Int64, day: Int64, hour: Int64, minute: Int64, second: Int64) {
        guard (1...9999).contains(year), (1...12).contains(month), (0...23).contains(hour),
            (0...59).contains(minute), (0...60).contains(second)
        else { return nil }
        let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        let lengths: [Int64] = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard (1...lengths[Int(month - 1)]).contains(day) else { return nil }
        (self.year, self.month, self.day) = (year, month, day)
        (self.hour, self.minute, self.second) = (hour, minute, min(second, 59))
    }

    /// Seconds since 1970.
    var unixSeconds: Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return (era * 146_097 + dayOfEra - 719_468) * 86_400 + hour * 3600 + minute * 60 + second
    }

    /// 0: Sunday.
    var weekday: Int {
        let days = (unixSeconds - (hour * 3600 + minute * 60 + second)) / 86_400
        return Int(((days + 4) % 7 + 7) % 7)
    }
}
