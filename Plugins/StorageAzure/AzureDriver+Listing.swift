import ObjectStoreKit
import PluginKit

extension AzureDriver {
    /// Whether a blob's name stands for an object: what writers stage is hidden.
    static func isObject(_ entry: AzureBlobPage.Entry) -> Bool {
        !entry.isIncomplete && AzureStagingName(blob: entry.name) == nil
    }

    /// Whether there are objects below a path.
    func isPrefix(_ path: String, _ deadline: Deadline) async throws -> Bool {
        let prefix = service.address.prefix(of: path)
        var marker = ""
        var limit = 2
        repeat {
            let page = try await listBlobs(prefix: prefix, marker: marker, limit: limit, deadline: deadline)
            if page.entries.contains(where: Self.isObject) { return true }
            marker = page.nextMarker
            limit = 5000
        } while !marker.isEmpty
        return false
    }

    // MARK: Children

    func list(_ path: String, from start: ListStart, limit: Int, _ call: CallContext) async throws -> ListPage {
        var place = try ListPlace(start)
        let deadline = Deadline(call)
        while true {
            let (page, next) = try await children(path, place, limit, deadline)
            // A page that holds nothing new is no page: the next one is looked at right away.
            guard page.count == 0, let next, page.continueAt != nil else { return page }
            place = next
            try call.checkCancellation()
        }
    }

    /// One page of the service, in the order of names.
    private func children(
        _ path: String, _ place: ListPlace, _ limit: Int, _ deadline: Deadline
    ) async throws -> (ListPage, ListPlace?) {
        let prefix = service.address.prefix(of: path)
        var listing = KeyedListing(behind: place.name)
        let skips = place.marker.isEmpty && !place.name.isEmpty
        let count = skips ? 5000 : min(max(limit, 1) + listing.surplus, 5000)
        let found = try await listBlobs(
            prefix: prefix, delimiter: true, marker: place.marker, limit: count, deadline: deadline)
        for entry in found.entries { add(entry, below: prefix, to: &listing) }
        if !found.nextMarker.isEmpty, let last = found.entries.last {
            try await addMissing(before: last, prefix, path, to: &listing, deadline)
        }
        var page = listing.page(below: path, limit: max(limit, 1), storeHasMore: false)
        let isCut = page.hasMore
        guard isCut || !found.nextMarker.isEmpty else { return (page, nil) }
        // Entries of this page that didn't fit come again; else the service's next page follows.
        let name = page.lastName ?? place.name
        let next = ListPlace(marker: isCut ? place.marker : found.nextMarker, name: name)
        page.continueAt = next.token
        return (page, next)
    }

    private func add(_ entry: AzureBlobPage.Entry, below prefix: String, to listing: inout KeyedListing) {
        guard entry.isPrefix || Self.isObject(entry), entry.name.hasPrefix(prefix) else { return }
        let name = entry.name.utf8.dropFirst(prefix.utf8.count)
        listing.append(
            entry.isPrefix ? name.dropLast() : name, entry.isPrefix ? .prefix : .object, size: entry.size,
            modifiedNanoseconds: entry.modifiedNanoseconds)
    }

    /// Prefixes whose names belong before the end of the page and whose keys come behind it.
    private func addMissing(
        before last: AzureBlobPage.Entry, _ prefix: String, _ path: String, to listing: inout KeyedListing,
        _ deadline: Deadline
    ) async throws {
        let lastName = last.name.utf8.dropFirst(prefix.utf8.count)
        let names = listing.names(toProbeBefore: last.isPrefix ? lastName.dropLast() : lastName)
        let parent = path == "/" ? "" : path
        let stands = try await Parallel.map(names, limit: 16) { name in
            try await self.isPrefix("\(parent)/\(name)", deadline)
        }
        for (name, isThere) in zip(names, stands) where isThere { listing.append(name.utf8, .prefix) }
    }

    // MARK: Walks

    func walk(_ path: String, from start: ListStart, limit: Int, _ call: CallContext) async throws -> ListPage {
        var place = try ListPlace(start)
        let prefix = service.address.prefix(of: path)
        let deadline = Deadline(call)
        var page = ListPage(below: path)
        while true {
            let skips = place.marker.isEmpty && !place.name.isEmpty
            let found = try await listBlobs(
                prefix: prefix, marker: place.marker, limit: skips ? 5000 : max(limit, 1), deadline: deadline)
            await sweep(found.entries, deadline)
            for entry in found.entries where Self.isObject(entry) && entry.name.hasPrefix(prefix) {
                let name = Array(entry.name.utf8.dropFirst(prefix.utf8.count))
                guard place.name.lexicographicallyPrecedes(name), isWalkable(name) else { continue }
                guard page.count < max(limit, 1) else {
                    page.continueAt = ListPlace(marker: place.marker, name: page.lastName ?? place.name).token
                    return page
                }
                name.withUnsafeBytes {
                    page.append($0, .object, size: entry.size, modifiedNanoseconds: entry.modifiedNanoseconds)
                }
            }
            if found.nextMarker.isEmpty { return page }
            place = ListPlace(marker: found.nextMarker, name: page.lastName ?? place.name)
            if page.count > 0 {
                page.continueAt = place.token
                return page
            }
            try call.checkCancellation()
        }
    }

    /// Removes what a writer left that died between making its staging blob whole and removing it. Nobody goes on with
    /// an upload after a week: the service drops blocks that wait so long.
    private func sweep(_ entries: [AzureBlobPage.Entry], _ deadline: Deadline) async {
        let end = Timestamp.now().adding(seconds: -7 * 86_400).unixNanoseconds
        for entry in entries where !entry.isPrefix && AzureStagingName(blob: entry.name) != nil {
            guard entry.modifiedNanoseconds > 0, entry.modifiedNanoseconds < end else { continue }
            try? await deleteBlob(entry.name, deadline)
        }
    }

    /// Whether each part of a relative path is a name that the ABI can express.
    private func isWalkable(_ path: [UInt8]) -> Bool {
        path.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .allSatisfy { part in part.withUnsafeBytes(StoragePath.isName) }
    }
}

/// Where a listing goes on: at a page of the service, behind a name.
struct ListPlace {
    /// The service's; empty: its first page. It knows no other way to begin, so a listing that starts behind a name without
    /// a marker passes over what comes before.
    var marker: String
    var name: [UInt8]

    init(marker: String, name: [UInt8]) {
        self.marker = marker
        self.name = name
    }

    init(_ start: ListStart) throws(PluginError) {
        switch start {
        case .beginning: self.init(marker: "", name: [])
        case .after(let name): self.init(marker: "", name: Array(name))
        case .token(let token):
            guard let end = token.firstIndex(of: 0) else { throw ListPlace.malformed }
            let marker = token[..<end]
            // It becomes a part of a request.
            guard marker.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else { throw ListPlace.malformed }
            self.init(marker: String(decoding: marker, as: UTF8.self), name: Array(token[(end + 1)...]))
        case .foreign: throw ListPlace.malformed
        }
    }

    /// Marker, a zero byte, name.
    var token: [UInt8] { Array(marker.utf8) + [0] + name }

    private static var malformed: PluginError {
        PluginError(.invalidArgument, "this token isn't one of this driver's", noEffect: true)
    }
}
