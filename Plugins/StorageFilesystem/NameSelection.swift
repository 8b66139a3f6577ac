import Glibc
import PluginKit

/// The `limit` smallest names behind a name, of any number that are offered. Holds at most twice as many.
struct NameSelection {
    struct Entry {
        var start: Int
        var count: Int
        var kind: ObjectStat.Kind
    }

    private let limit: Int
    private let after: [UInt8]
    /// Whether `after` itself belongs to the selection.
    private let inclusive: Bool
    private var arena: [UInt8] = []
    private(set) var entries: [Entry] = []
    /// The largest name worth keeping, once there were more than fit.
    private var cutoff: [UInt8]?
    /// Whether names were left out at the end.
    private(set) var hasMore = false

    init(limit: Int, after: [UInt8], inclusive: Bool) {
        self.limit = max(limit, 1)
        self.after = after
        self.inclusive = inclusive
    }

    /// Takes a name into consideration.
    mutating func offer(_ name: UnsafeRawBufferPointer, _ kind: ObjectStat.Kind) {
        if !after.isEmpty {
            let order = after.withUnsafeBytes { NameSelection.order(name, $0) }
            if order < 0 || order == 0 && !inclusive { return }
        }
        if let cutoff, cutoff.withUnsafeBytes({ NameSelection.order(name, $0) }) > 0 {
            hasMore = true
            return
        }
        entries.append(Entry(start: arena.count, count: name.count, kind: kind))
        arena.append(contentsOf: name)
        if entries.count >= 2 * limit + 64 { shrink() }
    }

    /// Sorts, and leaves `limit` entries.
    mutating func finish() { shrink() }

    /// Lends the bytes of an entry.
    func withName<R, E: Error>(_ entry: Entry, _ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try arena.withBytes { arena throws(E) in
            try body(UnsafeRawBufferPointer(rebasing: arena[entry.start..<(entry.start + entry.count)]))
        }
    }

    private mutating func shrink() {
        arena.withUnsafeBytes { arena in
            entries.sort { a, b in
                NameSelection.order(
                    UnsafeRawBufferPointer(rebasing: arena[a.start..<(a.start + a.count)]),
                    UnsafeRawBufferPointer(rebasing: arena[b.start..<(b.start + b.count)])) < 0
            }
        }
        guard entries.count > limit else { return }
        hasMore = true
        entries.removeLast(entries.count - limit)
        var kept: [UInt8] = []
        for index in entries.indices {
            let entry = entries[index]
            entries[index].start = kept.count
            kept.append(contentsOf: arena[entry.start..<(entry.start + entry.count)])
        }
        arena = kept
        if let last = entries.last { cutoff = Array(arena[last.start..<(last.start + last.count)]) }
    }

    /// Bytewise; less than, equal to or greater than 0.
    private static func order(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
        let count = min(a.count, b.count)
        if count > 0, let x = a.baseAddress, let y = b.baseAddress {
            let order = memcmp(x, y, count)
            if order != 0 { return Int(order) }
        }
        return a.count - b.count
    }
}
