import Foundation
import TestSupport
import Testing

/// Connections that cost no thread: they send once, and are read when a test likes.
private final class IdleClients {
    private(set) var sockets: [Int32] = []

    deinit { for socket in sockets { close(socket) } }

    /// Opens `count` connections that send `text` and then nothing.
    func open(_ count: Int, port: Int, sending text: String) throws {
        for _ in 0..<count {
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
            guard descriptor >= 0 else { throw RawConnectionError.system(errno) }
            sockets.append(descriptor)
            var size: Int32 = 4096
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = in_port_t(port).bigEndian
            address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
            let connected = withUnsafePointer(to: &address) {
                $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            guard connected == 0 else { throw RawConnectionError.system(errno) }
            sendAll(text, from: sockets.count - 1)
        }
    }

    /// Sends a little more on every connection; those that the server has closed don't mind.
    func drip(_ text: String) { for index in sockets.indices { sendAll(text, from: index) } }

    private func sendAll(_ text: String, from index: Int) {
        _ = text.withCString {
            send(sockets[index], $0, strlen($0), Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
        }
    }
}

/// What the kernel says of a process.
private struct ProcessFigures {
    let descriptors: Int
    /// Resident bytes.
    let memory: Int

    init(_ identifier: Int32) throws {
        descriptors = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(identifier)/fd").count
        let words = try String(contentsOfFile: "/proc/\(identifier)/statm", encoding: .utf8).split(separator: " ")
        memory = (words.count > 1 ? Int(words[1]) ?? 0 : 0) * 4096
    }
}

@Suite("Slow clients", .serialized)
struct SlowClientTests {
    private static let readers = 1000
    private static let lorises = 200

    @Test(
        "A thousand clients that don't read and two hundred that don't finish their head harm nobody, and are cut off",
        .timeLimit(.minutes(5)),
        .enabled(if: BuildProducts.serverIsOurs, "another server has other time-outs"))
    func slow() async throws {
        liftDescriptorLimit()
        try await withTemporaryDirectory { directory in
            var configuration = Configuration.filesystem(directory.path("root"))
            configuration.http += "\ntimeouts: {header: 8s, stall: 12s}"
            try await withRegistry(in: directory, configuration) { registry in
                let large = try await Blob.random(8_000_000)
                let image = try await ImageManifest(layers: [Blob.random(20_000)])
                try await registry.connect().push(large, to: "app")
                try await registry.connect().push(image, to: "app", tag: "kept")
                _ = try await latencies(of: 200, registry, image)
                let before = try ProcessFigures(registry.process.identifier)

                let clients = IdleClients()
                let get = "GET /v2/app/blobs/\(large.digest) HTTP/1.1\r\nHost: localhost\r\n"
                try clients.open(Self.readers, port: registry.port, sending: get + "\r\n")
                try clients.open(Self.lorises, port: registry.port, sending: get + "X: 1")
                async let trickled = trickle(get + "\r\n", large, registry)
                var (descriptors, memory) = (0, 0)
                let during = try await latencies(of: 400, registry, image) {
                    clients.drip("1")
                    let now = try ProcessFigures(registry.process.identifier)
                    (descriptors, memory) = (max(descriptors, now.descriptors), max(memory, now.memory))
                }
                #expect(descriptors > Self.readers + Self.lorises, "the slow ones were not all there")
                let each = (memory - before.memory) / (Self.readers + Self.lorises)
                let p99 = during.sorted()[during.count * 99 / 100]
                print("beside slow clients: p99 \(p99), \(each) bytes of memory for each of them")
                #expect(each < 150_000)
                #expect(p99 < .seconds(3))

                try await eventually("the slow ones are cut off", within: .seconds(60)) {
                    clients.drip("1")
                    return try ProcessFigures(registry.process.identifier).descriptors < before.descriptors + 20
                }
                #expect(try await trickled == large.bytes.count, "a client that reads slowly was cut off")
                try await expectServed(image, tag: "kept", by: registry)
            }
        }
    }

    /// How long small requests take that other clients make meanwhile: pulls, and a push in between.
    private func latencies(
        of count: Int, _ registry: Registry, _ image: ImageManifest, between: () throws -> Void = {}
    ) async throws -> [Duration] {
        let connection = try await registry.connect()
        var times: [Duration] = []
        for number in 0..<count {
            let clock = ContinuousClock()
            let begin = clock.now
            if number % 20 == 0 {
                try await connection.push(try await Blob("small \(number)"), to: "app")
            } else {
                let path = number % 2 == 0 ? "manifests/kept" : "blobs/\(image.layers[0].digest)"
                let response = try await connection.request("GET", "/v2/app/\(path)")
                #expect(response.status == 200)
            }
            times.append(clock.now - begin)
            if number % 10 == 0 { try between() }
        }
        return times
    }

    /// Reads a blob for longer than any time-out, but never stops; gives how many bytes of its body came.
    private func trickle(_ request: String, _ blob: Blob, _ registry: Registry) async throws -> Int {
        let connection = try await registry.connect()
        try await connection.send(request)
        var head = Data()
        while head.range(of: Data("\r\n\r\n".utf8)) == nil { head += try await connection.read(1) }
        var body = Data()
        for _ in 0..<60 {
            body += try await connection.read(20_000)
            try await Task.sleep(for: .milliseconds(250))
        }
        body += try await connection.read(blob.bytes.count - body.count)
        #expect(body == blob.bytes)
        return body.count
    }

    private func liftDescriptorLimit() {
        var limit = rlimit()
        let descriptors = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(descriptors, &limit) == 0 else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(descriptors, &limit)
    }
}
