/// A length of time in an option, as Go writes it: `20m`, `1h30m`, `1.5s`, `100ms`, `0`. Not negative.
///
/// A number without a unit is refused: Go counts it in nanoseconds, people in seconds.
public struct FlexibleDuration: Decodable, Sendable, Equatable {
    /// How long.
    public let nanoseconds: Int64

    /// So many nanoseconds.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Reads a text; nil if it isn't a duration, or is longer than 292 years.
    public init?(_ text: String) {
        if text == "0" {
            self.init(nanoseconds: 0)
            return
        }
        var rest = Substring(text)
        var sum: Int64 = 0
        repeat {
            guard let part = FlexibleDuration.part(&rest) else { return nil }
            let (next, overflow) = sum.addingReportingOverflow(part)
            guard !overflow else { return nil }
            sum = next
        } while !rest.isEmpty
        self.init(nanoseconds: sum)
    }

    /// Reads a text.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = (try? container.decode(String.self)) ?? (try? container.decode(Int.self)).map(String.init) ?? ""
        guard let duration = FlexibleDuration(text) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "not a duration such as 20m, 1h30m or 100ms")
        }
        self = duration
    }

    /// Takes a number and its unit off the beginning.
    private static func part(_ rest: inout Substring) -> Int64? {
        let digits = rest.prefix { "0"..."9" ~= $0 || $0 == "." }
        guard digits.contains(where: { $0 != "." }), let number = Double(digits) else { return nil }
        rest = rest.dropFirst(digits.count)
        let unit = rest.prefix { !("0"..."9" ~= $0 || $0 == ".") }
        rest = rest.dropFirst(unit.count)
        guard let length = units[String(unit)] else { return nil }
        // Rounded, so that the product of a fraction is a whole number again.
        return Int64(exactly: (number * length).rounded())
    }

    private static let units: [String: Double] = [
        "ns": 1, "us": 1e3, "µs": 1e3, "μs": 1e3, "ms": 1e6, "s": 1e9, "m": 60e9, "h": 3600e9,
    ]
}
