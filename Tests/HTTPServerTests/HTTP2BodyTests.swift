import HTTPServer
import NIOCore
import NIOHTTP1
import Testing

@Suite("Memory of HTTP/2 request bodies")
struct HTTP2BodyTests {
    private static let window = 1 << 20

    /// Sends bytes in frames of the usual size.
    private func send(_ count: Int, on stream: UInt32, by client: HTTP2Client, ends: Bool = false) async throws {
        var left = count
        while left > 0 {
            let size = min(left, 16_384)
            left -= size
            try await client.data(stream, [UInt8](repeating: 0x61, count: size), ends: ends && left == 0)
        }
    }

    @Test("Nothing is read of a body that the responder hasn't asked for")
    func unwanted() async throws {
        let (begun, release) = (Shared(false), Shared(false))
        try await withServer({ $0.h2c = true }) { request in
            begun.value = true
            while !release.value { try? await Task.sleep(for: .milliseconds(5)) }
            return .text("\(((try? await request.collected()) ?? []).count)")
        } test: { port in
            let client = try await HTTP2Client(port: port)
            try await client.ping()
            try await client.head(1, HTTP2Client.request("POST", "/"), ends: false)
            try await eventually("the responder has begun") { begun.value }
            try await send(Self.window, on: 1, by: client)
            try await client.ping()
            #expect(client.windowUpdates[1] == nil, "the client may not send more than its first window")
            release.value = true
            try await client.data(1, [], ends: true)
            #expect(try await client.outcome(of: 1).body == "\(Self.window)")
        }
    }

    @Test("Streams that hold much together are read only while they are waited for")
    func pressed() async throws {
        let (taken, release) = (Shared(0), Shared(false))
        try await withServer({ configuration in
            configuration.h2c = true
            configuration.limits.connectionBodyBytes = 1 << 20
        }) { request in
            var count = 0
            while let batch = try? await request.body.next() {
                if count == 0 { taken.update { $0 += 1 } }
                count += batch.reduce(0) { $0 + $1.readableBytes }
                while !release.value { try? await Task.sleep(for: .milliseconds(5)) }
            }
            return .text("\(count)")
        } test: { port in
            let client = try await HTTP2Client(port: port)
            try await client.ping()
            let streams: [UInt32] = [1, 3, 5, 7]
            for (number, stream) in streams.enumerated() {
                try await client.head(stream, HTTP2Client.request("POST", "/"), ends: false)
                try await send(300_000, on: stream, by: client)
                try await eventually("a first batch was taken") { taken.value == number + 1 }
            }
            // More than half of the window, so that it is widened as soon as it is read.
            for stream in streams {
                try await send(700_000, on: stream, by: client)
                try await client.ping()
            }
            // How many depends on how the reads are cut; all of them would be more than may be held.
            #expect((1...3).contains(streams.count { client.windowUpdates[$0] != nil }))
            release.value = true
            for stream in streams {
                try await client.data(stream, [], ends: true)
                #expect(try await client.outcome(of: stream).body == "1000000")
            }
        }
    }
}
