import Glibc
import PluginABI

/// Holds the entries of a page to what listings promise: below the path, behind the cursor, ascending bytewise: with `/`
/// before every other byte, or where it lies among them (`MOOR_CAP_WALK_BY_KEY`).
struct EntryOrder {
    private let path: UnsafeRawBufferPointer
    /// Where the names begin in an entry's path.
    private let start: Int
    private let isByKey: Bool
    /// What the next entry must come behind: the part of a path behind `start`; borrowed.
    private var last: UnsafeRawBufferPointer?

    /// - Parameters:
    ///   - path: of the listing.
    ///   - token: a cursor; one that begins with the byte 0 holds the name that the page begins behind.
    ///   - isByKey: whether `/` is a byte like others.
    init(path: moor_str, token: moor_bytes, isByKey: Bool = false) {
        self.isByKey = isByKey
        self.path = UnsafeRawBufferPointer(start: path.ptr, count: path.len)
        start = path.len == 1 ? 1 : path.len + 1
        let cursor = UnsafeRawBufferPointer(start: token.ptr, count: token.len)
        last = cursor.first == 0 && cursor.count > 1 ? UnsafeRawBufferPointer(rebasing: cursor[1...]) : nil
    }

    /// Whether the entry may come next. Its memory must stay until the next one was asked for.
    mutating func accepts(_ entry: moor_str) -> Bool {
        let entry = UnsafeRawBufferPointer(start: entry.ptr, count: entry.len)
        guard entry.count > start, let bytes = entry.baseAddress, let prefix = path.baseAddress,
            entry[start - 1] == UInt8(ascii: "/"), memcmp(bytes, prefix, path.count) == 0
        else { return false }
        let name = UnsafeRawBufferPointer(rebasing: entry[start...])
        defer { last = name }
        return last.map { precedes($0, name) } ?? true
    }

    private func precedes(_ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer) -> Bool {
        let common = min(left.count, right.count)
        var index = 0
        while index < common, left[index] == right[index] { index += 1 }
        guard index < common else { return left.count < right.count }
        return key(left[index]) < key(right[index])
    }

    private func key(_ byte: UInt8) -> UInt8 { byte == UInt8(ascii: "/") && !isByKey ? 0 : byte }
}
