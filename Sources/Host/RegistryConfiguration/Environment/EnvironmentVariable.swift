/// One `REGISTRY_…` variable, its name split into parts.
struct EnvironmentVariable: Comparable {
    static let prefix = "REGISTRY_"

    var name: String
    var value: String
    /// What follows the prefix, split at each `_`.
    var parts: [String]

    /// Nil if the name does not have the prefix.
    init?(name: String, value: String) {
        guard name.hasPrefix(Self.prefix) else { return nil }
        self.name = name
        self.value = value
        parts = name.dropFirst(Self.prefix.count).split(separator: "_", omittingEmptySubsequences: false).map(
            String.init)
    }

    /// Sections before their keys, and indexes by number, so that `_10_` comes after `_2_`.
    static func < (left: EnvironmentVariable, right: EnvironmentVariable) -> Bool {
        for (one, other) in zip(left.parts, right.parts) where one != other {
            switch (Int(one), Int(other)) {
            case (let number?, let otherNumber?) where number != otherNumber: return number < otherNumber
            case (.some, nil): return true
            case (nil, .some): return false
            default: return one < other
            }
        }
        return left.parts.count < right.parts.count
    }
}
