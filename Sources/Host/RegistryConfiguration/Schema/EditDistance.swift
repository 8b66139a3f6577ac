/// Finds what a misspelt name may have meant.
enum EditDistance {
    /// The candidate that is nearest, if it is near at all.
    static func nearest(to name: String, among candidates: [String]) -> String? {
        let name = Array(name.lowercased().utf8)
        guard (1...64).contains(name.count) else { return nil }
        let limit = max(1, name.count / 3)
        var best: (distance: Int, candidate: String)?
        for candidate in candidates {
            let distance = between(name, Array(candidate.lowercased().utf8))
            if distance <= limit && distance < best?.distance ?? Int.max { best = (distance, candidate) }
        }
        return best?.candidate
    }

    /// Insertions, deletions, replacements and swaps of neighbours that turn one into the other.
    static func between(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var beforeLast: [Int] = []
        var last = Array(0...right.count)
        for row in left.indices {
            var current = [row + 1]
            for column in right.indices {
                let cost = left[row] == right[column] ? 0 : 1
                var value = min(last[column + 1] + 1, current[column] + 1, last[column] + cost)
                if row > 0 && column > 0 && left[row] == right[column - 1] && left[row - 1] == right[column] {
                    value = min(value, beforeLast[column - 1] + 1)
                }
                current.append(value)
            }
            beforeLast = last
            last = current
        }
        return last[right.count]
    }
}
