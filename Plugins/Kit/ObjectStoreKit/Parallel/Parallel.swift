/// Work on several things at once, not on too many.
public enum Parallel {
    /// What `body` makes of each item, in the order of the items; at most `limit` at once. The first error cancels the
    /// rest, and is thrown when all have ended.
    public static func map<Item: Sendable, Result: Sendable>(
        _ items: [Item], limit: Int, _ body: @escaping @Sendable (Item) async throws -> Result
    ) async throws -> [Result] {
        try await withThrowingTaskGroup(of: (Int, Result).self) { group in
            var results = [Result?](repeating: nil, count: items.count)
            var rest = items.enumerated().makeIterator()
            func addNext() {
                guard let (index, item) = rest.next() else { return }
                group.addTask { (index, try await body(item)) }
            }
            for _ in 0..<max(limit, 1) { addNext() }
            while let (index, result) = try await group.next() {
                results[index] = result
                addNext()
            }
            return results.compactMap { $0 }
        }
    }
}
