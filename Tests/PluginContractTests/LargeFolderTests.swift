import Foundation
import RegistryStorage
import TestSupport
import Testing

/// The driver remembers the names of large directories. Whatever others do to them, a listing must show it at once.
@Suite("Large folders of the filesystem driver")
struct LargeFolderTests {
    /// Longer than file times take to differ, so that the driver begins to remember.
    private let settling = Duration.milliseconds(130)

    private func withFolder(_ names: [String], _ body: (any StorageDriver, String) async throws -> Void) async throws {
        try await StorageDriverUnderTest.filesystem.withStore { store in
            let folder = store.directory + "/many"
            mkdir(folder, 0o755)
            for name in names { mkdir("\(folder)/\(name)", 0o755) }
            try await body(store.driver, folder)
        }
    }

    private func page(_ driver: any StorageDriver, behind name: String?, limit: Int) async throws -> [String] {
        let cursor = name.map { StorageCursor.after($0) } ?? .start
        let page = try await driver.list(try StoragePath("/many"), from: cursor, limit: limit)
        return page.entries.map { "\($0.name)\($0.kind == .prefix ? "/" : "")" }
    }

    /// A change that another program could make.
    private func change(_ folder: String, _ names: inout Set<String>, _ generator: inout SeededGenerator) throws {
        let some = try #require(names.randomElement(using: &generator))
        let new = "n\(Int.random(in: 0..<1_000_000, using: &generator))"
        switch Int.random(in: 0..<5, using: &generator) {
        case 0 where names.count > 800:
            #expect((some.hasSuffix("/") ? rmdir("\(folder)/\(some)") : unlink("\(folder)/\(some)")) == 0)
            names.remove(some)
        case 1:
            let target = some.hasSuffix("/") ? new + "/" : new
            guard !names.contains(new), !names.contains(new + "/") else { return }
            #expect(rename("\(folder)/\(some)", "\(folder)/\(target)") == 0)
            names.remove(some)
            names.insert(target)
        case 2 where some.hasSuffix("/"):
            // The same name, another kind.
            #expect(rmdir("\(folder)/\(some)") == 0)
            #expect(FileManager.default.createFile(atPath: "\(folder)/\(some.dropLast())", contents: nil))
            names.remove(some)
            names.insert(String(some.dropLast()))
        default:
            guard !names.contains(new) else { return }
            mkdir("\(folder)/\(new)", 0o755)
            names.insert(new + "/")
        }
    }

    private func sorted(_ names: Set<String>) -> [String] {
        names.sorted { $0.prefix { $0 != "/" }.utf8.lexicographicallyPrecedes($1.prefix { $0 != "/" }.utf8) }
    }

    @Test("Every change that another program made is in the next page", arguments: [1, 2, 3])
    func changes(seed: UInt64) async throws {
        let initial = (0..<1000).map { "n\($0)" }
        try await withFolder(initial) { driver, folder in
            var names = Set(initial.map { $0 + "/" })
            var generator = SeededGenerator(seed: seed)
            for round in 0..<240 {
                if round % 40 == 0 { try await Task.sleep(for: settling) }
                // Once to remember, then changes of which some fall into one tick of the clock.
                _ = try await page(driver, behind: nil, limit: 10)
                var status = stat()
                stat(folder, &status)
                for _ in 0...Int.random(in: 0..<3, using: &generator) { try change(folder, &names, &generator) }
                if round % 3 == 0 {
                    // As copying programs do: the time of change is put back to what it was.
                    let times = [status.st_atim, status.st_mtim]
                    #expect(utimensat(AT_FDCWD, folder, times, 0) == 0)
                }
                let last = "n\(Int.random(in: 0..<1_000_000, using: &generator))"
                let expected = sorted(names)
                #expect(try await page(driver, behind: nil, limit: 700) == Array(expected.prefix(700)))
                let behind = expected.filter { last.utf8.lexicographicallyPrecedes($0.prefix { $0 != "/" }.utf8) }
                #expect(try await page(driver, behind: last, limit: 50) == Array(behind.prefix(50)))
            }
        }
    }

    @Test("What was made before a listing began is in it, while names come and go without pause")
    func withoutPause() async throws {
        try await withFolder((0..<600).map { "a\($0)" }) { driver, folder in
            let isOver = Flag()
            async let others: Void = Task.detached {
                // Changes of their own directories make the listings of this one no slower; these here change it.
                var number = 0
                while !isOver.isSet {
                    number += 1
                    mkdir("\(folder)/b\(number % 7)", 0o755)
                    rmdir("\(folder)/b\(number % 7)")
                    // Now and then long enough for the driver to remember.
                    try await Task.sleep(for: .microseconds(number % 200 == 0 ? 150_000 : 300))
                }
            }.value
            for number in 0..<400 {
                mkdir("\(folder)/z\(number)", 0o755)
                #expect(try await page(driver, behind: "z", limit: 1000).contains("z\(number)/"))
                rmdir("\(folder)/z\(number)")
                #expect(try await page(driver, behind: "z", limit: 1000).isEmpty)
                if number % 50 == 0 { try await Task.sleep(for: settling) }
            }
            isOver.set()
            try await others
        }
    }

    @Test("A folder that is removed and made again is the new one")
    func madeAgain() async throws {
        try await withFolder((0..<400).map { "old\($0)" }) { driver, folder in
            try await Task.sleep(for: settling)
            #expect(try await page(driver, behind: nil, limit: 1) == ["old0/"])
            #expect(rename(folder, folder + "-away") == 0)
            #expect(try await page(driver, behind: nil, limit: 1).isEmpty)
            mkdir(folder, 0o755)
            #expect(try await page(driver, behind: nil, limit: 1).isEmpty)
            rmdir(folder)
            #expect(rename(folder + "-away", folder) == 0)
            #expect(try await page(driver, behind: nil, limit: 1) == ["old0/"])
        }
    }

    @Test("Pages of a folder with more names than are remembered are right everywhere", .timeLimit(.minutes(3)))
    func tooLarge() async throws {
        // 19 MB of names.
        let names = (10_000..<90_000).map { String(repeating: "x", count: 230) + "\($0)" }
        try await withFolder([]) { driver, folder in
            var generator = SeededGenerator(seed: 4)
            try fill(folder, with: names.shuffled(using: &generator))
            try await Task.sleep(for: settling)
            for _ in 0..<30 {
                let start = Int.random(in: 0..<names.count, using: &generator)
                let expected = names[(start + 1)...].prefix(100)
                #expect(try await page(driver, behind: names[start], limit: 100) == Array(expected))
            }
            #expect(try await driver.children("/many") == names)
            #expect(try await page(driver, behind: names.last, limit: 5).isEmpty)
        }
    }

    @Test(
        "100,000 of the longest tags are read twice at most, however many clients go through them",
        .timeLimit(.minutes(3)))
    func longest() async throws {
        let names = (100_000..<200_000).map { String(repeating: "t", count: 122) + "\($0)" }
        try await withFolder([]) { driver, folder in
            try fill(folder, with: names)
            try await Task.sleep(for: settling)
            let watch = inotify_init1(Int32(IN_NONBLOCK))
            defer { close(watch) }
            #expect(inotify_add_watch(watch, folder, UInt32(IN_OPEN)) >= 0)
            var starts = [0, 33_000, 66_000]
            for _ in 0..<33 {
                for client in starts.indices {
                    let place = starts[client]
                    let found = try await page(driver, behind: place == 0 ? nil : names[place - 1], limit: 1000)
                    #expect(found == Array(names[place..<(place + 1000)]))
                    starts[client] += 1000
                }
            }
            // An event of 16 bytes for each time the folder was opened.
            var events = [UInt8](repeating: 0, count: 1 << 16)
            #expect(read(watch, &events, events.count) / 16 <= 2)
        }
    }

    private func fill(_ folder: String, with names: [String]) throws {
        for name in names {
            let file = open("\(folder)/\(name)", O_CREAT | O_WRONLY, 0o600)
            try #require(file >= 0)
            close(file)
        }
    }
}
