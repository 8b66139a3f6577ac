import NIOCore
import NIOHPACK

/// A client that speaks HTTP/2 frame by frame, without TLS, and says what no library would.
final class HTTP2Client {
    /// What became of a stream.
    struct Outcome {
        var status = 0
        var body = ""
        /// The code of RST_STREAM.
        var reset: UInt32?
    }

    let client: Client
    private var decoder = HPACKDecoder(allocator: ByteBufferAllocator())
    private var outcomes: [UInt32: Outcome] = [:]

    /// Connects and sends the preface.
    init(port: Int) async throws {
        client = try Client(port: port)
        try await client.send(RawHTTP2.preface)
    }

    static func request(_ method: String, _ path: String, authority: String? = "x") -> [(String, String)] {
        [(":method", method), (":scheme", "http"), (":path", path)] + (authority.map { [(":authority", $0)] } ?? [])
    }

    /// Sends a head of literal fields.
    func head(_ stream: UInt32, _ fields: [(String, String)], ends: Bool) async throws {
        var block: [UInt8] = []
        for (name, value) in fields { block += [0] + Self.text(name) + Self.text(value) }
        try await client.send(RawHTTP2.frame(type: 1, flags: ends ? 5 : 4, stream: stream, block))
    }

    func data(_ stream: UInt32, _ bytes: [UInt8], ends: Bool) async throws {
        try await client.send(RawHTTP2.frame(type: 0, flags: ends ? 1 : 0, stream: stream, bytes))
    }

    private static func text(_ text: String) -> [UInt8] {
        var count = text.utf8.count
        guard count >= 127 else { return [UInt8(count)] + text.utf8 }
        var bytes: [UInt8] = [127]
        count -= 127
        while count >= 128 {
            bytes.append(UInt8(count % 128 | 128))
            count /= 128
        }
        return bytes + [UInt8(count)] + text.utf8
    }

    /// What has come of a stream so far.
    func seen(of stream: UInt32) -> Outcome { outcomes[stream] ?? Outcome() }

    /// Reads until a stream has ended or was reset.
    func outcome(of stream: UInt32) async throws -> Outcome {
        while true {
            let frame = try await frame()
            let isEnd = frame.type == 3 || (frame.type < 2 && frame.flags & 1 == 1)
            if isEnd, frame.stream == stream { return outcomes[stream] ?? Outcome() }
        }
    }

    /// Waits until the server has read all that was sent so far.
    func ping() async throws {
        for _ in 0..<2 {
            try await client.send(RawHTTP2.frame(type: 6, flags: 0, stream: 0, [0, 1, 2, 3, 4, 5, 6, 7]))
            while true {
                let frame = try await frame()
                if frame.type == 6, frame.flags & 1 == 1 { break }
            }
            // What the first one sets going is done before the second.
            try await Task.sleep(for: .milliseconds(50))
        }
    }

    /// Bytes by which the server has widened the windows of streams.
    private(set) var windowUpdates: [UInt32: Int] = [:]

    /// Reads a frame and takes note of it.
    private func frame() async throws -> (type: UInt8, flags: UInt8, stream: UInt32) {
        let head = try await client.bytes(9)
        let payload = try await client.bytes(Int(head[0]) << 16 | Int(head[1]) << 8 | Int(head[2]))
        let id = UInt32(head[5]) << 24 | UInt32(head[6]) << 16 | UInt32(head[7]) << 8 | UInt32(head[8])
        var outcome = outcomes[id] ?? Outcome()
        let number = payload.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
        switch head[3] {
        case 0: outcome.body += String(decoding: payload, as: UTF8.self)
        case 1:
            var block = ByteBuffer(bytes: payload)
            let fields = try decoder.decodeHeaders(from: &block)
            outcome.status = fields.first(name: ":status").flatMap { Int($0) } ?? 0
        case 3: outcome.reset = number
        case 4 where head[4] & 1 == 0:
            // What the server announces holds once it is acknowledged.
            try await client.send(RawHTTP2.frame(type: 4, flags: 1, stream: 0, []))
        case 8: windowUpdates[id, default: 0] += Int(number & 0x7fff_ffff)
        default: break
        }
        outcomes[id] = outcome
        return (head[3], head[4], id)
    }
}
