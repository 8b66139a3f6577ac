import NIOCore
import RegistryStorage
import Testing

/// P54–P56, and what Distribution's suite leaves out of listing.
@Suite("The ABI's checks: listing")
struct ListingChecks {
    private let names = (0..<25).map { "n\($0)" }.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) }

    private func fill(_ driver: any StorageDriver) async throws {
        for (index, name) in names.enumerated() {
            // Prefixes and objects take turns.
            try await driver.put(index % 2 == 0 ? "/list/\(name)" : "/list/\(name)/below", [UInt8(index)])
        }
    }

    @Test("P54 · Pages of every size give the same entries in bytewise order", arguments: StorageDriverUnderTest.all)
    func paging(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await fill(store.driver)
            for limit in [1, 7, 24, 25, 26, 1000, 10_000] {
                let entries = try await store.driver.entries("/list", page: limit)
                #expect(entries.map { String($0.name) } == names)
                #expect(entries.map(\.kind) == names.indices.map { $0 % 2 == 0 ? .object : .prefix })
            }
            let empty = try await store.driver.list(try StoragePath("/missing/prefix"), from: .start, limit: 10)
            #expect(empty.entries.isEmpty)
            #expect(empty.next == nil)
            let object = try await store.driver.list(try StoragePath("/list/\(names[0])"), from: .start, limit: 10)
            #expect(object.entries.isEmpty, "an object has no children")
            #expect(object.next == nil)
        }
    }

    @Test(
        "P55 · A listing during changes repeats nothing and misses nothing that stays",
        arguments: StorageDriverUnderTest.all)
    func changes(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let stays = (0..<40).map { "stays-\(10 + $0)" }
            for name in stays { try await store.driver.put("/list/\(name)", [1]) }
            let isOver = Flag()
            try await withThrowingTaskGroup { group in
                group.addTask {
                    var generator = SeededGenerator(seed: 55)
                    while !isOver.isSet {
                        let name = "/list/stays-\(Int.random(in: 10..<50, using: &generator))-goes"
                        try await store.driver.put(name, [2])
                        try await store.driver.remove(name)
                        await Task.yield()
                    }
                }
                for _ in 0..<20 {
                    let seen = try await store.driver.children("/list", page: 7)
                    #expect(Set(seen).count == seen.count, "an entry came twice")
                    #expect(Set(stays).isSubset(of: seen))
                    #expect(seen == seen.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
                }
                isOver.set()
                try await group.waitForAll()
            }
        }
    }

    @Test("P56 · A walk gives what listing every level gives, in its own order", arguments: StorageDriverUnderTest.all)
    func walk(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let root = try StoragePath("/tree")
            guard store.has(.walk) else {
                await expectError(.unsupported) { try await store.driver.walk(root, from: .start, limit: 10) }
                return
            }
            for path in ["a", "a.b", "a-b/c", "b/c/d/e", "b/c.d", "b/c/d.e", "z"] {
                try await store.driver.put("/tree/\(path)", Array(path.utf8))
            }
            try await store.driver.put("/tree-not/a", [1])
            let expected = try await store.driver.objects(below: "/tree").sorted {
                precedesInWalk($0, $1, byKey: store.has(.walkByKey))
            }
            for limit in [1, 2, 3, 1000] {
                var cursor = StorageCursor.start
                var seen: [String] = []
                while true {
                    let page = try await store.driver.walk(root, from: cursor, limit: limit)
                    let again = try await store.driver.walk(root, from: cursor, limit: limit)
                    #expect(page.entries == again.entries, "a token can be used twice")
                    #expect(page.entries.count <= limit)
                    #expect(page.entries.allSatisfy { $0.kind == .object })
                    seen += page.entries.map(\.path)
                    guard let next = page.next else { break }
                    cursor = .token(next)
                }
                #expect(seen == expected)
            }
        }
    }

    @Test(
        "M5 · A walk below nothing is an empty page, and starts behind any name", arguments: StorageDriverUnderTest.all)
    func walkStarts(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            guard store.has(.walk) else {
                await expectError(.unsupported) { try await store.driver.walk(.root, from: .start, limit: 10) }
                return
            }
            for prefix in [StoragePath.root, try StoragePath("/nothing/here")] {
                let page = try await store.driver.walk(prefix, from: .start, limit: 10)
                #expect(page.entries.isEmpty)
                #expect(page.next == nil)
            }
            for path in ["/w/a", "/w/b/c", "/w/b/d", "/w/e"] { try await store.driver.put(path, [1]) }
            let expected = ["": 4, "a": 3, "b": 3, "b/c": 2, "b/zzz": 1, "d": 1, "e": 0, "zzz": 0]
            for (name, count) in expected {
                let page = try await store.driver.walk(try StoragePath("/w"), from: .after(name), limit: 10)
                #expect(page.entries.count == count, "behind \"\(name)\": \(page.entries.map(\.path))")
            }
        }
    }

    @Test("M6 · 1,050 children come in pages", arguments: StorageDriverUnderTest.all)
    func manyChildren(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            let names = (0..<1050).map { "child-\(1000 + $0)" }
            try await withThrowingTaskGroup { group in
                for lane in 0..<8 {
                    group.addTask {
                        for index in stride(from: lane, to: names.count, by: 8) {
                            try await store.driver.put("/many/\(names[index])", [])
                        }
                    }
                }
                try await group.waitForAll()
            }
            let first = try await store.driver.list(try StoragePath("/many"), from: .start, limit: 10_000)
            #expect(first.entries.count <= 1050)
            #expect(try await store.driver.children("/many", page: 10_000) == names)
            #expect(try await store.driver.children("/many", page: 333) == names)
        }
    }

    @Test(
        "M18 · A listing starts behind any name, and its tokens outlive the instance",
        arguments: StorageDriverUnderTest.all)
    func tokens(subject: StorageDriverUnderTest) async throws {
        try await subject.withStore { store in
            try await fill(store.driver)
            let list = try StoragePath("/list")
            for name in [names[3], names[3] + "0", "a", "zzz"] {
                let page = try await store.driver.list(list, from: .after(name), limit: 1000)
                let behind = names.filter { Array(name.utf8).lexicographicallyPrecedes(Array($0.utf8)) }
                #expect(page.entries.map { String($0.name) } == behind)
            }
            let first = try await store.driver.list(list, from: .start, limit: 10)
            let token = try #require(first.next)
            // What the token may stand on goes, and something comes before it.
            try await store.driver.remove("/list/\(names[9])", tree: true)
            try await store.driver.put("/list/a-new-one", [1])
            let other = try await store.other()
            let rest = try await other.list(list, from: .token(token), limit: 1000)
            #expect(rest.entries.map { String($0.name) } == Array(names[10...]))
        }
    }

    /// `/` sorts before every other byte, or among them.
    private func precedesInWalk(_ left: String, _ right: String, byKey: Bool) -> Bool {
        func key(_ path: String) -> [UInt8] { path.utf8.map { $0 == UInt8(ascii: "/") && !byKey ? 0 : $0 } }
        return key(left).lexicographicallyPrecedes(key(right))
    }
}
