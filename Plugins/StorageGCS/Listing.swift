import ObjectStoreKit
import PluginKit

extension Keys {
    /// The path of an object below a prefix, relative to it; nil if it isn't to be seen: an unfinished upload, or a name
    /// that the ABI can't express.
    func relative(_ object: GCSObject, below prefix: String) -> Substring.UTF8View? {
        guard !object.isSuspendedUpload, object.name.utf8.starts(with: prefix.utf8) else { return nil }
        let rest = object.name.utf8.dropFirst(prefix.utf8.count)
        guard !rest.isEmpty else { return nil }
        let isNamed = rest.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).allSatisfy {
            Array($0).withUnsafeBytes(StoragePath.isName)
        }
        return isNamed ? Substring(rest).utf8 : nil
    }
}

extension GCSDriver {
    /// Sorts before every byte that a name can hold, and behind the name itself.
    private static let behind = "!"

    func list(_ path: String, from start: ListStart, limit: Int, _ call: CallContext) async throws -> ListPage {
        let (prefix, behind, deadline) = (keys.prefix(path), try start.name(), Deadline(call))
        var listing = KeyedListing(behind: behind.utf8)
        var query = GCSClient.ListQuery(prefix: prefix, delimiter: true)
        query.limit = min(limit + listing.surplus, 1000)
        if !behind.isEmpty { query.start = prefix + behind + Self.behind }
        while true {
            let page = try await connection.client.list(query, deadline)
            let raw = RawPage(page, asked: query.limit)
            raw.add(to: &listing, below: prefix)
            guard page.nextPageToken != nil, let last = raw.lastKey else {
                return listing.page(below: path, limit: limit, storeHasMore: false)
            }
            let name = last.dropFirst(prefix.count).prefix { $0 != "/" }
            for missing in listing.names(toProbeBefore: name.utf8) {
                if try await hasChildren((path == "/" ? "" : path) + "/" + missing, deadline) {
                    listing.append(missing.utf8, .prefix)
                }
            }
            if listing.count > 0 { return listing.page(below: path, limit: limit, storeHasMore: true) }
            // Nothing on this page is to be seen: behind it, and behind all that a prefix at its end stands for.
            query.start = last.hasSuffix("/") ? String(last.dropLast()) + "0" : last + Self.behind
        }
    }

    func walk(_ path: String, from start: ListStart, limit: Int, _ call: CallContext) async throws -> ListPage {
        let (prefix, behind, deadline) = (keys.prefix(path), try start.name(), Deadline(call))
        var query = GCSClient.ListQuery(prefix: prefix, limit: min(limit, 1000))
        if !behind.isEmpty { query.start = prefix + behind + Self.behind }
        var result = ListPage(below: path, reserving: query.limit)
        while true {
            let page = try await connection.client.list(query, deadline)
            for object in page.items {
                guard let name = keys.relative(object, below: prefix) else { continue }
                Array(name).withUnsafeBytes {
                    result.append($0, .object, size: object.size, modifiedNanoseconds: object.createdNanoseconds)
                }
            }
            result.hasMore = page.nextPageToken != nil
            guard result.count == 0, let token = page.nextPageToken else { return result }
            query.pageToken = token
        }
    }
}

/// A page of the service in the order of keys.
private struct RawPage {
    private let entries: [(key: String, object: GCSObject?)]

    /// The last key; a prefix ends in `/`.
    var lastKey: String? { entries.last?.key }

    /// - Parameter asked: the most entries that were asked for. A page with more (some services count objects alone) is in
    ///   order only up to its last object.
    init(_ page: GCSListing, asked: Int) {
        var entries = page.items.map { (key: $0.name, object: Optional($0)) }
        let end = page.items.last?.name
        let isOverfull = page.nextPageToken != nil && page.items.count + page.prefixes.count > asked
        for prefix in page.prefixes {
            if isOverfull, let end, !prefix.utf8.lexicographicallyPrecedes(end.utf8) { continue }
            entries.append((prefix, nil))
        }
        self.entries = entries.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
    }

    func add(to listing: inout KeyedListing, below prefix: String) {
        for entry in entries where entry.key.utf8.starts(with: prefix.utf8) {
            let name = entry.key.utf8.dropFirst(prefix.utf8.count)
            if let object = entry.object {
                guard !object.isSuspendedUpload else { continue }
                listing.append(
                    name, .object, size: object.size, modifiedNanoseconds: object.createdNanoseconds)
            } else {
                listing.append(name.dropLast(), .prefix)
            }
        }
    }
}

extension ListStart {
    /// The name to begin behind; empty: at the first entry.
    fileprivate func name() throws -> String {
        switch self {
        case .beginning: return ""
        case .after(let name): return String(decoding: name, as: UTF8.self)
        case .token, .foreign:
            throw PluginError(.invalidArgument, "the token wasn't made by this driver", noEffect: true)
        }
    }
}
