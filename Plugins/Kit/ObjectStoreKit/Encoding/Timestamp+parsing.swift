extension Timestamp {
    /// A date of HTTP in any of its three forms: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`,
    /// `Sun Nov  6 08:49:37 1994`. Nil if it is none.
    public init?(rfc1123 text: String) {
        guard text.utf8.count <= 64 else { return nil }
        let words = text.split(whereSeparator: { $0 == " " || $0 == "," || $0 == "-" })
        let parts: (day: Substring, month: Substring, year: Substring, clock: Substring)
        switch words.count {
        case 6 where words[5] == "GMT" || words[5] == "UTC":
            parts = (words[1], words[2], words[3], words[4])
        case 5: parts = (words[2], words[1], words[4], words[3])
        default: return nil
        }
        guard let month = Self.months.firstIndex(where: { $0.utf8.elementsEqual(parts.month.utf8) }),
            let day = Self.number(parts.day, 1...2), var year = Self.number(parts.year, 2...4)
        else { return nil }
        // RFC 9110: two digits mean the century in which it lies at most 50 years ahead; no store looks that far.
        if parts.year.utf8.count == 2 { year += year < 70 ? 2000 : 1900 }
        let clock = parts.clock.split(separator: ":", omittingEmptySubsequences: false)
        guard clock.count == 3,
            let time = Self.time(year, Int64(month) + 1, day, clock[0], clock[1], clock[2])
        else { return nil }
        self.init(unixSeconds: time.unixSeconds)
    }

    /// `2013-05-24T00:00:00Z` with a fraction of any length, an offset such as `+01:00`, a blank instead of the `T`; also
    /// the basic form `20130524T000000Z`. Nil if it is none of these.
    public init?(iso8601 text: String) {
        guard text.utf8.count <= 64 else { return nil }
        let bytes = Array(text.utf8)
        guard let split = bytes.firstIndex(where: { $0 == UInt8(ascii: "T") || $0 == UInt8(ascii: "t") || $0 == 32 }),
            let zone = bytes[split...].firstIndex(where: { "Zz+-".utf8.contains($0) })
        else { return nil }
        let date = bytes[..<split].filter { $0 != UInt8(ascii: "-") }
        let clockAndFraction = bytes[(split + 1)..<zone].split(
            separator: UInt8(ascii: "."), maxSplits: 1, omittingEmptySubsequences: false)
        guard let clock = clockAndFraction.first?.filter({ $0 != UInt8(ascii: ":") }), date.count == 8,
            clock.count == 6, let offset = Self.offset(bytes[zone...])
        else { return nil }
        func part(_ bytes: ArraySlice<UInt8>) -> Substring { Substring(decoding: bytes, as: UTF8.self) }
        guard let year = Self.number(part(date[..<4]), 4...4), let month = Self.number(part(date[4..<6]), 2...2),
            let day = Self.number(part(date[6...]), 2...2),
            let time = Self.time(year, month, day, part(clock[..<2]), part(clock[2..<4]), part(clock[4...]))
        else { return nil }
        var nanoseconds: Int64 = 0
        if clockAndFraction.count == 2 {
            guard let fraction = Self.fraction(clockAndFraction[1]) else { return nil }
            nanoseconds = fraction
        }
        let whole = Timestamp(unixSeconds: time.unixSeconds - offset)
        let (sum, overflow) = whole.unixNanoseconds.addingReportingOverflow(nanoseconds)
        self.init(unixNanoseconds: overflow ? .max : sum)
    }

    private static func time(
        _ year: Int64, _ month: Int64, _ day: Int64, _ hour: Substring, _ minute: Substring, _ second: Substring
    ) -> CalendarTime? {
        guard let hour = number(hour, 2...2), let minute = number(minute, 2...2), let second = number(second, 2...2)
        else { return nil }
        return CalendarTime(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
    }

    /// Digits and nothing else, as many as allowed.
    private static func number(_ text: Substring, _ lengths: ClosedRange<Int>) -> Int64? {
        guard lengths.contains(text.utf8.count), text.utf8.allSatisfy({ (48...57).contains($0) }) else { return nil }
        return Int64(text)
    }

    /// Nanoseconds.
    private static func fraction(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard !digits.isEmpty, digits.allSatisfy({ (48...57).contains($0) }) else { return nil }
        let nine = digits.prefix(9) + Array(repeating: 48, count: max(0, 9 - digits.count))
        return nine.reduce(0) { $0 * 10 + Int64($1 - 48) }
    }

    /// Seconds that local time is ahead of UTC.
    private static func offset(_ zone: ArraySlice<UInt8>) -> Int64? {
        guard let sign = zone.first else { return nil }
        if sign == UInt8(ascii: "Z") || sign == UInt8(ascii: "z") { return zone.count == 1 ? 0 : nil }
        let digits = zone.dropFirst().filter { $0 != UInt8(ascii: ":") }
        guard digits.count == 4 || digits.count == 2,
            let hours = number(Substring(decoding: digits[..<2], as: UTF8.self), 2...2), hours < 24
        else { return nil }
        let minutes = digits.count == 4 ? number(Substring(decoding: digits[2...], as: UTF8.self), 2...2) : 0
        guard let minutes, minutes < 60 else { return nil }
        return (hours * 3600 + minutes * 60) * (sign == UInt8(ascii: "-") ? -1 : 1)
    }
}
