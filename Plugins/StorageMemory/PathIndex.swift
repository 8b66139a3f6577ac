/// Objects by path, in the order of a walk. A list of short sorted lists: finding is a binary search, and inserting
/// moves at most one short list, however many objects there are.
struct PathIndex {
    struct Entry {
        let path: [UInt8]
        var object: MemoryObject
    }

    /// A place between entries; `entry` is inside the list or behind its end only at the very end.
    struct Position {
        var list: Int
        var entry: Int
    }

    private var lists: [[Entry]] = [[]]
    private static let longestList = 256

    /// The first entry that doesn't stand before the path.
    func lowerBound(_ path: UnsafeRawBufferPointer) -> Position {
        // The last list that begins at or before the path.
        var low = 0
        var high = lists.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if order(Position(list: middle, entry: 0), path) <= 0 { low = middle } else { high = middle }
        }
        let list = low
        low = 0
        high = lists[list].count
        while low < high {
            let middle = (low + high) / 2
            if order(Position(list: list, entry: middle), path) < 0 { low = middle + 1 } else { high = middle }
        }
        return normal(Position(list: list, entry: low))
    }

    func lowerBound(_ path: [UInt8]) -> Position { path.withBytes { lowerBound($0) } }

    /// The entry at a place; nil behind the last one.
    subscript(position: Position) -> Entry? {
        position.entry < lists[position.list].count ? lists[position.list][position.entry] : nil
    }

    /// The next place.
    func next(_ position: Position) -> Position {
        normal(Position(list: position.list, entry: position.entry + 1))
    }

    /// The object at exactly this path.
    @inline(__always)
    func find(_ path: UnsafeRawBufferPointer) -> MemoryObject? {
        let position = lowerBound(path)
        guard position.entry < lists[position.list].count, order(position, path) == 0 else { return nil }
        return lists[position.list][position.entry].object
    }

    /// Whether objects lie below a path, given with its `/`.
    func hasObjects(below prefix: [UInt8]) -> Bool {
        self[lowerBound(prefix)].map { prefix.begins($0.path) } ?? false
    }

    /// Puts an object at a path; whether it replaced one.
    mutating func set(_ path: UnsafeRawBufferPointer, _ object: MemoryObject) {
        let position = lowerBound(path)
        if position.entry < lists[position.list].count, order(position, path) == 0 {
            lists[position.list][position.entry].object = object
            return
        }
        lists[position.list].insert(Entry(path: [UInt8](path), object: object), at: position.entry)
        if lists[position.list].count > PathIndex.longestList { split(position.list) }
    }

    /// Removes the object at a path; whether there was one.
    mutating func remove(_ path: UnsafeRawBufferPointer) -> Bool {
        let position = lowerBound(path)
        guard position.entry < lists[position.list].count, order(position, path) == 0 else { return false }
        lists[position.list].remove(at: position.entry)
        dropIfEmpty(position.list)
        return true
    }

    /// Removes all below a path, given with its `/`; whether there was anything.
    mutating func removeAll(below prefix: [UInt8]) -> Bool {
        var removed = false
        while true {
            let position = lowerBound(prefix)
            let list = lists[position.list]
            let end = list[position.entry...].firstIndex { !prefix.begins($0.path) } ?? list.count
            guard end > position.entry else { return removed }
            lists[position.list].removeSubrange(position.entry..<end)
            dropIfEmpty(position.list)
            removed = true
        }
    }

    @inline(__always)
    private func order(_ position: Position, _ path: UnsafeRawBufferPointer) -> Int {
        lists[position.list][position.entry].path.withBytes { pathOrder($0, path) }
    }

    /// The end of a list is the beginning of the next.
    private func normal(_ position: Position) -> Position {
        let atEnd = position.entry == lists[position.list].count && position.list + 1 < lists.count
        return atEnd ? Position(list: position.list + 1, entry: 0) : position
    }

    private mutating func split(_ list: Int) {
        let middle = lists[list].count / 2
        let tail = Array(lists[list][middle...])
        lists[list].removeSubrange(middle...)
        lists.insert(tail, at: list + 1)
    }

    private mutating func dropIfEmpty(_ list: Int) {
        if lists[list].isEmpty, lists.count > 1 { lists.remove(at: list) }
    }
}
