import Glibc

/// A point of the system's clock.
public struct Timestamp: Sendable, Hashable {
    /// Seconds since 1970, UTC.
    public let seconds: Int64
    /// Nanoseconds of the second, below 1 000 000 000.
    public let nanoseconds: Int32

    /// Makes a point; nanoseconds out of range count as none.
    public init(seconds: Int64, nanoseconds: Int32 = 0) {
        self.seconds = seconds
        self.nanoseconds = (0..<1_000_000_000).contains(nanoseconds) ? nanoseconds : 0
    }

    /// Now.
    public static var now: Timestamp {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: Int32(truncatingIfNeeded: time.tv_nsec))
    }
}

/// The text of the latest second: the C library takes a lock for each conversion, and most lines share a second.
struct SecondText {
    /// How a second is written.
    enum Style {
        /// `2026-01-02T03:04:05`, UTC.
        case rfc3339
        /// `02/Jan/2026:03:04:05 +0100`, local time.
        case apache
    }

    private let style: Style
    private var second: Int64?
    private var text: [UInt8] = []

    init(_ style: Style) {
        self.style = style
        if style == .apache { tzset() }
    }

    /// The second as text.
    mutating func callAsFunction(_ second: Int64) -> [UInt8] {
        if self.second != second {
            text = Self.render(second, style)
            self.second = second
        }
        return text
    }

    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    private static func render(_ second: Int64, _ style: Style) -> [UInt8] {
        var parts = tm()
        var time = time_t(second)
        let known = style == .apache ? localtime_r(&time, &parts) : gmtime_r(&time, &parts)
        // Years beyond the C library's range are no times of a log.
        if known == nil { parts = tm() }
        let year = padded(Int(parts.tm_year) + 1900, 4)
        let day = padded(Int(parts.tm_mday), 2)
        let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map { padded(Int($0), 2) }.joined(separator: ":")
        switch style {
        case .rfc3339:
            return Array("\(year)-\(padded(Int(parts.tm_mon) + 1, 2))-\(day)T\(clock)".utf8)
        case .apache:
            let month = months.indices.contains(Int(parts.tm_mon)) ? months[Int(parts.tm_mon)] : "Jan"
            let offset = abs(Int(parts.tm_gmtoff)) / 60
            let zone = (parts.tm_gmtoff < 0 ? "-" : "+") + padded(offset / 60, 2) + padded(offset % 60, 2)
            return Array("\(day)/\(month)/\(year):\(clock) \(zone)".utf8)
        }
    }
}

/// A number with at least this many digits.
func padded(_ number: Int, _ digits: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, digits - text.utf8.count)) + text
}
