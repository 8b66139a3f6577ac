import Foundation
import RegistryStorage
import TestSupport
import Testing

/// What the driver `filesystem` promises beyond the contract.
@Suite("The filesystem driver: folders and trees")
struct FolderTests {
    /// Names of everything in the root of a store, the driver's own included.
    private func names(in store: Store) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: store.directory)
    }

    @Test("A tree of any depth is removed on the small stack of a worker")
    func deepTree() async throws {
        try await StorageDriverUnderTest.filesystem.withStore { store in
            // Far deeper than any path can name: each step goes down from the one before.
            let script = "mkdir 'deep'; chdir 'deep'; for (1..3000) { mkdir 'd'; open(F, '>f'); chdir 'd' or die }"
            try await Command.run("perl", ["-e", script], directory: store.directory).checked()
            try await store.driver.put("/deep/d/object", [1])
            try await store.driver.remove("/deep", tree: true)
            #expect(try names(in: store).isEmpty)
        }
    }

    @Test("A wide tree goes wholly, and links in it aren't followed")
    func wideTree() async throws {
        try await StorageDriverUnderTest.filesystem.withStore { store in
            let script = """
                mkdir -p tree/a tree/b outside && touch outside/kept && ln -s ../outside tree/link && \
                ln -s kept tree/dangling && for i in $(seq 2000); do mkdir -p tree/a/$i; : > tree/b/$i; done
                """
            try await Command.run("sh", ["-c", script], directory: store.directory).checked()
            try await store.driver.remove("/tree", tree: true)
            #expect(try names(in: store) == ["outside"])
            #expect(try await store.driver.children("/outside") == ["kept"])
        }
    }

    @Test("A folder appears with its object and not before, and a failed put leaves none")
    func folders() async throws {
        try await StorageDriverUnderTest.filesystem.withStore { store in
            let isOver = Flag()
            try await withThrowingTaskGroup { group in
                group.addTask {
                    while !isOver.isSet {
                        for name in try await store.driver.children("/tags") {
                            // Looked at through the directory, as Distribution would.
                            let link = "\(store.directory)/tags/\(name)/current/link"
                            #expect(FileManager.default.fileExists(atPath: link), "\(name)")
                        }
                    }
                }
                try await store.driver.put("/tags/first/current/link", [1])
                for number in 0..<200 { try await store.driver.put("/tags/t\(number)/current/link", [1]) }
                isOver.set()
                try await group.waitForAll()
            }
            await expectError(.invalidArgument) { try await store.driver.put("/tags/first/current/link/below/it", [1]) }
            await expectError(.alreadyExists) {
                try await store.driver.put("/tags/first/current/link", [1], if: .ifAbsent)
            }
            #expect(try await store.driver.children("/tags/first") == ["current"])
            #expect(try names(in: store) == ["tags"])
        }
    }

    @Test("A copy stays what it is when the original is replaced, moved onto it or removed")
    func copies() async throws {
        try await StorageDriverUnderTest.filesystem.withStore { store in
            try await store.driver.put("/a", [1])
            _ = try await store.driver.copy(try StoragePath("/a"), to: try StoragePath("/b/c"), if: nil)
            try await store.driver.put("/a", [2])
            #expect(try await store.driver.get("/b/c") == [1])
            _ = try await store.driver.copy(try StoragePath("/b/c"), to: try StoragePath("/a"), if: nil)
            #expect(try await store.driver.get("/a") == [1])
            // Two names of one file, which a rename would leave both.
            try await store.driver.move("/a", "/b/c")
            await expectError(.notFound) { try await store.driver.look("/a") }
            let writer = try await store.driver.append("/b/c")
            try await writer.append([3])
            try await writer.commit(checksum: "", if: nil)
            await writer.close()
            #expect(try await store.driver.get("/b/c") == [1, 3])
        }
    }

    @Test("A commit whose tree was removed is there all the same")
    func commitAfterRemoval() async throws {
        try await StorageDriverUnderTest.filesystem.withStore { store in
            let content = randomBytes(300_000)
            let writer = try await store.driver.writer("/blobs/aa/data")
            try await writer.append(content)
            try await store.driver.put("/blobs/aa/other", [1])
            try await store.driver.remove("/blobs", tree: true)
            try await writer.commit(checksum: "", if: nil)
            await writer.close()
            #expect(try await store.driver.get("/blobs/aa/data") == content)
            #expect(try await store.driver.children("/blobs/aa") == ["data"])
            #expect(try names(in: store) == ["blobs"])
        }
    }

    @Test("Suspended bytes are free although a child process still has their file open")
    func inheritedDescriptor() async throws {
        try await StorageDriverUnderTest.filesystem.withStore { store in
            let writer = try await store.driver.writer("/o")
            try await writer.append([1, 2, 3])
            // As a fork does for the time until the child runs its program.
            let own = try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").compactMap { Int32($0) }
                .filter { descriptor in
                    let link = try? FileManager.default.destinationOfSymbolicLink(
                        atPath: "/proc/self/fd/\(descriptor)")
                    return link?.hasPrefix(store.directory + "/.o.") == true
                }
            let copy = dup(try #require(own.first))
            defer { close(copy) }
            let token = writer.resumeToken
            await writer.close()
            let again = try await store.driver.append("/o", at: 3, token: token)
            try await again.append([4])
            try await again.commit(checksum: "", if: nil)
            await again.close()
            #expect(try await store.driver.get("/o") == [1, 2, 3, 4])
        }
    }

    @Test("Of bytes suspended in the same moment those written last are the newest")
    func newest() async throws {
        try await StorageDriverUnderTest.filesystem.withStore { store in
            var writers: [any StorageWriter] = []
            for _ in 0..<20 { writers.append(try await store.driver.writer("/o")) }
            // The kernel's own stamps are the same for some milliseconds.
            for (index, writer) in writers.enumerated() { try await writer.append(randomBytes(index + 1)) }
            for writer in writers.reversed() { await writer.close() }
            let files = try names(in: store).map { name in
                var status = stat()
                #expect(lstat("\(store.directory)/\(name)", &status) == 0)
                return (size: status.st_size, time: status.st_mtim.tv_sec * 1_000_000_000 + status.st_mtim.tv_nsec)
            }
            #expect(Set(files.map(\.time)).count == 20)
            #expect(files.sorted { $0.time < $1.time }.map(\.size) == Array(1...20))
        }
    }
}
