import Glibc

/// Times as Distribution's files hold them.
enum Timestamp {
    /// UTC, RFC 3339, whole seconds: `2026-01-02T03:04:05Z`.
    static func rfc3339(_ seconds: Int64) -> String {
        var time = time_t(clamping: seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        func padded(_ value: Int32, _ width: Int) -> String {
            let text = String(value)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let date = "\(padded(parts.tm_year &+ 1900, 4))-\(padded(parts.tm_mon &+ 1, 2))-\(padded(parts.tm_mday, 2))"
        let clock = "\(padded(parts.tm_hour, 2)):\(padded(parts.tm_min, 2)):\(padded(parts.tm_sec, 2))"
        return "\(date)T\(clock)Z"
    }

    /// Seconds since 1970 of a time in UTC, as RFC 3339 writes it; fractions are cut off. Nil for anything else.
    static func seconds(_ text: String) -> Int64? {
        let parts = text.utf8.prefix(19).split { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            .compactMap { Int32(String(decoding: $0, as: UTF8.self)) }
        guard text.utf8.count >= 20, text.utf8.last == UInt8(ascii: "Z"), parts.count == 6, parts[0] < 10_000 else {
            return nil
        }
        var time = tm()
        time.tm_year = parts[0] - 1900
        time.tm_mon = parts[1] - 1
        time.tm_mday = parts[2]
        time.tm_hour = parts[3]
        time.tm_min = parts[4]
        time.tm_sec = parts[5]
        return Int64(timegm(&time))
    }
}
