/// SplitMix64: the same numbers each time.
public struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    /// - Parameter seed: any number.
    public init(seed: UInt64) { state = seed }

    /// The next number.
    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

/// Changes inputs so that they still mean something: words of the grammar are put in the places of others.
public struct Mutator {
    private var random: SplitMix64

    /// - Parameter seed: the same seed gives the same changes.
    public init(seed: UInt64) { random = SplitMix64(seed: seed) }

    /// A changed input.
    ///
    /// - Parameters:
    ///   - input: what to change; its first word stays
    ///   - other: another input, parts of which may be taken
    ///   - maximum: the most bytes
    public mutating func mutate(_ input: [UInt8], with other: [UInt8], maximum: Int) -> [UInt8] {
        var bytes = input
        for _ in 0..<Int.random(in: 1...4, using: &random) { change(&bytes, other) }
        return Array(bytes.prefix(maximum))
    }

    private mutating func change(_ bytes: inout [UInt8], _ other: [UInt8]) {
        let start = min(bytes.count, 4)
        let place = Int.random(in: start...bytes.count, using: &random)
        let end = min(bytes.count, place + Int.random(in: 0...24, using: &random))
        switch Int.random(in: 0..<11, using: &random) {
        case 0, 1, 2: bytes.replaceSubrange(word(in: bytes, at: place), with: fragment())
        case 3: bytes.insert(contentsOf: fragment(), at: place)
        case 4: bytes.removeSubrange(place..<end)
        case 5:
            bytes.insert(contentsOf: Array(bytes[place..<end]), at: Int.random(in: start...bytes.count, using: &random))
        case 6: if place < bytes.count { bytes[place] ^= 1 << UInt8.random(in: 0...7, using: &random) }
        case 7: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
        case 8: insertLine(into: &bytes, at: place)
        case 9: bytes += Array("\n%%\n\(pick(Fragments.methods)) \(target())".utf8)
        default: bytes.replaceSubrange(place..., with: other.suffix(Int.random(in: 0...other.count, using: &random)))
        }
    }

    /// Where the word around a place lies.
    private func word(in bytes: [UInt8], at place: Int) -> Range<Int> {
        let ends: Set<UInt8> = Set(" \n\r/?&=:,;\"-".utf8)
        var (first, last) = (place, place)
        while first > 4, !ends.contains(bytes[first - 1]) { first -= 1 }
        while last < bytes.count, !ends.contains(bytes[last]) { last += 1 }
        return first..<max(first, last)
    }

    private mutating func insertLine(into bytes: inout [UInt8], at place: Int) {
        let lineEnd = bytes[place...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.endIndex
        let value = Int.random(in: 0..<3, using: &random) == 0 ? fragment() : Array(pick(Fragments.values).utf8)
        let isWire = bytes.starts(with: "wire".utf8)
        let line = Array("\n\(pick(Fragments.fields)): ".utf8) + value + Array((isWire ? "\r" : "").utf8)
        bytes.insert(contentsOf: line, at: lineEnd)
    }

    private mutating func target() -> String {
        let name = pick(Fragments.names)
        let reference = pick(Fragments.references)
        return pick([
            "/v2/\(name)/manifests/\(reference)", "/v2/\(name)/blobs/\(reference)", "/v2/\(name)/blobs/uploads/",
            "/v2/\(name)/blobs/uploads/?digest={digest}", "/v2/\(name)/tags/list?n=\(pick(Fragments.numbers))",
            "/v2/\(name)/referrers/\(reference)", "/v2/_catalog?last=\(name)", "{location}",
            "{location}&digest={digest}",
            "/v2/\(name)/blobs/uploads/?mount=\(reference)&from=\(pick(Fragments.names))",
        ])
    }

    private mutating func fragment() -> [UInt8] {
        let list = [
            Fragments.names, Fragments.references, Fragments.numbers, Fragments.values, Fragments.texts, Fragments.yaml,
            Fragments.fields, Fragments.methods,
        ].randomElement(using: &random)
        return Array(pick(list ?? []).utf8)
    }

    private mutating func pick(_ list: [String]) -> String { list.randomElement(using: &random) ?? "" }
}
