import Dispatch
import RegistryStorage
import Synchronization
import TestSupport
import Testing

@testable import RegistryPlugins

/// The threads for calls that block.
@Suite("Worker pools")
struct WorkerPoolTests {
    @Test("A full queue is refused; a stopped pool runs what it has")
    func bounds() async throws {
        let pool = WorkerPool(name: "test", maximumThreads: 1, maximumQueue: 4)
        let (gate, counter) = (Gate(), Counter())
        #expect(pool.submit(.function { gate.wait() }))
        try await eventually("the thread has taken the job") { gate.waiting == 1 }
        for _ in 0..<4 { #expect(pool.submit(.function { counter.add() })) }
        for _ in 0..<3 { #expect(!pool.submit(.function { counter.add() })) }
        pool.stop()
        #expect(!pool.submit(.function { counter.add() }))
        gate.open()
        try await eventually("the queue is empty") { counter.value == 4 }
    }

    @Test("A pool grows to its bound when jobs block, and not beyond")
    func growth() async throws {
        let pool = WorkerPool(name: "test", maximumThreads: 5)
        HostClock.shared.watch(pool)
        defer { pool.stop() }
        let (gate, counter) = (Gate(), Counter())
        for _ in 0..<20 {
            let job: @Sendable () -> Void = {
                counter.add()
                gate.wait()
            }
            #expect(pool.submit(.function(job)))
        }
        try await eventually("five threads run") {
            _ = pool.submit(.function {})
            return counter.value >= 5
        }
        try await Task.sleep(for: .milliseconds(50))
        #expect(counter.value == 5)
        gate.open()
        try await eventually("all jobs run") { counter.value == 20 }
    }

    @Test("Each job of a burst gets a thread, also if only one is idle")
    func burst() async throws {
        for _ in 0..<20 {
            // Not watched by the clock: who isn't woken stays so.
            let pool = WorkerPool(name: "test", maximumThreads: 2)
            defer { pool.stop() }
            let (gate, counter) = (Gate(), Counter())
            #expect(pool.submit(.function { counter.add() }))
            try await eventually("a thread idles") { counter.value == 1 }
            for _ in 0..<2 { #expect(pool.submit(.function { gate.wait() })) }
            try await eventually("both jobs run") { gate.waiting == 2 }
            gate.open()
        }
    }

    @Test("A call that waits for a thread ends when it is cancelled or late, and isn't made")
    func endsInQueue() async throws {
        let target = BlockedTarget(timeouts: .init(call: 200_000_000, transfer: 200_000_000, grace: 60_000_000_000))
        let first = Task { await target.call() }
        try await eventually("the first call runs") { target.gate.waiting == 1 }
        let cancelled = Task { await target.call() }
        let late = Task { await target.call() }
        cancelled.cancel()
        for (task, code) in [(cancelled, StorageError.Code.cancelled), (late, .timeout)] {
            let error = try #require(await task.value)
            #expect(error.code == code)
            #expect(error.hadNoEffect)
        }
        target.gate.open()
        #expect(await first.value == nil)
        #expect(await target.call() == nil)
        #expect(target.gate.waiting == 2)
    }

    @Test("A call that finds the queue full is told that the driver is busy")
    func busy() async throws {
        let target = BlockedTarget()
        await withTaskGroup(of: StorageError?.self) { group in
            group.addTask { await target.call() }
            try? await eventually("the first call runs") { target.gate.waiting == 1 }
            for _ in 0..<11 { group.addTask { await target.call() } }
            var errors: [StorageError] = []
            for await error in group {
                if let error { errors.append(error) }
                // Two wait for the thread, nine were refused at once.
                if errors.count == 9 { target.gate.open() }
            }
            #expect(errors.map(\.code) == Array(repeating: .busy, count: 9))
            #expect(errors.allSatisfy { $0.isRetryable && $0.hadNoEffect && $0.driver == "blocked" })
        }
    }

    @Test("The thread of a sequence that was given up works again when its call returns")
    func lateReturn() async throws {
        let target = BlockedTarget(timeouts: .init(call: 100_000_000, transfer: 100_000_000, grace: 100_000_000))
        let error = await #expect(throws: StorageError.self) {
            try await target.runSequence {
                if let error = await target.call() { throw error }
            }
        }
        #expect(error?.code == .timeout)
        #expect(target.gate.waiting == 1)
        let queued = await target.call()
        #expect(queued?.code == .timeout && queued?.hadNoEffect == true)
        target.gate.open()
        try await eventually("the thread is back") { await target.call() == nil }
    }

    @Test("A plugin that completes nothing fills its own share of the slots only")
    func share() async throws {
        let (stuck, other) = (SilentTarget(maximumWaiting: 8), SilentTarget(maximumWaiting: 8))
        await withTaskGroup(of: StorageError?.self) { group in
            for _ in 0..<8 { group.addTask { await stuck.call() } }
            try? await eventually("the share is full") { !stuck.identity.hasRoom }
            let refused = await stuck.call()
            #expect(refused?.code == .busy && refused?.hadNoEffect == true && refused?.isRetryable == true)
            #expect(stuck.held.withLock { $0.count } == 8)
            group.addTask { await other.call() }
            try? await eventually("another plugin is called") { other.held.withLock { $0.count } == 1 }
            other.completeAll()
            stuck.completeAll()
            for await error in group { #expect(error == nil) }
        }
        #expect(stuck.identity.hasRoom)
    }

    @Test("A pool is a task executor: tasks run on its threads")
    func executor() async throws {
        let pool = WorkerPool(name: "test", maximumThreads: 2)
        defer { pool.stop() }
        #expect(!pool.isCurrent)
        let task = Task(executorPreference: pool) {
            let before = pool.isCurrent
            await Task.yield()
            return before && pool.isCurrent
        }
        #expect(await task.value)
    }
}

/// Lets nobody through until it is opened.
private final class Gate: Sendable {
    private let count = Atomic<Int>(0)
    private let isOpen = DispatchSemaphore(value: 0)

    var waiting: Int { count.load(ordering: .acquiring) }

    func wait() {
        count.add(1, ordering: .acquiringAndReleasing)
        isOpen.wait()
        isOpen.signal()
    }

    func open() { isOpen.signal() }
}

private final class Counter: Sendable {
    private let count = Atomic<Int>(0)

    var value: Int { count.load(ordering: .acquiring) }

    func add() { count.add(1, ordering: .acquiringAndReleasing) }
}

/// Something that completes its calls when it is told to.
private final class SilentTarget: CallTarget {
    let identity: PluginIdentity
    let policy = ExecutionPolicy(
        name: "silent", flags: 0, blockingOperations: 0, maximumConcurrency: 0, timeouts: .init())
    let held = Mutex<[(slot: CallSlot, generation: UInt64)]>([])

    init(maximumWaiting: Int) {
        identity = .make(
            name: "silent", driver: "silent", violations: ViolationLog(logger: .silent),
            maximumWaiting: maximumWaiting)
    }

    func perform(_ slot: CallSlot) { held.withLock { $0.append((slot, slot.generation)) } }

    func completeAll() {
        for call in held.withLock({ $0 }) {
            _ = call.slot.complete(generation: call.generation) { _ throws(StorageError) in Nothing() }
        }
    }

    func call() async -> StorageError? {
        do throws(StorageError) {
            let _: Nothing = try await run(try CallSlots.acquire(), .stat)
            return nil
        } catch {
            return error
        }
    }
}

/// Something that blocks on one thread, before which two may wait.
private final class BlockedTarget: CallTarget {
    let gate = Gate()
    let identity = PluginIdentity.make(name: "blocked", driver: "blocked", violations: ViolationLog(logger: .silent))
    let policy: ExecutionPolicy

    init(timeouts: ExecutionPolicy.Timeouts = .init()) {
        policy = ExecutionPolicy(
            name: "blocked", flags: 1, blockingOperations: 0, maximumConcurrency: 1, timeouts: timeouts,
            maximumQueue: 2)
    }

    func perform(_ slot: CallSlot) {
        gate.wait()
        slot.complete(with: Nothing())
    }

    func call() async -> StorageError? {
        do throws(StorageError) {
            let _: Nothing = try await run(try CallSlots.acquire(), .stat)
            return nil
        } catch {
            return error
        }
    }
}
