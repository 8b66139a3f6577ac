import Foundation
import PluginKit
import Synchronization
import TestSupport
import Testing

@testable import ObjectStoreKit

@Suite("Memory for parts, and work on several of them")
struct MemoryTests {
    private func fill(_ buffer: inout PartBuffer, _ count: Int, _ byte: UInt8 = 7) throws -> Int {
        try [UInt8](repeating: byte, count: count).withUnsafeBytes { bytes throws(StoreError) in
            try buffer.append(bytes)
        }
    }

    private let noPart = DidNotHappen(description: "a part")

    @Test("A part takes what fits, and is shared without a copy")
    func part() throws {
        let pool = PartPool(limit: 10 << 20, host: TestHost().host)
        guard var buffer = pool.tryMake(capacity: (2 << 20) + 5) else { throw noPart }
        let taken = [
            try fill(&buffer, 1_500_000, 1), try fill(&buffer, 1_500_000, 2), try fill(&buffer, 10),
        ]
        #expect(taken == [1_500_000, (2 << 20) + 5 - 1_500_000, 0])
        let isFull = buffer.isFull
        #expect(isFull)
        #expect(pool.blocks.usedBlocks == 3)
        var whole: SharedBytes? = buffer.freeze()
        #expect(whole?.count == (2 << 20) + 5)
        #expect(whole?.array.prefix(1_500_000).allSatisfy { $0 == 1 } == true)
        #expect(whole?.array.dropFirst(1_500_000).allSatisfy { $0 == 2 } == true)
        var slice = whole?.slice(1_499_999..<1_500_001)
        #expect(slice?.array == [1, 2])
        whole = nil
        #expect(pool.used > 0)
        slice = nil
        #expect((pool.used, pool.blocks.usedBlocks) == (0, 0))
    }

    @Test("Slices and joins are the bytes they name", arguments: [0..<0, 0..<12, 3..<9, 5..<100, -5..<2, 50..<60])
    func slices(range: Range<Int>) {
        let whole = SharedBytes(joining: [SharedBytes("abcd"), SharedBytes(), SharedBytes("efg"), SharedBytes("hijkl")])
        let expected = Array("abcdefghijkl".utf8)[range.clamped(to: 0..<12)]
        #expect(whole.slice(range).array == Array(expected))
    }

    @Test("Beyond the limit a part waits for another to be given back")
    func waiting() async throws {
        let pool = PartPool(limit: 10, patience: 60_000, host: TestHost().host)
        var first = pool.tryMake(capacity: 6)
        let isRefused = pool.tryMake(capacity: 6) == nil
        #expect(isRefused)
        let second = Task { try await pool.make(capacity: 6, .soon).capacity }
        try await Task.sleep(for: .milliseconds(100))
        #expect(pool.used == 6)
        first = nil
        #expect(try await second.value == 6)
        _ = consume first
        try await eventually("all is given back") { pool.used == 0 }
    }

    @Test("It waits only so long, so that slow parts hold up nobody for ever")
    func patience() async throws {
        let pool = PartPool(limit: 10, patience: 200, host: TestHost().host)
        guard let first = pool.tryMake(capacity: 10) else { throw noPart }
        let (seconds, error) = await timed { _ = try await pool.make(capacity: 10, .soon).capacity }
        #expect(error == nil && seconds > 0.1 && seconds < 30)
        #expect(first.capacity == 10)
        let alone = PartPool(limit: 10, host: TestHost().host)
        #expect(try await alone.make(capacity: 1000, .soon).capacity == 1000)
    }

    @Test("The deadline and a cancellation end the wait", arguments: [true, false])
    func ends(isDeadline: Bool) async throws {
        let pool = PartPool(limit: 10, patience: 60_000, host: TestHost().host)
        guard let first = pool.tryMake(capacity: 10) else { throw noPart }
        let task = Task {
            await timed {
                _ = try await pool.make(capacity: 10, isDeadline ? .after(milliseconds: 200) : .soon).capacity
            }
        }
        try await Task.sleep(for: .milliseconds(100))
        if !isDeadline { task.cancel() }
        let (seconds, error) = await task.value
        #expect(seconds < 30)
        #expect(error?.kind == (isDeadline ? .timeout : .cancelled))
        #expect((first.capacity, pool.used) == (10, 10))
    }

    @Test("Many writers at once get their parts, and the limit holds")
    func contention() async throws {
        let pool = PartPool(limit: 4 << 20, patience: 60_000, host: TestHost().host)
        let peak = Atomic<Int>(0)
        _ = try await Parallel.map(Array(0..<200), limit: 50) { _ in
            var buffer = try await pool.make(capacity: 1 << 20, .soon)
            _ = try self.fill(&buffer, 1000)
            peak.max(pool.used, ordering: .relaxed)
            await Task.yield()
        }
        #expect(peak.load(ordering: .relaxed) <= 4 << 20)
        #expect((pool.used, pool.blocks.usedBlocks) == (0, 0))
    }

    @Test("Parallel work keeps order and limit, and an error ends it")
    func parallel() async throws {
        let running = Atomic<Int>(0)
        let peak = Atomic<Int>(0)
        let results = try await Parallel.map(Array(0..<50), limit: 5) { index in
            peak.max(running.add(1, ordering: .relaxed).newValue, ordering: .relaxed)
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...5)))
            running.subtract(1, ordering: .relaxed)
            return index * 2
        }
        #expect(results == (0..<50).map { $0 * 2 })
        #expect(peak.load(ordering: .relaxed) <= 5)
        await #expect(throws: StoreError.self) {
            _ = try await Parallel.map(Array(0..<50), limit: 5) { index in
                if index == 7 { throw StoreError(.noSpace, "full") }
                try await Task.sleep(for: .seconds(index > 7 ? 30 : 0))
            }
        }
        #expect(try await Parallel.map([Int](), limit: 0) { $0 }.isEmpty)
    }

    @Test("Uploads run beside their writer, at most so many, with results in order")
    func uploads() async throws {
        let uploads = PartUploads<Int>(limit: 3, host: TestHost().host)
        let peak = Atomic<Int>(0)
        for index in 0..<20 {
            try await uploads.submit {
                peak.max(uploads.inFlight, ordering: .relaxed)
                try await Task.sleep(for: .milliseconds(Int.random(in: 0...10)))
                return index
            }
        }
        #expect(try await uploads.finish() == Array(0..<20))
        #expect(peak.load(ordering: .relaxed) <= 3)
        #expect(try await uploads.finish().isEmpty)
    }

    @Test("The first failure of an upload is told to the next one and to the end")
    func failures() async throws {
        let uploads = PartUploads<Int>(limit: 2, host: TestHost().host)
        try await uploads.submit { throw StoreError(.noSpace, "full") }
        try await eventually("it failed") { uploads.inFlight == 0 }
        await #expect(throws: StoreError.self) { try await uploads.submit { 1 } }
        await #expect(throws: StoreError.self) { _ = try await uploads.finish() }
    }

    @Test("Cancelling ends the uploads; draining waits for them")
    func cancelling() async throws {
        let uploads = PartUploads<Int>(limit: 2, host: TestHost().host)
        for _ in 0..<2 {
            try await uploads.submit {
                try await Task.sleep(for: .seconds(60)); return 1
            }
        }
        let third = Task { try await uploads.submit { 2 } }
        try await Task.sleep(for: .milliseconds(100))
        uploads.cancel()
        await uploads.drain()
        #expect(uploads.inFlight == 0)
        await #expect(throws: CancellationError.self) { try await third.value }
        await #expect(throws: CancellationError.self) { _ = try await uploads.finish() }
    }

    @Test("A writer that is cancelled while it waits for a place goes on at once")
    func cancelledWriter() async throws {
        let uploads = PartUploads<Int>(limit: 1, host: TestHost().host)
        try await uploads.submit {
            try await Task.sleep(for: .seconds(60)); return 1
        }
        let waiting = Task { try await uploads.submit { 2 } }
        try await Task.sleep(for: .milliseconds(100))
        waiting.cancel()
        await #expect(throws: CancellationError.self) { try await waiting.value }
        uploads.cancel()
        await uploads.drain()
    }
}
