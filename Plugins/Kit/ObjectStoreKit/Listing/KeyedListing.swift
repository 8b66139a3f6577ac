public import PluginKit

/// Direct children as a store gives them that orders keys, put into the order of names.
///
/// S3 and GCS order whole keys: `foo-bar/` and `foo.x` come before `foo/`, because `-` and `.` sort before `/`. The ABI
/// wants `foo` first. What stands on a page of the store only needs sorting. What may be missing on it are prefixes whose
/// key lies behind the page's last key while their name belongs before it: such a name is the part of the last key's name
/// before one of its `-` or `.`. So a page costs at most one look for each of those, and the last page none.
public struct KeyedListing: Sendable {
    /// A child by its name.
    struct Entry: Sendable {
        let name: [UInt8]
        let kind: ObjectStat.Kind
        let size: UInt64
        let modifiedNanoseconds: Int64
    }

    private var entries: [Entry] = []
    private let start: [UInt8]

    /// A page that begins behind `start`; empty: at the first entry.
    public init(behind start: some Sequence<UInt8>) { self.start = Array(start) }

    /// How many entries it has.
    public var count: Int { entries.count }

    /// The most entries of the store's page that don't belong on this one: `start` itself and the parts before its `-`
    /// and `.`. Who wants at least one entry asks the store for so many more.
    public var surplus: Int { KeyedListing.heads(of: start).count + 1 }

    /// Adds an entry by its name, without a `/` at the end. Names that the ABI can't express, names of drivers and names
    /// that the page begins behind are left out.
    public mutating func append(
        _ name: some Sequence<UInt8>, _ kind: ObjectStat.Kind, size: UInt64 = 0, modifiedNanoseconds: Int64 = 0
    ) {
        let name = Array(name)
        guard name.withUnsafeBytes(StoragePath.isName), start.lexicographicallyPrecedes(name) else { return }
        entries.append(Entry(name: name, kind: kind, size: size, modifiedNanoseconds: modifiedNanoseconds))
    }

    /// The names to look for as prefixes, if the store's page wasn't its last one; what is found is appended.
    /// - Parameter lastName: of the last key on the store's page, also if it was left out.
    public func names(toProbeBefore lastName: some Sequence<UInt8>) -> [String] {
        KeyedListing.heads(of: Array(lastName)).filter { head in
            start.lexicographicallyPrecedes(head) && !entries.contains { $0.name == head && $0.kind == .prefix }
        }.map { String(decoding: $0, as: UTF8.self) }
    }

    /// The first `limit` entries in the order of names. A name that is an object and a prefix counts as an object.
    /// - Parameter storeHasMore: whether the store has keys behind its page.
    public func page(below path: String, limit: Int, storeHasMore: Bool) -> ListPage {
        let ordered = ordered
        var page = ListPage(below: path, reserving: min(limit, ordered.count))
        for entry in ordered.prefix(limit) {
            entry.name.withUnsafeBytes {
                page.append($0, entry.kind, size: entry.size, modifiedNanoseconds: entry.modifiedNanoseconds)
            }
        }
        page.hasMore = storeHasMore || ordered.count > limit
        return page
    }

    /// The first names, in order.
    func firstNames(_ limit: Int) -> [String] {
        ordered.prefix(limit).map { String(decoding: $0.name, as: UTF8.self) }
    }

    /// By name; each name once.
    private var ordered: [Entry] {
        var last: [UInt8] = []
        return entries.sorted {
            $0.name == $1.name ? $0.kind.rawValue < $1.kind.rawValue : $0.name.lexicographicallyPrecedes($1.name)
        }.filter { entry in
            defer { last = entry.name }
            return entry.name != last
        }
    }

    /// The parts of a name before each `-` and `.` that could be names themselves.
    private static func heads(of name: [UInt8]) -> [[UInt8]] {
        name.indices.dropFirst().compactMap { index in
            guard name[index] == UInt8(ascii: "-") || name[index] == UInt8(ascii: ".") else { return nil }
            let head = Array(name[..<index])
            return head.withUnsafeBytes(StoragePath.isName) ? head : nil
        }
    }
}
