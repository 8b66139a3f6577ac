import Dispatch
import Glibc
import HTTPServer
import NIOHTTP1
import RegistryHTTP
import Synchronization

/// Sends bytes of any kind to a real server on loopback, whose responder is the API, and reads what comes back.
final class WireRun: Sendable {
    static let shared = WireRun()

    /// The server stays; each run has a registry of its own.
    private struct Responder: HTTPResponder {
        let current: @Sendable () -> RegistryResponder?

        func respond(to request: HTTPRequest) async -> HTTPResponse {
            await current()?.respond(to: request) ?? HTTPResponse(status: .serviceUnavailable)
        }
    }

    private let responder = Mutex<RegistryResponder?>(nil)
    private let started = Mutex<(server: HTTPServer, port: Int)?>(nil)

    /// How long nothing must come before the client ends its side. What is unfinished then is cut off.
    private static let quiet: CInt = 8

    func run(_ bytes: [UInt8]) async throws -> [Int] {
        let api = APIRun(options: [])
        responder.withLock { $0 = api.responder }
        let port = try await port()
        let (answers, wasCut) = try await Self.exchange(bytes, port)
        var sent = WireAnswers(answers)
        let statuses = try sent.check(mayBeCut: wasCut)
        try StoredProperties(api.storage).check(isReadOnly: false)
        return statuses
    }

    private func port() async throws -> Int {
        if let port = started.withLock({ $0?.port }) { return port }
        var limits = HTTPServerConfiguration.Limits()
        limits.headerBytes = 1024
        limits.headerCount = 12
        limits.targetBytes = 512
        limits.drainedBodyBytes = 2048
        let configuration = HTTPServerConfiguration(limits: limits, eventLoopThreads: 1, blockingThreads: 1)
        let server = HTTPServer(
            configuration: configuration, logger: APIRun.logger,
            responder: Responder { [weak self] in self?.responder.withLock { $0 } })
        guard case .tcp(_, let port)? = try await server.start().first else { throw Violation("no address") }
        started.withLock { $0 = (server, port) }
        return port
    }

    private static func exchange(_ bytes: [UInt8], _ port: Int) async throws -> ([UInt8], Bool) {
        // Not on a thread that the server's tasks may need.
        try await withCheckedThrowingContinuation { continuation in
            DispatchQueue.global().async { continuation.resume(with: Result { try talk(bytes, port) }) }
        }
    }

    private static func talk(_ bytes: [UInt8], _ port: Int) throws -> ([UInt8], Bool) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try hold(connected == 0, "the server is gone: \(errno)")
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        var received: [UInt8] = []
        var wasCut = false
        var chunk = [UInt8](repeating: 0, count: 16384)
        while true {
            var state = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            if poll(&state, 1, wasCut ? 20_000 : quiet) == 0 {
                try hold(!wasCut, "the server doesn't end a connection that its client has ended")
                shutdown(descriptor, Int32(SHUT_WR))
                wasCut = true
                continue
            }
            let count = recv(descriptor, &chunk, chunk.count, 0)
            if count < 0 { return (received, true) }
            if count == 0 { return (received, wasCut) }
            received += chunk[..<count]
        }
    }
}
