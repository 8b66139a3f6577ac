import ObjectStoreKit
import PluginKit

extension S3Driver {
    func list(_ path: String, from start: ListStart, limit: Int, _ call: CallContext) async throws -> ListPage {
        let (prefix, deadline) = (bucket.prefix(path), Deadline(call))
        let name = try S3Driver.position(start)
        var listing = KeyedListing(behind: name.utf8)
        var after = behind(name, below: prefix)
        while true {
            let page = try await bucket.list(
                prefix, after: after, isFlat: false, limit: limit + listing.surplus, deadline)
            let last = add(page, below: prefix, to: &listing)
            guard page.isTruncated, !last.isEmpty else {
                return listing.page(below: path, limit: limit, storeHasMore: false)
            }
            if listing.count > 0 {
                try await probe(last, below: path, &listing, deadline)
                return listing.page(below: path, limit: limit, storeHasMore: true)
            }
            // Nothing on it was to be shown.
            after = behind(last, below: prefix)
        }
    }

    /// The key behind which the keys are that come behind a name or a path. A store with folders takes a name for that of a
    /// folder, and leaves out what is in it; with a slash it doesn't.
    private func behind(_ name: String, below prefix: String) -> String {
        name.isEmpty ? "" : prefix + name + (hasFolders ? "/" : "")
    }

    /// Adds the children on a page.
    /// - Returns: the last name on it in the store's order.
    private func add(
        _ page: S3Answers.Listing, below prefix: String, to listing: inout KeyedListing
    ) -> String {
        var last = ""
        for object in page.objects {
            guard let name = ObjectKey.relative(object.key, to: prefix) else { continue }
            listing.append(
                name.utf8, .object, size: object.size, modifiedNanoseconds: object.modifiedNanoseconds)
            last = name
        }
        for folder in page.prefixes {
            guard let name = ObjectKey.relative(folder, to: prefix) else { continue }
            listing.append(name.utf8.dropLast(), .prefix)
            if last.utf8.lexicographicallyPrecedes(name.utf8) { last = name }
        }
        return last.hasSuffix("/") ? String(last.dropLast()) : last
    }

    /// Looks for prefixes whose names come before that of the page's last key, though their keys come behind it.
    private func probe(
        _ last: String, below path: String, _ listing: inout KeyedListing, _ deadline: Deadline
    ) async throws {
        let names = listing.names(toProbeBefore: last.utf8)
        let parent = path == "/" ? "/" : path + "/"
        let found = try await Parallel.map(names, limit: 8) { try await self.isPrefix(parent + $0, deadline) }
        for (name, isThere) in zip(names, found) where isThere { listing.append(name.utf8, .prefix) }
    }

    func walk(_ path: String, from start: ListStart, limit: Int, _ call: CallContext) async throws -> ListPage {
        let (prefix, deadline) = (bucket.prefix(path), Deadline(call))
        let name = try S3Driver.position(start)
        var after = behind(name, below: prefix)
        while true {
            let found = try await bucket.list(prefix, after: after, limit: limit, deadline)
            var page = ListPage(below: path, reserving: found.objects.count)
            for object in found.objects where ObjectKey.isVisible(object.key, below: prefix) {
                page.append(
                    ObjectKey.relative(object.key, to: prefix) ?? "", .object, size: object.size,
                    modifiedNanoseconds: object.modifiedNanoseconds)
            }
            guard found.isTruncated, let last = found.objects.last.flatMap({ ObjectKey.relative($0.key, to: prefix) })
            else { return page }
            if page.count > 0 {
                // Behind what was looked at, shown or not.
                page.continueAt = Array(last.utf8)
                return page
            }
            after = behind(last, below: prefix)
        }
    }

    /// What a page begins behind, relative to the path; empty: nothing.
    private static func position(_ start: ListStart) throws(PluginError) -> String {
        switch start {
        case .beginning: return ""
        case .after(let name): return String(decoding: name, as: UTF8.self)
        case .token(let bytes):
            guard bytes.count <= 2048, let text = String(validating: bytes, as: UTF8.self) else { break }
            return text
        case .foreign: break
        }
        throw PluginError(.invalidArgument, "the token was not made by this driver", noEffect: true)
    }
}
