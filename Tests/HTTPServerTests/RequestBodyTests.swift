import HTTPServer
import NIOCore
import NIOHTTP1
import Testing

@Suite("Request bodies")
struct RequestBodyTests {
    @Test("A large body comes whole, in batches of at most about 1 MiB, fewer than the reads it took")
    func batches() async throws {
        let sizes = Shared<[Int]>([])
        let bytes = pattern(12 << 20)
        let isSame = Shared(true)
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            var position = 0
            while let batch = try? await request.body.next() {
                sizes.update { $0.append(batch.reduce(0) { $0 + $1.readableBytes }) }
                for buffer in batch {
                    let expected = ByteBuffer(bytes: bytes[position..<position + buffer.readableBytes])
                    if buffer != expected { isSame.value = false }
                    position += buffer.readableBytes
                }
            }
            return HTTPResponse(status: .created)
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            try await client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: \(bytes.count)\r\n\r\n")
            try await client.send(bytes)
            #expect(try await client.answer().status == 201)
            #expect(sizes.value.reduce(0, +) == bytes.count)
            #expect(isSame.value)
            #expect(sizes.value.allSatisfy { $0 <= 2 << 20 })
            // All but the last hold at least 256 KiB, unless the client was slow.
            #expect(sizes.value.count <= 60)
        }
    }

    @Test("A server whose responder does not read stops reading, and goes on when it does")
    func backPressure() async throws {
        let go = Shared(false)
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            while !go.value { try? await Task.sleep(for: .milliseconds(5)) }
            let count = (try? await request.collected().count) ?? -1
            return .text("\(count)")
        }
        let size = 64 << 20
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            try await client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: \(size)\r\n\r\n")
            let taken = try await client.trySend([UInt8](repeating: 65, count: size))
            // Two batches in the server; the rest is the kernel's send and receive buffers.
            #expect(taken < 24 << 20)
            go.value = true
            try await client.send([UInt8](repeating: 65, count: size - taken))
            #expect(try await client.answer().text == "\(size)")
        }
    }

    @Test("What a slow client sends is passed on without waiting for a batch")
    func slowClient() async throws {
        let seen = Shared(0)
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            while let batch = try? await request.body.next() {
                seen.update { $0 += batch.reduce(0) { $0 + $1.readableBytes } }
            }
            return .text("\(seen.value)")
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            try await client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000\r\n\r\n")
            for part in 1...3 {
                try await client.send([UInt8](repeating: 65, count: 1000))
                try await eventually { seen.value == part * 1000 }
            }
            #expect(try await client.answer().text == "3000")
        }
    }

    @Test("Many small pieces are gathered and stay in order")
    func smallPieces() async throws {
        let bytes = pattern(40_000)
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            try? await Task.sleep(for: .milliseconds(100))
            return .text((try? await request.collected()) == bytes ? "same" : "different")
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            try await client.send("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            for start in stride(from: 0, to: bytes.count, by: 400) {
                try await client.send(Array("190\r\n".utf8) + bytes[start..<start + 400] + Array("\r\n".utf8))
            }
            try await client.send("0\r\n\r\n")
            #expect(try await client.answer().text == "same")
        }
    }

    @Test("The body may be read on another executor")
    func foreignExecutor() async throws {
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            let count = await Task.detached { (try? await request.collected().count) ?? -1 }.value
            return .text("\(count)")
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            try await client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n")
            try await client.send([UInt8](repeating: 65, count: 3_000_000))
            #expect(try await client.answer().text == "3000000")
        }
    }

    @Test("A client that goes away cancels the task and fails the body", arguments: [true, false])
    func disconnect(reads: Bool) async throws {
        let outcome = Shared("")
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            do {
                if reads {
                    _ = try await request.collected()
                } else {
                    try await Task.sleep(for: .seconds(30))
                }
                outcome.value = "finished"
            } catch {
                outcome.value = "\(error) \(Task.isCancelled)"
            }
            return HTTPResponse(status: .ok)
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            try await client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\nabc")
            try await Task.sleep(for: .milliseconds(50))
            #expect(outcome.value.isEmpty)
            client.reset()
            try await eventually { !outcome.value.isEmpty }
            #expect(outcome.value == (reads ? "clientGone true" : "CancellationError() true"))
        }
    }

    @Test("A cancelled reader is released, another may go on")
    func cancelledReader() async throws {
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            let reader = Task { try await request.body.next() }
            try? await Task.sleep(for: .milliseconds(30))
            reader.cancel()
            let result = await reader.result
            guard case .failure(let error) = result, error is CancellationError else { return .text("not cancelled") }
            return .text("\((try? await request.collected().count) ?? -1)")
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            try await client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
            try await Task.sleep(for: .milliseconds(150))
            try await client.send("hello")
            #expect(try await client.answer().text == "5")
        }
    }

    @Test("Two readers at a time are an error, not a trap")
    func concurrentReaders() async throws {
        let responder: @Sendable (HTTPRequest) async -> HTTPResponse = { request in
            let hasBegun = Shared(false)
            let first = Task {
                hasBegun.value = true
                return try await request.body.next()
            }
            while !hasBegun.value { await Task.yield() }
            try? await Task.sleep(for: .milliseconds(50))
            do {
                _ = try await request.body.next()
                return .text("no error")
            } catch {
                _ = try? await first.value
                return .text("\(error)")
            }
        }
        try await withServer(answering: responder) { port in
            let client = try Client(port: port)
            try await client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
            try await Task.sleep(for: .milliseconds(150))
            try await client.send("hello")
            #expect(try await client.answer().text == "concurrentRead")
        }
    }

    @Test("A body kept beyond its answer says so")
    func keptBody() async throws {
        let kept = Shared<HTTPRequestBody?>(nil)
        try await withServer(answering: { request in
            kept.value = request.body
            return .text("early")
        }) { port in
            let client = try Client(port: port)
            try await client.send("PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n")
            #expect(try await client.answer().text == "early")
            await #expect(throws: HTTPRequestBodyError.answered) { try await kept.value?.next() }
        }
    }

    @Test("A body made for a test yields its bytes once")
    func preparedBody() async throws {
        let body = HTTPRequestBody(ByteBuffer(string: "hello"))
        #expect(body.declaredLength == 5)
        #expect(!body.isEmpty)
        #expect(try await body.next() == [ByteBuffer(string: "hello")])
        #expect(try await body.next() == nil)
        #expect(HTTPRequestBody.none.isEmpty)
        #expect(try await HTTPRequestBody.none.next() == nil)
    }
}
