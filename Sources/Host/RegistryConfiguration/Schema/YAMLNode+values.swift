// A node read as the type that its key wants. Nil means that it is something else; the check says so, with the line.
// `null` and an absent key are one thing, so callers ask for `isNull` first.
extension YAMLNode {
    /// Any single value, as written: what yaml.v2 does for a string field.
    var text: String? { scalar?.text }

    var boolean: Bool? {
        if case .boolean(let value)? = scalar?.resolved { return value }
        return nil
    }

    func integer(in range: ClosedRange<Int>) -> Int? {
        let value: Int?
        switch scalar?.resolved {
        case .integer(let integer)?: value = integer
        // `1e3` is a fraction to YAML and a whole number to Go.
        case .number(let number)?: value = Int(exactly: number)
        default: value = nil
        }
        return value.flatMap { range.contains($0) ? $0 : nil }
    }

    func bytes(in range: ClosedRange<Int>) -> Int? {
        if let value = integer(in: range) { return value }
        guard case .text(let text)? = scalar?.resolved else { return nil }
        let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40)]
        for (unit, shift) in units where text.hasSuffix(unit) {
            guard let count = Int(text.dropLast(unit.count)) else { return nil }
            let (value, overflow) = count.multipliedReportingOverflow(by: 1 << shift)
            return !overflow && range.contains(value) ? value : nil
        }
        return nil
    }

    /// Nanoseconds.
    func duration(in range: ClosedRange<Int64>) -> Int64? {
        let value: Int64?
        switch scalar?.resolved {
        case .integer(let nanoseconds)?: value = Int64(nanoseconds)
        case .text(let text)?: value = GoDuration.nanoseconds(text)
        default: value = nil
        }
        return value.flatMap { range.contains($0) ? $0 : nil }
    }

    /// The word as the table spells it.
    func choice(of words: [String]) -> String? {
        guard let text = scalar?.text.lowercased() else { return nil }
        return words.first { $0.lowercased() == text }
    }

    /// The text of an `http` or `https` URL with a host and without blanks.
    var url: String? {
        guard let text = scalar?.text else { return nil }
        let lower = text.lowercased()
        for scheme in ["http://", "https://"] where lower.hasPrefix(scheme) {
            let rest = text.dropFirst(scheme.count)
            let host = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
            let isClean = text.unicodeScalars.allSatisfy { $0.value > 0x20 && $0.value != 0x7F }
            return !host.isEmpty && isClean ? text : nil
        }
        return nil
    }
}
