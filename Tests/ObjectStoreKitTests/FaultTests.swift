import Foundation
import Glibc
import PluginKit
import TestSupport
import Testing

@testable import ObjectStoreKit

@Suite("What an engine makes of a bad store", .serialized)
struct FaultTests {
    @Test(
        "A connection that breaks is an error that says where, and may be tried again",
        arguments: [
            ("/reset/nothing", StoreError.Cause.reset), ("/reset/head", .reset), ("/reset/body", .truncated),
            ("/drop", .reset), ("/short", .truncated), ("/chunks/broken", .truncated),
        ])
    func breaks(path: String, cause: StoreError.Cause) async throws {
        try await withEngine { engine, store in
            let (_, error) = await timed { _ = try await engine.send(store.request(.get, path), .soon) }
            let failure = try #require(error)
            #expect((failure.kind, failure.retry) == (.unavailable, .connection), "\(failure)")
            #expect(failure.cause == cause, "\(failure)")
            if cause == .truncated { #expect(failure.requestID == "R-1") }
            #expect(!failure.noEffect)
        }
    }

    @Test("A body longer than its announced length is cut there, and the connection isn't used again")
    func excess() async throws {
        try await withEngine { engine, store in
            let response = try await engine.send(store.request(.get, "/long"), .soon)
            #expect(response.body.text == "0123456789")
            #expect(try await engine.send(store.request(.get, "/echo"), .soon).isSuccess)
            #expect(engine.openedConnections == 2)
        }
    }

    @Test("Nobody listens, no such name, a certificate of nobody: the cause says so, and that nothing was changed")
    func unreachable() async throws {
        try await withEngine { engine, store in
            var request = store.request(.put, "/echo")
            request.endpoint.port = try FreePort.take()
            let (_, refused) = await timed { _ = try await engine.send(request, .soon) }
            #expect((refused?.kind, refused?.cause, refused?.noEffect) == (.unavailable, .connect, true))
            #expect(refused?.message.contains("\(request.endpoint.authority)") == true)
            request.endpoint = Endpoint(.http, host: "store.invalid")
            request.usesProxy = false
            let (seconds, unknown) = await timed { _ = try await engine.send(request, .soon) }
            #expect(seconds < 20)
            #expect((unknown?.cause, unknown?.noEffect) == (.resolve, true), "\(unknown as Any)")
        }
    }

    @Test("A peer that doesn't accept is given up after the time for connecting")
    func connectTimeout() async throws {
        try await withEngine(TestHost(), { $0.timeouts.connect = 300 }) { engine, store in
            let full = try FullListener()
            var request = store.request(.get, "/echo")
            request.endpoint.port = full.port
            let (seconds, error) = await timed { _ = try await engine.send(request, .soon) }
            #expect(seconds > 0.2 && seconds < 9)
            #expect((error?.cause, error?.retry, error?.noEffect) == (.connect, .timeout, true), "\(error as Any)")
        }
    }

    @Test(
        "No answer, an answer that stops and one that drips are given up in time",
        arguments: [
            ("/stall/head", StoreError.Cause.firstByte), ("/stall/body", .lowSpeed), ("/drip", .lowSpeed),
        ])
    func slowness(path: String, cause: StoreError.Cause) async throws {
        let change: (inout HTTPConfiguration) -> Void = {
            $0.timeouts.firstByte = cause == .firstByte ? 400 : 20_000
            $0.timeouts.lowSpeedTime = 1000
        }
        try await withEngine(TestHost(), change) { engine, store in
            let (seconds, error) = await timed { _ = try await engine.send(store.request(.get, path), .soon) }
            #expect(seconds > 0.3 && seconds < 20)
            #expect((error?.kind, error?.cause, error?.retry) == (.unavailable, cause, .timeout), "\(error as Any)")
            #expect(engine.transfersInFlight == 0)
        }
    }

    @Test("An upload that nobody reads is given up in time")
    func stuckUpload() async throws {
        try await withEngine(TestHost(), { $0.timeouts.lowSpeedTime = 1000 }) { engine, store in
            var request = store.request(.put, "/slowly/")
            request.body = .bytes([UInt8](repeating: 1, count: 64 << 20))
            let (seconds, error) = await timed { _ = try await engine.send(request, .soon) }
            #expect(seconds < 25)
            #expect(error?.cause == .lowSpeed)
        }
    }

    @Test("An answer before the end of the upload counts, or the connection breaks; it never hangs")
    func earlyAnswer() async throws {
        try await withEngine { engine, store in
            var request = store.request(.put, "/early/")
            request.body = .bytes([UInt8](repeating: 1, count: 16 << 20))
            let (seconds, _) = await timed {
                let response = try await engine.send(request, .soon)
                #expect(response.status == 403)
            }
            #expect(seconds < 25)
        }
    }

    @Test(
        "Cancelling and the deadline end a transfer at once, and close its connection",
        arguments: [
            "/stall/head", "/stall/body", "/slowly/", "connecting",
        ])
    func aborts(path: String) async throws {
        let full = try FullListener()
        for isDeadline in [false, true] {
            try await withEngine { engine, store in
                var request = store.request(.put, path == "connecting" ? "/echo" : path)
                if path == "connecting" { request.endpoint.port = full.port }
                request.body = .bytes([UInt8](repeating: 1, count: path == "/slowly/" ? 64 << 20 : 10))
                let sent = request
                let before = try await store.connections(engine)
                let task = Task {
                    await timed {
                        let deadline = isDeadline ? Deadline.after(milliseconds: 500) : .soon
                        _ = try await engine.send(sent, deadline)
                    }
                }
                try await Task.sleep(for: .milliseconds(400))
                if !isDeadline { task.cancel() }
                let (seconds, error) = await task.value
                // Left alone, none of them would end within half a minute.
                #expect(seconds < 10, "\(path) \(isDeadline)")
                #expect(error?.kind == (isDeadline ? .timeout : .cancelled))
                #expect(error?.noEffect == (path == "connecting"))
                #expect(engine.connections <= 1)
                // A store that doesn't read doesn't see the end either.
                guard path.hasPrefix("/stall") else { return }
                try await eventually("the store sees the end") {
                    let now = try await store.connections(engine)
                    return now.closed > before.closed
                }
            }
        }
    }

    @Test("A cancelled task sends nothing")
    func cancelledBefore() async throws {
        try await withEngine { engine, store in
            let task = Task {
                withUnsafeCurrentTask { $0?.cancel() }
                return await timed { _ = try await engine.send(store.request(.put, "/echo"), .soon) }
            }
            let error = await task.value.error
            #expect((error?.kind, error?.noEffect) == (.cancelled, true))
            #expect(engine.openedConnections == 0)
        }
    }

    @Test("Stopping ends what is in flight and what waits, and later requests are refused")
    func stopping() async throws {
        let store = try await FakeStore.shared.value
        var configuration = HTTPConfiguration(driver: "test")
        configuration.maximumConnections = 2
        let engine = HTTPEngine(configuration, host: TestHost().host)
        try engine.start()
        async let results = Parallel.map(Array(0..<20), limit: 20) { _ in
            await timed { _ = try await engine.send(store.request(.get, "/stall/head"), .soon) }.error
        }
        let stream = try await engine.open(store.request(.get, "/stall/body"), .soon)
        try await eventually("all are there") { engine.transfersInFlight == 21 }
        await engine.stop()
        #expect(try await results.allSatisfy { $0?.kind == .shutdown })
        let (_, read) = await timed { while try await stream.next(maximum: 1 << 20, .soon).count > 0 {} }
        #expect(read?.kind == .shutdown)
        #expect((engine.connections, engine.transfersInFlight) == (0, 0))
        let (_, late) = await timed { _ = try await engine.send(store.request(.get, "/echo"), .soon) }
        #expect(late?.kind == .shutdown)
        await engine.stop()
    }

    @Test("An engine that is dropped without a stop ends its thread")
    func dropped() async throws {
        let store = try await FakeStore.shared.value
        let before = Set(engineThreads())
        var engine: HTTPEngine? = HTTPEngine(HTTPConfiguration(driver: "test"), host: TestHost().host)
        try engine?.start()
        _ = try await engine?.send(store.request(.get, "/echo"), .soon)
        // Its own is among those that are new; others may belong to other tests.
        let new = Set(engineThreads()).subtracting(before)
        #expect(!new.isEmpty)
        engine = nil
        try await eventually("the thread has ended") { !new.isSubset(of: threads()) }
        let idle = HTTPEngine(HTTPConfiguration(driver: "test"), host: TestHost().host)
        await idle.stop()
    }

    @Test(
        "What changes something isn't sent a second time behind the back of the kit",
        arguments: [HTTPRequest.Method.post, .put, .delete], ["/drop", "/reset/nothing"])
    func repeats(method: HTTPRequest.Method, path: String) async throws {
        try await withEngine { engine, store in
            // The connection is kept, and ended by the store when it has done what the next request wants.
            _ = try await engine.send(store.request(.get, "/echo"), .soon)
            let key = "repeat-\(UUID().uuidString)"
            let (_, error) = await timed {
                _ = try await engine.send(store.request(method, path, [QueryItem("key", key)]), .soon)
            }
            #expect((error?.cause, error?.noEffect) == (.reset, false))
            let seen = try await engine.send(store.request(.get, "/seen", [QueryItem("of", key)]), .soon)
            #expect(seen.body.text == "1")
        }
    }
}

extension FakeStore {
    func connections(_ engine: HTTPEngine) async throws -> Connections {
        try JSON.decode(Connections.self, try await engine.send(request(.get, "/connections"), .soon).body)
    }
}

/// A port whose queue of connections is full, so that nobody gets in and nobody is refused.
final class FullListener {
    let port: Int
    private var sockets: [Int32] = []

    init() throws {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        sockets = [listener]
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(listener, $0, length) == 0 && listen(listener, 0) == 0 && getsockname(listener, $0, &length) == 0
            }
        }
        guard isBound else { throw DidNotHappen(description: "no listener") }
        port = Int(UInt16(bigEndian: address.sin_port))
        for _ in 0..<4 {
            let client = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            _ = fcntl(client, F_SETFL, O_NONBLOCK)
            withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = connect(client, $0, length) }
            }
            sockets.append(client)
        }
    }

    deinit { for socket in sockets { close(socket) } }
}
