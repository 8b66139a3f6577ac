import PluginKit
import Testing

@testable import ObjectStoreKit

/// A store that orders keys, and what a driver makes of its pages.
@Suite("Listings in the order of names")
struct KeyedListingTests {
    /// All pages of `limit` names over a store whose pages hold `raw` keys.
    private func names(_ children: [String], limit: Int, raw: Int) -> [String] {
        let keys = children.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
        var seen: [String] = []
        var start = ""
        while true {
            var listing = KeyedListing(behind: start.utf8)
            let from = keys.firstIndex { !$0.utf8.lexicographicallyPrecedes((start + "!").utf8) || start.isEmpty }
            let page = Array(keys[(from ?? keys.count)...].prefix(max(raw, listing.surplus + 1)))
            for key in page { listing.append((key.hasSuffix("/") ? String(key.dropLast()) : key).utf8, kind(key)) }
            let hasMore = page.last != nil && page.last != keys.last
            if hasMore, let last = page.last {
                let name = last.hasSuffix("/") ? String(last.dropLast()) : last
                for missing in listing.names(toProbeBefore: name.utf8) where keys.contains(missing + "/") {
                    listing.append(missing.utf8, .prefix)
                }
            }
            let result = listing.page(below: "/", limit: limit, storeHasMore: hasMore)
            let given = listing.firstNames(limit)
            seen += given
            guard result.hasMore, let last = given.last else { return seen }
            start = last
        }
    }

    private func kind(_ key: String) -> ObjectStat.Kind { key.hasSuffix("/") ? .prefix : .object }

    @Test("Pages of every size give each name once, in order")
    func pages() {
        let sets = [
            ["foo/", "foo-bar/", "foo.x", "foo0", "fo/", "a", "z/"],
            ["v1/", "v1-rc1/", "v1.0/", "v1.0-rc/", "v1.0.1/", "v10/", "v1.0-rc.2"],
            ["a/", "a-/", "a-a/", "a-a-a/", "a-a-a-a", "a.a/", "a-a.a"], [],
            (0..<40).map { "x-\($0 / 7).\($0 % 7)" + ($0 % 3 == 0 ? "" : "/") } + ["x/", "x-1/", "x-2/"],
        ]
        for children in sets {
            let expected = children.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 }
                .sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
            for limit in 1...8 {
                for raw in [1, 2, 3, 5, 100] {
                    #expect(names(children, limit: limit, raw: raw) == expected, "\(limit) of \(raw): \(children)")
                }
            }
        }
    }

    @Test("Only parts of the last name are looked for, and none that is known")
    func probes() {
        var listing = KeyedListing(behind: "foo".utf8)
        listing.append("foo-a".utf8, .prefix)
        listing.append("foo-b".utf8, .object)
        listing.append("foo-b.c-d".utf8, .prefix)
        #expect(listing.names(toProbeBefore: "foo-b.c-d".utf8) == ["foo-b", "foo-b.c"])
        listing.append("foo-b.c".utf8, .prefix)
        #expect(listing.names(toProbeBefore: "foo-b.c-d".utf8) == ["foo-b"])
        #expect(listing.names(toProbeBefore: "plain".utf8).isEmpty)
        #expect(KeyedListing(behind: "".utf8).names(toProbeBefore: "..a".utf8).isEmpty)
    }

    @Test("What can't be named isn't there; an object wins over a prefix of its name")
    func unseen() {
        var listing = KeyedListing(behind: "".utf8)
        listing.append("a b".utf8, .object)
        listing.append("".utf8, .object)
        listing.append(".x.0123456789abcdef0123456789abcdef.tmp".utf8, .object)
        listing.append("both".utf8, .prefix)
        listing.append("both".utf8, .object, size: 7)
        #expect(listing.count == 2)
        #expect(listing.firstNames(10) == ["both"])
        #expect(listing.page(below: "/", limit: 10, storeHasMore: false).count == 1)
    }
}
