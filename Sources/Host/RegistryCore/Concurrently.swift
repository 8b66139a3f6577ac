/// Calls of the storage that one request has under way at once, where it makes many that don't depend on each other.
let storageConcurrency = 8

/// Applies `body` to all items, in as many slices as there may be calls at once, and keeps the order.
func concurrently<Item: Sendable, Value: Sendable>(
    _ items: [Item], _ body: @escaping @Sendable (Item) async throws -> Value
) async throws -> [Value] {
    // A few are not worth the tasks.
    if items.count < storageConcurrency {
        var values: [Value] = []
        for item in items { values.append(try await body(item)) }
        return values
    }
    let size = (items.count + storageConcurrency - 1) / storageConcurrency
    return try await withThrowingTaskGroup(of: (start: Int, values: [Value]).self) { group in
        for start in stride(from: 0, to: items.count, by: size) {
            group.addTask {
                var values: [Value] = []
                for item in items[start..<min(start + size, items.count)] {
                    try Task.checkCancellation()
                    values.append(try await body(item))
                }
                return (start, values)
            }
        }
        let slices = try await group.reduce(into: []) { $0.append($1) }
        return slices.sorted { $0.start < $1.start }.flatMap(\.values)
    }
}
