import RegistryCore

/// What a `Range` field asks for (RFC 9110, 14.2).
enum RangeRequest: Equatable {
    /// Nothing that this server knows: the whole.
    case none
    case single(BlobRange)
    case several([BlobRange])
    /// Bytes, but not well formed: answered like a range that can't be satisfied, as Distribution does.
    case malformed

    /// More parts than this are answered with the whole.
    static let mostParts = 16

    init(header text: String) {
        guard text.prefix(6).lowercased() == "bytes=" else {
            self = .none
            return
        }
        let items = text.dropFirst(6).split(separator: ",").map { $0.trimmingBlanks }.filter { !$0.isEmpty }
        guard items.count <= Self.mostParts else {
            self = .none
            return
        }
        let ranges = items.compactMap { BlobRange($0) }
        guard !ranges.isEmpty, ranges.count == items.count else {
            self = .malformed
            return
        }
        self = ranges.count == 1 ? .single(ranges[0]) : .several(ranges)
    }
}

extension BlobRange {
    /// One range: `first-last`, `first-` or `-count`. What is larger than any number is the largest.
    fileprivate init?(_ text: Substring) {
        let parts = text.split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        let (first, last) = (UInt64(digits: parts[0], clamped: true), UInt64(digits: parts[1], clamped: true))
        switch (parts[0].isEmpty, parts[1].isEmpty) {
        case (true, true): return nil
        case (true, false):
            guard let last else { return nil }
            self = .last(last)
        case (false, true):
            guard let first else { return nil }
            self = .from(first, through: nil)
        case (false, false):
            guard let first, let last, last >= first else { return nil }
            self = .from(first, through: last)
        }
    }

    /// The bytes meant in a content of this size; nil: none.
    func bytes(of size: UInt64) -> Range<UInt64>? {
        switch self {
        case .from(let first, let last):
            guard first < size else { return nil }
            return first..<(min(last ?? .max, size - 1) + 1)
        case .last(let count):
            let count = min(count, size)
            return count > 0 ? size - count..<size : nil
        }
    }

    /// The parts to send for several ranges, in the order asked for. Those that overlap or touch are one; so the parts
    /// together are never more than the content.
    static func parts(_ ranges: [BlobRange], of size: UInt64) -> [Range<UInt64>] {
        var parts: [Range<UInt64>] = []
        for range in ranges {
            guard var part = range.bytes(of: size) else { continue }
            var place = parts.count
            while let near = parts.firstIndex(where: { touch($0, part) }) {
                part = min(part.lowerBound, parts[near].lowerBound)..<max(part.upperBound, parts[near].upperBound)
                parts.remove(at: near)
                place = min(place, near)
            }
            parts.insert(part, at: min(place, parts.count))
        }
        return parts
    }

    private static func touch(_ a: Range<UInt64>, _ b: Range<UInt64>) -> Bool {
        max(a.lowerBound, b.lowerBound) <= min(a.upperBound, b.upperBound)
    }
}

extension Substring {
    /// Without the blanks around it.
    fileprivate var trimmingBlanks: Substring {
        let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 }
        var bytes = utf8[...]
        while let byte = bytes.first, isBlank(byte) { bytes = bytes.dropFirst() }
        while let byte = bytes.last, isBlank(byte) { bytes = bytes.dropLast() }
        return Substring(bytes)
    }
}

extension UInt64 {
    /// A number of digits alone, without the sign that Swift would take.
    /// - Parameter clamped: whether a number that is too large is the largest.
    init?(digits text: Substring, clamped: Bool = false) {
        guard !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
            return nil
        }
        guard let value = UInt64(text) ?? (clamped ? .max : nil) else { return nil }
        self = value
    }
}
