import Glibc
import NIOCore
import RegistryPlugins
import RegistryStorage
import TestSupport
import Testing

/// Calls that don't come back, or not in time.
@Suite("Deadlines, cancellation, calls given up")
struct AbandonmentTests {
    @Test(
        "A call that never completes is given up after its deadline and the grace",
        arguments: ["rogue-never", "rogue-never-blocking"])
    func never(component: String) async throws {
        let fixture = try await FixtureHost("rogue", timeouts: .short)
        let healthy = try await fixture.open("rogue-correct")
        let driver = try await fixture.open(component)
        for round: UInt64 in 1...2 {
            let start = ContinuousClock.now
            let error = await expectFailure(.timeout, breaking: .completes) { try await driver.look("/object") }
            let time = ContinuousClock.now - start
            #expect(error?.isRetryable == true)
            #expect((.milliseconds(450)...(.seconds(20))).contains(time), "\(time)")
            #expect(fixture.violations(.completes, "rogue") == round)
            await healthy.expectHealthy()
        }
        // The rest of the instance isn't blocked by the lost calls.
        await driver.expectHealthy()
    }

    @Test("Many calls that never complete are given up side by side")
    func manyNever() async throws {
        let fixture = try await FixtureHost("rogue", timeouts: .short)
        let driver = try await fixture.open("rogue-never")
        let start = ContinuousClock.now
        await withTaskGroup { group in
            for _ in 0..<200 { group.addTask { await expectFailure(.timeout) { try await driver.look("/object") } } }
        }
        #expect(ContinuousClock.now - start < .seconds(30))
        #expect(fixture.violations(.completes, "rogue") == 200)
        try await fixture.open("rogue-correct").expectHealthy()
    }

    @Test("Cancelling the task reaches the plugin at once")
    func cancellation() async throws {
        let fixture = try await FixtureHost("rogue")
        let driver = try await fixture.open("rogue-slow", options: #"{"number":30000}"#)
        let operations: [@Sendable () async throws -> Void] = [
            { _ = try await driver.look("/object") }, { _ = try await driver.get("/object") },
            { try await driver.put("/object", [1]) }, { _ = try await driver.children("/") },
            { try await driver.move(try StoragePath("/a"), to: try StoragePath("/b"), if: nil) },
            { try await driver.remove(try StoragePath("/a"), tree: false) }, { _ = try await driver.read("/object") },
            { _ = try await driver.openWriter(at: try StoragePath("/object"), mode: .create, sizeHint: nil) },
        ]
        for operation in operations {
            let start = ContinuousClock.now
            let task = Task { await expectFailure(.cancelled) { try await operation() } }
            try await Task.sleep(for: .milliseconds(5))
            task.cancel()
            _ = await task.value
            #expect(ContinuousClock.now - start < .seconds(20))
        }
        #expect(fixture.log.lines.allSatisfy { $0.fields["rule"] == nil })
    }

    @Test("A task that is cancelled before it calls is cancelled too")
    func cancelledBefore() async throws {
        let fixture = try await FixtureHost("rogue")
        let driver = try await fixture.open("rogue-slow", options: #"{"number":30000}"#)
        let task = Task {
            while !Task.isCancelled { await Task.yield() }
            await expectFailure(.cancelled) { try await driver.look("/object") }
        }
        task.cancel()
        _ = await task.value
    }

    @Test("A cancellation that races the completion is harmless")
    func cancellationRace() async throws {
        let fixture = try await FixtureHost("rogue")
        let driver = try await fixture.open("rogue-threaded")
        try await driver.put("/object", [1, 2, 3])
        for turn in 0..<500 {
            let task = Task { try await driver.get("/object") }
            for _ in 0..<turn % 20 { await Task.yield() }
            task.cancel()
            switch await task.result {
            case .success(let bytes): #expect(bytes == [1, 2, 3])
            case .failure(let error): #expect((error as? StorageError)?.code == .cancelled)
            }
        }
        await driver.expectHealthy()
    }

    @Test("At the deadline the plugin is told, and its answer counts")
    func deadline() async throws {
        let fixture = try await FixtureHost("rogue", timeouts: .short)
        let driver = try await fixture.open("rogue-slow", options: #"{"number":30000}"#)
        let start = ContinuousClock.now
        let error = await expectFailure(.timeout) { try await driver.look("/object") }
        #expect(error?.message == "deferred: cancelled while it waited")
        #expect(ContinuousClock.now - start < .seconds(20))
        #expect(fixture.violations(.completes, "rogue") == 0)
    }

    @Test("The plugin is told its deadline and whether it may block")
    func deadlineAndFlags() async throws {
        let fixture = try await FixtureHost("minimal", timeouts: .short)
        for component in ["minimal-inline", "minimal-serial-blocking", "minimal-partly-blocking", "minimal-limited"] {
            let driver = try await fixture.open(component)
            let before = monotonicNow()
            let deadline = try await driver.look("/deadline").size
            // The host reads a coarse clock: up to 10 ms late.
            #expect((before + 180_000_000...monotonicNow() + 200_000_000).contains(deadline))
            let mayBlock = try await driver.look("/flags").size & 2 != 0
            #expect(mayBlock == component.hasSuffix("blocking"))
        }
    }

    @Test("Stopping lets slow calls go, each once")
    func stopWhileBusy() async throws {
        let fixture = try await FixtureHost("rogue")
        let driver = try await fixture.open("rogue-slow", options: #"{"number":30000}"#)
        await withTaskGroup { group in
            for _ in 0..<16 { group.addTask { await expectFailure(.shutdown) { try await driver.look("/object") } } }
            try? await Task.sleep(for: .milliseconds(20))
            await fixture.host.shutdown()
        }
        await expectFailure(.shutdown) { try await driver.look("/object") }
    }

    @Test("A sequence of calls on a worker is given up, and cancelled, like one call")
    func sequences() async throws {
        let fixture = try await FixtureHost("rogue", timeouts: .short)
        let driver = try await fixture.open("rogue-never-blocking")
        await #expect(throws: StorageError.self) {
            try await driver.withWorker { _ = try await driver.look("/object") }
        }
        #expect(fixture.violations(.completes, "rogue") >= 1)
        let value = try await driver.withWorker { () async throws -> Int in
            try await driver.put("/object", [1, 2, 3])
            return try await driver.get("/object").count
        }
        #expect(value == 3)
    }

    /// Calls that end soon beside transfers that don't.
    private static let ordinary: PluginTimeouts = {
        var timeouts = PluginTimeouts.short
        timeouts.transfer = .seconds(600)
        return timeouts
    }()

    @Test("A call that blocks inside a sequence is told of its own deadline", arguments: [false, true])
    func deadlineInSequence(lookups: Bool) async throws {
        let fixture = try await FixtureHost("rogue", timeouts: Self.ordinary)
        let driver = try await fixture.open("rogue-polling-blocking")
        let start = ContinuousClock.now
        let body: @Sendable () async throws -> Int = {
            let error = await expectFailure(.timeout) { try await driver.look("/object") }
            #expect(error?.message == "polled")
            // The sequence goes on.
            try await driver.put("/object", [1, 2])
            return try await driver.get("/object").count
        }
        let count = lookups ? try await driver.withLookups(body) : try await driver.withWorker(body)
        #expect(count == 2)
        #expect((.milliseconds(180)...(.seconds(20))).contains(ContinuousClock.now - start))
        #expect(fixture.violations(.completes, "rogue") == 0)
    }

    @Test("A sequence is given up with a call that doesn't return; the driver goes on", arguments: [false, true])
    func stuckSequence(lookups: Bool) async throws {
        let fixture = try await FixtureHost("rogue", timeouts: Self.ordinary)
        let driver = try await fixture.open("rogue-never-blocking")
        let start = ContinuousClock.now
        let error = await expectFailure(.timeout, breaking: .completes) {
            let body: @Sendable () async throws -> UInt64 = { try await driver.look("/object").size }
            return lookups ? try await driver.withLookups(body) : try await driver.withWorker(body)
        }
        #expect(error?.isRetryable == true)
        #expect((.milliseconds(480)...(.seconds(20))).contains(ContinuousClock.now - start))
        #expect(fixture.violations(.completes, "rogue") == 1)
        await driver.expectHealthy()
    }

    @Test("A sequence may take longer than any of its calls")
    func longSequence() async throws {
        let fixture = try await FixtureHost("minimal", timeouts: .short)
        let driver = try await fixture.open("minimal-limited-blocking")
        let time = try await driver.withWorker {
            let start = ContinuousClock.now
            while ContinuousClock.now - start < .milliseconds(900) { _ = try await driver.look("/busy") }
            return ContinuousClock.now - start
        }
        #expect(time >= .milliseconds(900))
        #expect(fixture.violations(.completes, "minimal") == 0)
    }
}

/// CLOCK_MONOTONIC in nanoseconds.
private func monotonicNow() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) * 1_000_000_000 + UInt64(now.tv_nsec)
}
