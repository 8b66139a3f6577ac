import Glibc
import PluginKit

/// The smallest names behind a name, of any number that are offered: as many as fit. Holds at most twice as many.
struct NameSelection: Sendable {
    struct Entry {
        var start: UInt32
        var count: UInt16
        var kind: ObjectStat.Kind
    }

    /// How many names are selected.
    struct Limit {
        var names = Int.max
        /// Memory that the names and their entries may take.
        var bytes = Int.max
    }

    private let limit: Limit
    /// What the names come behind.
    let after: [UInt8]
    /// Whether `after` itself belongs to the selection.
    private let inclusive: Bool
    private var arena: [UInt8] = []
    private(set) var entries: [Entry] = []
    /// The largest name worth keeping, once there were more than fit.
    private var cutoff: [UInt8]?
    /// Whether names were left out at the end.
    private(set) var hasMore = false

    init(_ limit: Limit, after: [UInt8], inclusive: Bool = false) {
        // Places in the arena have 32 bits.
        self.limit = Limit(names: max(limit.names, 1), bytes: min(limit.bytes, 1 << 30))
        self.after = after
        self.inclusive = inclusive
    }

    /// Memory taken.
    var byteCount: Int { NameSelection.byteCount(arena.count, entries.count) }

    /// Takes a name into consideration.
    mutating func offer(_ name: UnsafeRawBufferPointer, _ kind: ObjectStat.Kind) {
        guard name.count <= UInt16.max else { return }
        if !after.isEmpty {
            let order = after.withBytes { nameOrder(name, $0) }
            if order < 0 || order == 0 && !inclusive { return }
        }
        if let cutoff, cutoff.withBytes({ nameOrder(name, $0) }) > 0 {
            hasMore = true
            return
        }
        entries.append(Entry(start: UInt32(arena.count), count: UInt16(name.count), kind: kind))
        arena.append(contentsOf: name)
        if entries.count / 2 >= limit.names.addingSaturated(32) || byteCount / 2 >= limit.bytes { shrink() }
    }

    /// Sorts, and leaves what fits.
    mutating func finish() {
        shrink()
        if arena.capacity > arena.count + arena.count / 4 { arena = arena.fitted }
        if entries.capacity > entries.count + entries.count / 4 { entries = entries.fitted }
    }

    /// Lends the bytes of an entry.
    func withName<R, E: Error>(_ entry: Entry, _ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try arena.withBytes { arena throws(E) in try body(entry.name(in: arena)) }
    }

    /// Where the names behind a name begin; after `finish`.
    func position(behind name: [UInt8]) -> Int {
        var (low, high) = (0, entries.count)
        while low < high {
            let middle = (low + high) / 2
            let order = withName(entries[middle]) { entry in name.withBytes { nameOrder(entry, $0) } }
            if order <= 0 { low = middle + 1 } else { high = middle }
        }
        return low
    }

    private mutating func shrink() {
        sort()
        var kept = min(entries.count, limit.names)
        if byteCount > limit.bytes {
            var bytes = 0
            kept =
                entries.prefix(kept).firstIndex {
                    bytes += NameSelection.byteCount(Int($0.count), 1)
                    return bytes > limit.bytes
                } ?? kept
        }
        guard kept < entries.count else { return }
        hasMore = true
        entries.removeLast(entries.count - max(kept, 1))
        var names: [UInt8] = []
        for index in entries.indices {
            let entry = entries[index]
            entries[index].start = UInt32(names.count)
            withName(entry) { names.append(contentsOf: $0) }
        }
        arena = names
        cutoff = entries.last.map { withName($0) { [UInt8]($0) } }
    }

    /// Sorts by the eight bytes that follow what all names begin with, and where these are equal by the names.
    private mutating func sort() {
        guard entries.count > 1 else { return }
        arena.withBytes { arena in
            let first = entries[0].name(in: arena)
            var common = first.count
            for entry in entries { common = min(common, entry.name(in: arena).commonPrefix(with: first)) }
            var keyed = entries.map { (key: $0.name(in: arena).key(at: common), entry: $0) }
            keyed.sort { a, b in
                a.key == b.key ? nameOrder(a.entry.name(in: arena), b.entry.name(in: arena)) < 0 : a.key < b.key
            }
            for index in entries.indices { entries[index] = keyed[index].entry }
        }
    }

    private static func byteCount(_ names: Int, _ entries: Int) -> Int {
        names + entries * MemoryLayout<Entry>.stride
    }
}

extension NameSelection.Entry {
    @inline(__always)
    fileprivate func name(in arena: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: arena[Int(start)..<(Int(start) + Int(count))])
    }
}

/// Bytewise; less than, equal to or greater than 0.
@inline(__always)
private func nameOrder(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
    let count = min(a.count, b.count)
    if count > 0, let x = a.baseAddress, let y = b.baseAddress {
        let order = memcmp(x, y, count)
        if order != 0 { return Int(order) }
    }
    return a.count - b.count
}

extension UnsafeRawBufferPointer {
    @inline(__always)
    fileprivate func commonPrefix(with other: UnsafeRawBufferPointer) -> Int {
        let end = Swift.min(count, other.count)
        var length = 0
        while length < end, self[length] == other[length] { length += 1 }
        return length
    }

    /// The eight bytes at a place as a number; zeros stand for what is missing.
    @inline(__always)
    fileprivate func key(at place: Int) -> UInt64 {
        var key: UInt64 = 0
        for index in place..<Swift.min(count, place + 8) {
            key |= UInt64(self[index]) << (56 - 8 * UInt64(index - place))
        }
        return key
    }
}

extension Array {
    /// The same elements without room for more.
    fileprivate var fitted: [Element] {
        var copy: [Element] = []
        copy.reserveCapacity(count)
        copy += self
        return copy
    }
}

extension Int {
    fileprivate func addingSaturated(_ other: Int) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }
}
