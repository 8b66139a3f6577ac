/// Unicode scalars, as ranges.
struct ScalarSet: Sendable, Hashable {
    private(set) var ranges: [ClosedRange<UInt32>]

    init(_ ranges: [ClosedRange<UInt32>]) { self.ranges = ranges }

    init(_ scalar: Unicode.Scalar) { ranges = [scalar.value...scalar.value] }

    func contains(_ value: UInt32) -> Bool { ranges.contains { $0.contains(value) } }

    mutating func formUnion(_ other: ScalarSet) { ranges += other.ranges }

    /// All that isn't in it.
    var inverted: ScalarSet {
        var result: [ClosedRange<UInt32>] = []
        var next: UInt32 = 0
        for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
            if range.lowerBound > next { result.append(next...range.lowerBound - 1) }
            next = max(next, range.upperBound + 1)
        }
        if next <= Self.last { result.append(next...Self.last) }
        return ScalarSet(result)
    }

    /// With every ASCII letter in both cases.
    var folded: ScalarSet {
        var result = self
        for range in ranges {
            for (letters, offset) in [(Self.upper, UInt32(32)), (Self.lower, 0 &- 32)] where range.overlaps(letters) {
                let common = range.clamped(to: letters)
                result.ranges.append(common.lowerBound &+ offset...common.upperBound &+ offset)
            }
        }
        return result
    }

    private static let last: UInt32 = 0x10FFFF
    private static let upper: ClosedRange<UInt32> = 0x41...0x5A
    private static let lower: ClosedRange<UInt32> = 0x61...0x7A
    private static let numerals: ClosedRange<UInt32> = 0x30...0x39

    static let any = ScalarSet([0...last])
    static let anyButNewline = ScalarSet([0x0A...0x0A]).inverted
    static let digit = ScalarSet([numerals])
    static let word = ScalarSet([numerals, upper, lower, 0x5F...0x5F])
    static let space = ScalarSet([0x09...0x0A, 0x0C...0x0D, 0x20...0x20])

    /// The classes in brackets, such as `[:alpha:]`.
    static func named(_ name: String) -> ScalarSet? {
        switch name {
        case "alnum": ScalarSet([numerals, upper, lower])
        case "alpha": ScalarSet([upper, lower])
        case "ascii": ScalarSet([0...0x7F])
        case "blank": ScalarSet([0x09...0x09, 0x20...0x20])
        case "cntrl": ScalarSet([0...0x1F, 0x7F...0x7F])
        case "digit": digit
        case "graph": ScalarSet([0x21...0x7E])
        case "lower": ScalarSet([lower])
        case "print": ScalarSet([0x20...0x7E])
        case "punct": ScalarSet([0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E])
        case "space": ScalarSet([0x09...0x0D, 0x20...0x20])
        case "upper": ScalarSet([upper])
        case "word": word
        case "xdigit": ScalarSet([numerals, 0x41...0x46, 0x61...0x66])
        default: nil
        }
    }
}
