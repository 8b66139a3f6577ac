import NIOCore
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

@testable import RegistryCore

@Suite("Listings")
struct ListingTests {
    private let storage = TestStorage()

    private func plant(repository: String) {
        storage.plant("x", at: "/docker/registry/v2/repositories/\(repository)/_manifests/revisions/x/link")
        storage.plant("x", at: "/docker/registry/v2/repositories/\(repository)/_layers/x/link")
    }

    private func plant(tag: String) {
        storage.plant("x", at: "/docker/registry/v2/repositories/a/_manifests/tags/\(tag)/current/link")
    }

    /// All pages of the catalog.
    private func catalog(_ registry: Registry, by limit: Int) async throws -> [String] {
        var names: [String] = []
        var page = try await registry.catalog(after: nil, limit: limit)
        while true {
            names += page.names
            #expect(page.names.count <= limit)
            guard let last = page.next else { return names }
            #expect(page.names.count == limit)
            page = try await registry.catalog(after: last, limit: limit)
            #expect(!page.names.isEmpty, "a page that was promised")
        }
    }

    private static let names = [
        "0", "0/0", "a", "a/0", "a/1", "a/1/b", "a/b", "a/b/c", "a-b", "a.b", "a/b-c", "a_b", "ab", "b/c/d", "z",
    ]

    /// Component by component, a repository before those below it.
    private static var ordered: [String] {
        names.sorted { $0.split(separator: "/").lexicographicallyPrecedes($1.split(separator: "/")) }
    }

    @Test("All repositories come once, in order, whatever the size of the pages", arguments: 1...16)
    func catalogPages(limit: Int) async throws {
        for name in Self.names { plant(repository: name) }
        #expect(try await catalog(Registry(storage), by: limit) == Self.ordered)
        #expect(storage.violations.isEmpty, "\(storage.violations)")
    }

    @Test(
        "A page begins behind its last, whether it exists or not",
        arguments: [
            "", "a", "a/", "a/0", "a/00", "a/b", "a/b/c", "a/b/c/d/e/f", "aa", "/", "//a", "zz", "z", "~", "Z", "!",
            "a!",
            "a~", "a/~", "é", "\u{0}", "..", "../..", ".", "_", "_layers", "a/_layers", "a/_manifests/revisions", "a:b",
            "a?", String(repeating: "a", count: 5000), String(repeating: "a/", count: 5000),
            String(repeating: "z", count: 255),
        ])
    func catalogLast(last: String) async throws {
        for name in Self.names { plant(repository: name) }
        let page = try await Registry(storage).catalog(after: last, limit: 100)
        let start = last.split(separator: "/").map { Array($0.utf8) }
        // Repositories before a folder of the layout: `_` sorts behind digits only in the storage, not for clients.
        let expected = Self.ordered.filter {
            let name = $0.split(separator: "/").map { Array($0.utf8) }
            return start.lexicographicallyPrecedes(name) { $0.lexicographicallyPrecedes($1) }
        }
        if !last.contains(".") { #expect(page.names == expected) }
        #expect(!page.hasMore)
        #expect(storage.violations.isEmpty, "\(storage.violations)")
    }

    @Test("What is no repository is not listed: uploads alone, stray folders and files")
    func strayFolders() async throws {
        plant(repository: "real")
        for path in [
            "uploading/_uploads/x/data", "folder/sub/file", "file", "_odd/_manifests/x", "real/_odd/_manifests/x",
        ] {
            storage.plant("x", at: "/docker/registry/v2/repositories/\(path)")
        }
        let page = try await Registry(storage).catalog(after: nil, limit: 10)
        #expect(page.names == ["real"])
        #expect(!page.hasMore)
    }

    @Test("However many folders are no repositories, a page looks at so many, and the next goes on there")
    func strangers() async throws {
        let registry = Registry(storage)
        for index in 0..<2200 {
            storage.plant("x", at: "/docker/registry/v2/repositories/b\(1000 + index)/_uploads/x/data")
        }
        for name in ["a", "b2500", "b2500/deep", "c"] { plant(repository: name) }
        var (names, last, pages): ([String], String?, Int) = ([], nil, 0)
        repeat {
            storage.forget()
            let page = try await registry.catalog(after: last, limit: 10)
            #expect(storage.calls.count < 1300)
            names += page.names
            (last, pages) = (page.next, pages + 1)
        } while last != nil && pages < 10
        #expect(names == ["a", "b2500", "b2500/deep", "c"])
        #expect(pages == 3)
    }

    @Test("Neither names that no client can ask for are listed nor folders that can't be read, and all others are")
    func otherFolders() async throws {
        let long = (0..<3).map { _ in String(repeating: "l", count: 100) }.joined(separator: "/")
        for name in ["a", "a/b", "c", "UPPER", "UPPER/low", "lost+found", "x..y", "-x", "c/.hidden", long] {
            plant(repository: name)
        }
        let expected = ["a", "a/b", "c"]
        #expect(try await Registry(storage).catalog(after: nil, limit: 10).names == expected)
        storage.fail { call, _ in
            call.path.hasSuffix("/repositories/a") ? .before(StorageError(.permission, "no")) : nil
        }
        #expect(try await Registry(storage).catalog(after: nil, limit: 10).names == ["c"])
        #expect(try await Registry(storage).catalog(after: "a/a", limit: 10).names == ["c"])
        storage.fail { call, _ in
            call.path.hasSuffix("/repositories") ? .before(StorageError(.permission, "no")) : nil
        }
        let error = await failure { _ = try await Registry(storage).catalog(after: nil, limit: 10) }
        #expect(error?.code == .unavailable)
    }

    @Test("Among the tags only what a tag can be called is listed")
    func otherTags() async throws {
        for tag in ["ok", ".hidden", "-x", String(repeating: "t", count: 129), String(repeating: "t", count: 128)] {
            plant(tag: tag)
        }
        storage.plant("x", at: "/docker/registry/v2/repositories/a/_manifests/tags/file")
        let tags = ["ok", String(repeating: "t", count: 128)]
        #expect(try await Registry(storage).tags(try name("a"), after: nil, limit: nil).names == tags)
        #expect(try await Registry(storage).tags(try name("a"), after: nil, limit: 2).names == tags)
    }

    @Test("An empty registry has an empty catalog, and a page of nothing is empty")
    func emptyCatalog() async throws {
        #expect(try await Registry(storage).catalog(after: nil, limit: 100).names.isEmpty)
        plant(repository: "a")
        let page = try await Registry(storage).catalog(after: nil, limit: 0)
        #expect(page.names.isEmpty && !page.hasMore)
        #expect(try await Registry(storage).catalog(after: nil, limit: .max).names == ["a"])
    }

    @Test("A repository stays listed without its last tag, and one with thousands of children by digits is found")
    func marker() async throws {
        for index in 0..<1500 { plant(repository: "many/\(index)") }
        let page = try await Registry(storage).catalog(after: nil, limit: 2)
        #expect(page.names == ["many/0", "many/1"])
        plant(repository: "many")
        #expect(try await Registry(storage).catalog(after: nil, limit: 2).names == ["many", "many/0"])
    }

    @Test("Among 2,000 repositories a page costs the page")
    func catalogCost() async throws {
        for index in 0..<1000 {
            plant(repository: "flat-\(1000 + index)")
            plant(repository: "group/\(1000 + index)/deep")
        }
        let registry = Registry(storage)
        for last in [nil, "flat-1500", "group/1500/deep", "group/1999"] {
            storage.forget()
            let page = try await registry.catalog(after: last, limit: 50)
            let names = page.names.count
            // One listing for each repository and each folder on the way, and a few for where the page begins.
            #expect(storage.calls.count <= 2 * (names + 1) + 8, "\(last ?? "start"): \(storage.calls.count)")
        }
        storage.forget()
        #expect(try await catalog(registry, by: 500).count == 2000)
        #expect(storage.calls.count < 3500)
        storage.forget()
        // A name that isn't there costs no more for being long.
        _ = try await registry.catalog(after: String(repeating: "a/", count: 2000), limit: 1)
        #expect(storage.calls.count < 10)
        // Nor does one that names a folder of the layout, whatever lies in it.
        for index in 0..<200 {
            storage.plant("x", at: "/docker/registry/v2/repositories/a/_layers/sha256/\(index)/link")
        }
        for last in ["a/_layers", "a/_layers/sha256", "_layers"] {
            storage.forget()
            _ = try await registry.catalog(after: last, limit: 1)
            #expect(storage.calls.count < 10, "\(last)")
        }
    }

    // MARK: Tags

    @Test("Tags come byte by byte in order, in pages of any size", arguments: [1, 2, 3, 7, 100])
    func tagPages(limit: Int) async throws {
        let tags = ["0.1.2", "0.1.20", "1", "A", "B", "_", "a", "a-b", "a.b", "a_b", "latest", "latest."]
        for tag in tags { plant(tag: tag) }
        let registry = Registry(storage)
        #expect(try await registry.tags(try name("a"), after: nil, limit: nil).names == tags)
        var found: [String] = []
        var page = try await registry.tags(try name("a"), after: nil, limit: limit)
        while true {
            found += page.names
            guard page.hasMore, let last = page.names.last else { break }
            page = try await registry.tags(try name("a"), after: last, limit: limit)
        }
        #expect(found == tags)
    }

    @Test("Without a limit all tags come, however many, and a page of few costs one call")
    func manyTags() async throws {
        for index in 0..<2500 { plant(tag: "t\(10_000 + index)") }
        let registry = Registry(storage)
        storage.forget()
        #expect(try await registry.tags(try name("a"), after: nil, limit: nil).names.count == 2500)
        #expect(storage.calls.count == 3)
        storage.forget()
        let page = try await registry.tags(try name("a"), after: "t11000", limit: 10)
        #expect(page.names == (1...10).map { "t\(11_000 + $0)" })
        #expect(storage.calls.count == 1)
    }

    @Test(
        "Tags begin behind any text at all",
        arguments: [
            "", "a", "b", "!", "a!", "a~", "a/", "a:", "é", "\u{0}", ".", "..", "-", "a\u{0}b", "z", "~", "`", "@", "^",
            String(repeating: "a", count: 10_000),
        ])
    func tagsLast(last: String) async throws {
        let tags = ["0", "9", "A", "Z", "_", "a", "a-", "a.", "a0", "aA", "a_", "aa", "az", "b", "z"]
        for tag in tags { plant(tag: tag) }
        let page = try await Registry(storage).tags(try name("a"), after: last, limit: nil)
        #expect(page.names == tags.filter { last.utf8.lexicographicallyPrecedes($0.utf8) })
    }

    @Test("An unknown repository is NAME_UNKNOWN, one without tags has none")
    func unknownRepository() async throws {
        let registry = Registry(storage)
        let error = await failure { _ = try await registry.tags(try name("nowhere"), after: nil, limit: nil) }
        #expect(error?.code == .nameUnknown)
        #expect(error?.detail == .fields(["name": "nowhere"]))
        plant(repository: "a")
        #expect(try await registry.tags(try name("a"), after: nil, limit: nil).names.isEmpty)
        plant(tag: "one")
        #expect(try await registry.tags(try name("a"), after: "zzz", limit: 5).names.isEmpty)
    }
}
