import Foundation
import PluginKit
import TestSupport
import Testing

@testable import ObjectStoreKit

@Suite("Bodies that are read piece by piece", .serialized)
struct StreamTests {
    /// Reads to the end; the bytes must be those of the store's objects.
    private func drain(_ stream: HTTPStream, maximum: Int = 256 << 10, from start: Int = 0) async throws -> Int {
        var count = start
        while true {
            let piece = try await stream.next(maximum: maximum, .soon)
            if piece.count == 0 { return count - start }
            #expect(piece.count <= maximum)
            let isRight = piece.withUnsafeBytes { bytes in
                bytes.first == UInt8(truncatingIfNeeded: count)
                    && bytes.last == UInt8(truncatingIfNeeded: count + bytes.count - 1)
            }
            #expect(isRight, "at \(count)")
            count += piece.count
        }
    }

    @Test("All bytes come in their order, whatever the size of the pieces", arguments: [1 << 20, 256 << 10, 70_001])
    func order(maximum: Int) async throws {
        try await withEngine { engine, store in
            for size in [0, 1, 300_000, 20_000_003] {
                let stream = try await engine.open(store.request(.get, "/object/\(size)"), .soon)
                #expect(stream.contentLength == UInt64(size))
                #expect(try await drain(stream, maximum: maximum) == size)
                #expect(try await stream.next(maximum: 1, .soon).count == 0)
            }
            #expect(engine.openedConnections == 1)
        }
    }

    @Test("A reader that is slow stops the transfer, and memory stays where it is")
    func slowReader() async throws {
        try await withEngine { engine, store in
            let stream = try await engine.open(store.request(.get, "/object/\(256 << 20)"), .soon)
            _ = try await stream.next(maximum: 1, .soon)
            try await Task.sleep(for: .milliseconds(500))
            let received = engine.counters.received
            #expect(received < 1 << 20, "\(received) bytes are here")
            #expect(engine.blocks.usedBlocks <= 4)
            let before = residentBytes()
            var peak = 0
            var count = 1
            while true {
                let piece = try await stream.next(maximum: 256 << 10, .soon)
                if piece.count == 0 { break }
                count += piece.count
                peak = max(peak, engine.blocks.usedBlocks)
                if count % 10 == 0 { await Task.yield() }
            }
            #expect(count == 256 << 20)
            #expect(peak <= 6)
            #expect(residentBytes() - before < 32 << 20)
        }
    }

    @Test("Many paused streams hold up neither each other nor requests")
    func manyPaused() async throws {
        let change: (inout HTTPConfiguration) -> Void = {
            $0.maximumConnections = 2
            $0.timeouts.lowSpeedTime = 500
        }
        try await withEngine(TestHost(), change) { engine, store in
            let streams = try await Parallel.map(Array(0..<100), limit: 100) { _ in
                try await engine.open(store.request(.get, "/object/3000000"), .soon)
            }
            for _ in 0..<10 { #expect(try await engine.send(store.request(.get, "/echo"), .soon).isSuccess) }
            try await Task.sleep(for: .milliseconds(1200))
            for stream in streams { #expect(try await drain(stream) == 3_000_000) }
            try await eventually("all blocks are given back") { engine.blocks.usedBlocks == 0 }
        }
    }

    @Test(
        "A body that breaks off fails the read, behind the bytes that came",
        arguments: [
            "/short", "/reset/body", "/chunks/broken",
        ])
    func truncated(path: String) async throws {
        try await withEngine { engine, store in
            let stream = try await engine.open(store.request(.get, path), .soon)
            var count = 0
            let (_, error) = await timed {
                while true {
                    let piece = try await stream.next(maximum: 1 << 20, .soon)
                    if piece.count == 0 { break }
                    count += piece.count
                }
            }
            #expect((error?.kind, error?.cause, error?.requestID) == (.unavailable, .truncated, "R-1"))
            #expect(count <= 100_000)
            if path == "/short" { #expect(count == 500) }
            let (_, again) = await timed { _ = try await stream.next(maximum: 1, .soon) }
            #expect(again?.cause == .truncated)
        }
    }

    @Test("A dropped and a closed stream end their transfers; reading a closed one fails")
    func closing() async throws {
        try await withEngine { engine, store in
            var stream: HTTPStream? = try await engine.open(store.request(.get, "/object/100000000"), .soon)
            _ = try await stream?.next(maximum: 100, .soon)
            stream = nil
            try await eventually("the transfer is gone") { engine.transfersInFlight == 0 && engine.connections == 0 }
            let closed = try await engine.open(store.request(.get, "/object/100000000"), .soon)
            closed.close()
            let (_, error) = await timed { _ = try await closed.next(maximum: 100, .soon) }
            #expect(error?.kind == .cancelled)
            try await eventually("that one too") { engine.transfersInFlight == 0 && engine.connections == 0 }
        }
    }

    @Test("A read ends at once when its task is cancelled, and soon when its deadline is over")
    func endsOfReads() async throws {
        try await withEngine { engine, store in
            for isDeadline in [true, false] {
                let stream = try await engine.open(store.request(.get, "/stall/body"), .soon)
                let task = Task {
                    await timed {
                        let deadline = isDeadline ? Deadline.after(milliseconds: 300) : .soon
                        while try await stream.next(maximum: 1 << 20, deadline).count > 0 {}
                    }
                }
                try await Task.sleep(for: .milliseconds(250))
                if !isDeadline { task.cancel() }
                let (seconds, error) = await task.value
                #expect(seconds < 10)
                #expect(error?.kind == (isDeadline ? .timeout : .cancelled))
            }
            try await eventually("nothing is left") { engine.transfersInFlight == 0 }
        }
    }

    @Test("A reader goes on where a transfer broke off, and delivers every byte once")
    func resuming() async throws {
        let host = TestHost()
        try await withEngine(host) { engine, store in
            let size = 2_000_000
            let request = store.request(.get, "/object/\(size)", [QueryItem("cut", "300001")])
            let reader = StreamReader(
                try await engine.open(request, .soon), offset: 0, length: UInt64(size), host: host.host,
                operation: "GetObject", subject: "some/key"
            ) { offset, _, deadline in
                var again = request
                again.headers["Range"] = "bytes=\(offset)-"
                return try await engine.open(again, deadline)
            }
            var count = 0
            while true {
                let piece = try await reader.next(maximum: 256 << 10, .soon)
                if piece.count == 0 { break }
                #expect(piece.withUnsafeBytes { $0.first } == UInt8(truncatingIfNeeded: count))
                count += piece.count
            }
            #expect(count == size)
        }
    }

    @Test("A reader that can't go on ends short, with an error and a line that names key and request")
    func endingShort() async throws {
        let host = TestHost()
        try await withEngine(host) { engine, store in
            for reopens in [false, true] {
                let stream = try await engine.open(store.request(.get, "/short"), .soon)
                let again: StreamReader.Reopen = { _, _, _ in
                    try await engine.open(store.request(.get, "/reset/nothing"), .soon)
                }
                let reader = StreamReader(
                    stream, offset: 0, length: 1000, host: host.host, operation: "GetObject", subject: "some/key",
                    reopen: reopens ? again : nil)
                let (_, error) = await timed { while try await reader.next(maximum: 1000, .soon).count > 0 {} }
                #expect(error?.cause == .truncated)
                #expect(
                    host.lines.contains {
                        $0.level == 3 && $0.fields["subject"] == "some/key" && $0.fields["store_request_id"] == "R-1"
                    })
            }
        }
    }

    @Test("A body that ends in good order but too early is an error as well")
    func shorterThanPromised() async throws {
        try await withEngine { engine, store in
            let stream = try await engine.open(store.request(.get, "/object/500"), .soon)
            let reader = StreamReader(
                stream, offset: 0, length: 501, host: TestHost().host, operation: "GetObject", subject: "k", reopen: nil
            )
            var count = 0
            let (_, error) = await timed {
                while true {
                    let piece = try await reader.next(maximum: 1000, .soon)
                    if piece.count == 0 { break }
                    count += piece.count
                }
            }
            #expect((error?.cause, count) == (.truncated, 500))
        }
    }
}
