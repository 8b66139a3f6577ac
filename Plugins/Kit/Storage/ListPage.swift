import PluginABI

/// Where a page of a listing begins.
public enum ListStart {
    /// At the first entry.
    case beginning
    /// Behind this name (`list`) or relative path (`walk`). Empty: at the first entry.
    case after(UnsafeRawBufferPointer)
    /// Where an earlier page of this driver said (`ListPage.continueAt`).
    case token([UInt8])
    /// A token that this kit didn't make; a middleware hands it to the inner storage, a driver refuses it.
    case foreign([UInt8])

    /// A token begins with 0x00 and a name, which every driver takes; what a driver makes itself goes behind 0x01.
    init(_ token: moor_bytes) throws(PluginError) {
        let bytes = token.bytes
        guard let kind = bytes.first else {
            self = .beginning
            return
        }
        let rest = UnsafeRawBufferPointer(rebasing: bytes[1...])
        switch kind {
        case 0: self = .after(rest)
        case 1: self = .token([UInt8](rest))
        default: self = .foreign([UInt8](bytes))
        }
    }

    /// The token in the form in which it came.
    var rawToken: [UInt8] {
        switch self {
        case .beginning: []
        case .after(let name): [0] + name
        case .token(let bytes): [1] + bytes
        case .foreign(let bytes): bytes
        }
    }
}

/// One page of a listing, filled by the driver in bytewise ascending order.
///
/// All names lie in one block of memory; a page costs a handful of allocations whatever its length.
public struct ListPage: Sendable {
    private struct Entry {
        var start: Int
        var end: Int
        var kind: ObjectStat.Kind
        var size: UInt64
        var modified: Int64
    }

    private var arena: [UInt8] = []
    private var entries: [Entry] = []
    /// Length of what every path in the arena begins with: the listed path and a `/`.
    private let prefixCount: Int
    private let prefix: [UInt8]
    /// Whether more entries follow. The next page then begins behind the last entry.
    public var hasMore = false
    /// Where the next page begins, for a backend that has its own tokens. Instead of `hasMore`.
    public var continueAt: [UInt8]?

    /// A whole token of another storage, to be handed back to it.
    var rawToken: [UInt8]?

    /// An empty page of what lies below a path.
    public init(below path: StoragePath, reserving count: Int = 0) {
        self.init(prefix: path.isRoot ? [UInt8(ascii: "/")] : path.bytes + [UInt8(ascii: "/")], reserving: count)
    }

    /// As above, for the path of an async driver.
    public init(below path: String, reserving count: Int = 0) {
        self.init(prefix: Array(path == "/" ? path.utf8 : (path + "/").utf8), reserving: count)
    }

    init(prefix: [UInt8], reserving count: Int = 0) {
        self.prefix = prefix
        prefixCount = prefix.count
        entries.reserveCapacity(count)
        arena.reserveCapacity(count * (prefixCount + 24))
    }

    /// How many entries it holds.
    public var count: Int { entries.count }

    /// The name, or in a walk the relative path, of the last entry.
    public var lastName: [UInt8]? { entries.last.map { Array(arena[($0.start + prefixCount)..<$0.end]) } }

    /// Appends an entry by its name, or in a walk by its path relative to the listed one. Size and time may be 0.
    public mutating func append(
        _ name: UnsafeRawBufferPointer, _ kind: ObjectStat.Kind, size: UInt64 = 0, modifiedNanoseconds: Int64 = 0
    ) {
        let start = arena.count
        arena.append(contentsOf: prefix)
        arena.append(contentsOf: name)
        entries.append(
            Entry(start: start, end: arena.count, kind: kind, size: size, modified: modifiedNanoseconds))
    }

    /// As above, from a string.
    public mutating func append(
        _ name: String, _ kind: ObjectStat.Kind, size: UInt64 = 0, modifiedNanoseconds: Int64 = 0
    ) {
        var name = name
        name.withUTF8 {
            append(UnsafeRawBufferPointer($0), kind, size: size, modifiedNanoseconds: modifiedNanoseconds)
        }
    }

    /// Lends the page as the ABI wants it, for one completion.
    func withCPage(_ body: (UnsafePointer<moor_page>) -> Void) {
        let token = nextToken()
        arena.withUnsafeBufferPointer { arena in
            let stats = entries.map { entry in
                var stat = moor_stat()
                stat.struct_size = UInt32(MemoryLayout<moor_stat>.size)
                stat.kind = entry.kind.rawValue
                stat.size = entry.size
                stat.mtime_ns = entry.modified
                stat.path = moor_str(UnsafeBufferPointer(rebasing: arena[entry.start..<entry.end]))
                return stat
            }
            stats.withUnsafeBufferPointer { stats in
                let pointers = stats.indices.map { stats.baseAddress?.advanced(by: $0) }
                pointers.withUnsafeBufferPointer { pointers in
                    token.withUnsafeBufferPointer { token in
                        var page = moor_page()
                        page.struct_size = UInt32(MemoryLayout<moor_page>.size)
                        page.flags = token.isEmpty ? MOOR_PAGE_LAST : 0
                        page.entries = pointers.baseAddress
                        page.nentries = pointers.count
                        page.next_token = moor_bytes(token)
                        body(&page)
                    }
                }
            }
        }
    }

    private func nextToken() -> [UInt8] {
        if let rawToken { return rawToken }
        if let continueAt { return [1] + continueAt }
        guard hasMore, let last = entries.last else { return [] }
        return [0] + arena[(last.start + prefixCount)..<last.end]
    }
}
