import Glibc
import NIOCore
import RegistryPlugins
import RegistryStorage
import TestSupport
import Testing

/// How many calls run at once, on which threads, and how deep.
@Suite("Threads and concurrency")
struct ConcurrencyTests {
    @Test(
        "SERIAL and max_concurrency hold, and are used",
        arguments: [
            ("minimal-serial", 1), ("minimal-serial-blocking", 1), ("minimal-limited", 3),
            ("minimal-limited-blocking", 3), ("minimal-partly-blocking", 3),
        ])
    func limits(component: String, limit: UInt64) async throws {
        let fixture = try await FixtureHost("minimal")
        let driver = try await fixture.open(component)
        try await callAtOnce(driver, 60)
        // Threads come when they are missed, so a pool needn't reach its limit in this time.
        let most = try await driver.look("/most").size
        #expect((min(limit, 2)...limit).contains(most))
    }

    @Test(
        "The limits of a driver hold below a middleware too",
        arguments: [
            ("minimal-serial", 1), ("minimal-serial-blocking", 1), ("minimal-limited", 3),
            ("minimal-limited-blocking", 3), ("minimal-partly-blocking", 3),
        ])
    func limitsBelowMiddleware(component: String, limit: UInt64) async throws {
        let fixture = try await FixtureHost("minimal")
        let layers = try await FixtureHost("passthrough")
        let inner = try await fixture.open(component)
        let driver = try await layers.host.wrap(
            inner,
            in: [PluginComponent(name: "passthrough", options: "{}"), PluginComponent(name: "xor", options: "{}")])
        try await callAtOnce(driver, 60)
        #expect(try await inner.look("/most").size <= limit)
        #expect(try await inner.look("/most").size > 0)
    }

    private func callAtOnce(_ driver: any StorageDriver, _ count: Int) async throws {
        try await withThrowingTaskGroup { group in
            for _ in 0..<count { group.addTask { _ = try await driver.look("/busy") } }
            try await group.waitForAll()
        }
    }

    @Test(
        "A call is made where its caller is, unless it blocks",
        arguments: ["minimal-inline", "minimal-limited", "minimal-serial-blocking", "minimal-partly-blocking"])
    func place(component: String) async throws {
        let driver = try await FixtureHost("minimal").open(component)
        let made = try await Self.madeHere(driver)
        #expect(made == !component.hasSuffix("blocking"))
    }

    /// Whether a call is made on the thread that the caller is on.
    private static func madeHere(_ driver: any StorageDriver) async throws -> Bool {
        let path = try StoragePath("/made-on")
        let here = UInt64(pthread_self())
        return try await driver.stat(path).size == here
    }

    @Test("Who waits for its turn can be cancelled, and the others get theirs")
    func cancelledWait() async throws {
        let fixture = try await FixtureHost("minimal")
        let driver = try await fixture.open("minimal-serial")
        try await withThrowingTaskGroup { group in
            for _ in 0..<20 {
                group.addTask { _ = try await driver.look("/busy") }
                group.addTask {
                    let task = Task { try await driver.look("/busy") }
                    await Task.yield()
                    task.cancel()
                    if case .failure(let error) = await task.result {
                        #expect((error as? StorageError)?.code == .cancelled)
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await driver.look("/most").size == 1)
    }

    @Test("Who waits for its turn too long is told so, and the plugin isn't blamed")
    func lateTurn() async throws {
        let fixture = try await FixtureHost("minimal", timeouts: .short)
        let driver = try await fixture.open("minimal-serial")
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                _ = await expectFailure(.timeout, breaking: .completes) { try await driver.look("/stuck") }
            }
            try await Task.sleep(for: .milliseconds(100))
            for _ in 0..<10 {
                group.addTask {
                    let error = await expectFailure(.timeout) { try await driver.look("/busy") }
                    #expect(error?.message.contains("waited for its turn") == true)
                    #expect(error?.hadNoEffect == true)
                    #expect(error?.isRetryable == true)
                }
            }
            let cancelled = Task { await expectFailure(.cancelled) { try await driver.look("/busy") } }
            cancelled.cancel()
            #expect(await cancelled.value?.hadNoEffect == true)
            try await group.waitForAll()
        }
        #expect(fixture.violations(.completes, "minimal") == 1)
        #expect(try await driver.look("/most").size == 0)
        #expect(try await driver.look("/busy").size == 0)
    }

    @Test("64 tasks of 1000 calls each, completed on other threads", arguments: ["rogue-threaded", "rogue-correct"])
    func load(component: String) async throws {
        let fixture = try await FixtureHost("rogue")
        let driver = try await fixture.open(component)
        try await driver.put("/object", Array("content".utf8))
        try await withThrowingTaskGroup { group in
            for lane in 0..<64 {
                group.addTask {
                    let path = "/lane-\(lane)"
                    for turn in 0..<250 {
                        let content = [UInt8(turn), UInt8(lane)]
                        try await driver.put(path, content)
                        let back = try await driver.get(path)
                        #expect(back == content)
                        #expect(try await driver.look(path).size == 2)
                        #expect(try await driver.get("/object") == Array("content".utf8))
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(fixture.log.lines.allSatisfy { $0.fields["rule"] == nil })
    }

    @Test("A million calls that complete inline, one after the other, don't grow the stack")
    func inlineChain() async throws {
        let fixture = try await FixtureHost("minimal")
        let driver = try await fixture.open("minimal-inline")
        let path = try StoragePath("/object")
        let depths = try await Task.detached {
            var depths: (first: UInt, last: UInt) = (0, 0)
            for turn in 0..<1_000_000 {
                let stat = try await driver.stat(path)
                guard turn == 1000 || turn == 999_999 else { continue }
                #expect(stat.kind == .object)
                let depth = stackPointer()
                depths = turn == 1000 ? (depth, depth) : (depths.first, depth)
            }
            return depths
        }.value
        let growth = depths.first > depths.last ? depths.first - depths.last : depths.last - depths.first
        #expect(growth < 4096)
    }
}

/// Somewhere on the stack of the caller.
@inline(never)
private func stackPointer() -> UInt {
    var here: UInt8 = 0
    return withUnsafeMutablePointer(to: &here) { UInt(bitPattern: $0) }
}
