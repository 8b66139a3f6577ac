extension Timestamp {
    static let weekdays = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    /// `Fri, 24 May 2013 00:00:00 GMT`, the form of HTTP (RFC 9110, 5.6.7).
    public var rfc1123: String {
        let time = calendar
        let date = "\(Self.digits(time.day, 2)) \(Self.months[Int(time.month - 1)]) \(Self.digits(time.year, 4))"
        return "\(Self.weekdays[time.weekday]), \(date) \(clock(time)) GMT"
    }

    /// `2013-05-24T00:00:00Z`.
    public var iso8601: String {
        let time = calendar
        return "\(date(time, "-"))T\(clock(time))Z"
    }

    /// `2013-05-24T00:00:00.000Z`.
    public var iso8601Milliseconds: String {
        let time = calendar
        let nanoseconds = unixNanoseconds - (unixNanoseconds < 0 ? 0 : unixSeconds * 1_000_000_000)
        let fraction = unixNanoseconds < 0 ? 0 : nanoseconds / 1_000_000
        return "\(date(time, "-"))T\(clock(time)).\(Self.digits(fraction, 3))Z"
    }

    /// `20130524T000000Z`.
    public var basicDateTime: String {
        let time = calendar
        return "\(date(time, ""))T\(clock(time, ""))Z"
    }

    /// `20130524`.
    public var basicDate: String { date(calendar, "") }

    private var calendar: CalendarTime { CalendarTime(unixSeconds: unixSeconds) }

    private func date(_ time: CalendarTime, _ separator: String) -> String {
        [Self.digits(time.year, 4), Self.digits(time.month, 2), Self.digits(time.day, 2)].joined(separator: separator)
    }

    private func clock(_ time: CalendarTime, _ separator: String = ":") -> String {
        [time.hour, time.minute, time.second].map { Self.digits($0, 2) }.joined(separator: separator)
    }

    private static func digits(_ value: Int64, _ count: Int) -> String {
        let text = String(value)
        return String(repeating: "0", count: max(0, count - text.utf8.count)) + text
    }
}
