import Foundation
import TestSupport
import Testing

@testable import ObjectStoreKit

@Suite("One thread for everything, and nothing left behind", .serialized)
struct ScaleTests {
    @Test("A thousand transfers at once need one thread")
    func thousand() async throws {
        try await withEngine(TestHost(), { $0.maximumConnections = 1000 }) { engine, store in
            let before = threads().count
            // The store answers none of them before it has all of them.
            let responses = try await Parallel.map(Array(0..<1000), limit: 1000) { _ in
                try await engine.send(store.request(.get, "/meet/1000"), .soon)
            }
            #expect(responses.allSatisfy { $0.body.text == "fine" })
            #expect(threads().count < before + 20)
            #expect(engine.openedConnections <= 1000)
        }
    }

    @Test("Thousands that wait their turn are all served, and can be cancelled while they wait")
    func queueing() async throws {
        try await withEngine(TestHost(), { $0.maximumConnections = 8 }) { engine, store in
            let tasks = (0..<3000).map { _ in
                Task { try await engine.send(store.request(.get, "/echo"), .soon).status }
            }
            let cancelled = Set((0..<3000).filter { $0 % 3 == 2 })
            for index in cancelled { tasks[index].cancel() }
            for (index, task) in tasks.enumerated() where !cancelled.contains(index) {
                let status = try await task.value
                #expect(status == 200)
            }
            for index in cancelled { _ = await task(tasks[index]) }
            #expect(engine.openedConnections <= 8 + cancelled.count)
            #expect(engine.transfersInFlight == 0)
        }
    }

    private func task(_ task: Task<Int, any Error>) async -> Int? { try? await task.value }

    @Test("Waiting isn't counted as connecting")
    func patience() async throws {
        let change: (inout HTTPConfiguration) -> Void = {
            $0.maximumConnections = 1
            $0.timeouts.connect = 300
        }
        try await withEngine(TestHost(), change) { engine, store in
            async let first = engine.open(store.request(.get, "/echo"), .soon)
            async let busy = timed {
                _ = try await engine.send(store.request(.get, "/stall/head"), .after(milliseconds: 1000))
            }
            try await Task.sleep(for: .milliseconds(100))
            let (seconds, error) = await timed { _ = try await engine.send(store.request(.get, "/echo"), .soon) }
            #expect(error == nil && seconds > 0.5)
            #expect(await busy.error?.kind == .timeout)
            _ = try await first
        }
    }

    @Test("Descriptors and threads are as before, however the transfers ended")
    func leaks() async throws {
        let store = try await FakeStore.shared.value
        let descriptors = openDescriptors()
        for round in 0..<5 {
            let engine = HTTPEngine(HTTPConfiguration(driver: "test"), host: TestHost().host)
            try engine.start()
            _ = try await Parallel.map(Array(0..<60), limit: 60) { index in
                let paths = ["/echo", "/reset/head", "/short", "/stall/head", "/object/5000000", "/stall/body"]
                let path = paths[index % paths.count]
                let deadline = Deadline.after(milliseconds: path.hasPrefix("/stall") ? 200 : 30_000)
                _ = await timed {
                    if index % 2 == 0 { return _ = try await engine.send(store.request(.get, path), deadline) }
                    let stream = try await engine.open(store.request(.get, path), deadline)
                    _ = try await stream.next(maximum: 1000, deadline)
                }
            }
            await engine.stop()
            #expect((engine.connections, engine.blocks.usedBlocks) == (0, 0), "round \(round)")
        }
        #expect(openDescriptors() <= descriptors)
    }

    /// Sockets and event descriptors; files and pipes belong to others.
    private func openDescriptors() -> Int {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.count { name in
            let target = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)")) ?? ""
            return target.hasPrefix("socket:")
        }
    }

    @Test("What happened is counted by operation and status")
    func metrics() async throws {
        let host = TestHost()
        try await withEngine(host) { engine, store in
            var request = store.request(.put, "/echo")
            request.body = .bytes([UInt8](repeating: 1, count: 1000))
            _ = try await engine.send(request, .soon)
            _ = try await engine.send(store.request(.get, "/nothing"), .soon)
            _ = await timed { _ = try await engine.send(store.request(.get, "/drop"), .soon) }
            let stream = try await engine.open(store.request(.get, "/object/5000"), .soon)
            #expect(try await stream.collect(limit: 5000, .soon).count == 5000)
            try await eventually("all is recorded") {
                host.value("objectstore_bytes_total", "test", "received") >= 5000
            }
            #expect(host.value("objectstore_requests_total", "test", "Test", "2xx") == 2)
            #expect(host.value("objectstore_requests_total", "test", "Test", "4xx") == 1)
            #expect(host.value("objectstore_requests_total", "test", "Test", "reset") == 1)
            #expect(host.value("objectstore_bytes_total", "test", "sent") == 1000)
            #expect(host.value("objectstore_request_seconds", "test", "Test") > 0)
        }
    }
}
