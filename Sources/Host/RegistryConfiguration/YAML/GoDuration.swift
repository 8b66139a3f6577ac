/// Durations as Go's `time.ParseDuration` reads them: `1h30m`, `500ms`, `1.5s`.
enum GoDuration {
    /// Nanoseconds, or nil if the text is no duration or exceeds 64 bits (about 292 years).
    static func nanoseconds(_ text: String) -> Int64? {
        var rest = Substring(text)
        var isNegative = false
        if let first = rest.first, first == "-" || first == "+" {
            isNegative = first == "-"
            rest.removeFirst()
        }
        if rest == "0" { return 0 }
        guard !rest.isEmpty else { return nil }
        var total: Int64 = 0
        while !rest.isEmpty {
            guard let part = takePart(&rest) else { return nil }
            let (sum, overflow) = total.addingReportingOverflow(part)
            if overflow { return nil }
            total = sum
        }
        return isNegative ? -total : total
    }

    /// One number with its unit.
    private static func takePart(_ rest: inout Substring) -> Int64? {
        let whole = takeDigits(&rest)
        var fraction: Substring = ""
        if rest.first == "." {
            rest.removeFirst()
            fraction = takeDigits(&rest)
        }
        guard !(whole.isEmpty && fraction.isEmpty), let unit = takeUnit(&rest) else { return nil }
        guard let value = whole.isEmpty ? 0 : Int64(whole) else { return nil }
        let (product, overflow) = value.multipliedReportingOverflow(by: unit)
        if overflow { return nil }
        // Below one unit, so the sum of the parts is at most an hour and exact enough, as in Go.
        let part = (Double("0." + fraction) ?? 0) * Double(unit)
        let (sum, overflowed) = product.addingReportingOverflow(Int64(part))
        return overflowed ? nil : sum
    }

    private static func takeUnit(_ rest: inout Substring) -> Int64? {
        let name = rest.prefix { $0 != "." && !($0.isASCII && $0.isNumber) }
        rest = rest[name.endIndex...]
        return units[String(name)]
    }

    private static func takeDigits(_ rest: inout Substring) -> Substring {
        let digits = rest.prefix { $0.isASCII && $0.isNumber }
        rest = rest[digits.endIndex...]
        return digits
    }

    private static let units: [String: Int64] = [
        "ns": 1, "us": 1000, "\u{B5}s": 1000, "\u{3BC}s": 1000, "ms": 1_000_000, "s": 1_000_000_000,
        "m": 60_000_000_000, "h": 3_600_000_000_000,
    ]
}
