/// What a key's value must be.
indirect enum KeyType: Sendable, Equatable {
    case text
    /// `http://` or `https://` and a host.
    case url
    case boolean
    case integer(ClosedRange<Int>)
    /// A number of bytes, with or without a unit (`64KiB`, `10GiB`).
    case bytes(ClosedRange<Int>)
    /// Go's duration syntax, or a bare number of nanoseconds. The range counts nanoseconds.
    case duration(ClosedRange<Int64>)
    /// One of some words, compared without regard to case.
    case choice([String])
    case list(of: KeyType)
    case map(of: KeyType)
    case any
    /// Options of a plugin: a map that the host hands on.
    case options
    /// A group of further keys. With `shorthand`, a plain value stands for the group with that one key.
    case section(shorthand: String?)

    static let section = KeyType.section(shorthand: nil)
    static let integer = KeyType.integer(0...Int(Int32.max))
    static let duration = KeyType.duration(0...Int64.max)

    /// The type in words, for `config describe` and for messages ("expected …").
    var description: String {
        switch self {
        case .text: "text"
        case .url: "an http or https URL"
        case .boolean: "true or false"
        case .integer(let range): "a whole number" + Self.bounds(range.lowerBound, range.upperBound)
        case .bytes(let range): "a size like 64KiB" + Self.bounds(range.lowerBound, range.upperBound)
        case .duration(let range): "a duration like 1m30s" + Self.least(range.lowerBound)
        case .choice(let words): "one of " + words.joined(separator: ", ")
        case .list(let type): "a list of \(type.plural)"
        case .map(let type): "a map of \(type.plural)"
        case .any: "any value"
        case .options: "a map of options"
        case .section(let shorthand): shorthand.map { "text (the \($0)) or a map" } ?? "a map"
        }
    }

    private var plural: String {
        switch self {
        case .text: "texts"
        case .url: "URLs"
        case .any: "values"
        case .list: "lists of texts"
        case .choice(let words): words.count > 6 ? "names" : "the words " + words.joined(separator: ", ")
        default: description
        }
    }

    private static func bounds(_ lower: Int, _ upper: Int) -> String {
        switch (lower, upper) {
        case (0, Int(Int32.max)...), (Int.min...Int(Int32.min), _): ""
        case (_, Int(Int32.max)...): " of at least \(lower)"
        default: " from \(lower) to \(upper)"
        }
    }

    private static func least(_ nanoseconds: Int64) -> String {
        nanoseconds > 0 ? " of at least \(nanoseconds / 1_000_000)ms" : ""
    }
}
