import Dispatch
import Glibc

/// A client on a plain socket, so that tests can send what no library would.
final class Client: Sendable {
    struct Failure: Error {
        let what: String
    }

    struct Answer {
        var status = 0
        var headers: [(name: String, value: String)] = []
        var body: [UInt8] = []

        var text: String { String(decoding: body, as: UTF8.self) }

        subscript(name: String) -> String? {
            headers.first { $0.name.lowercased() == name }?.value
        }
    }

    let descriptor: CInt
    private let reader: Reader

    /// Connects to a TCP port on the loopback interface.
    init(port: Int, receiveBuffer: CInt? = nil, timeout: Int = 10) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<CInt>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = descriptor
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, length) }
        }
        guard result == 0 else { throw Failure(what: "connect: \(errno)") }
        reader = Reader(descriptor: descriptor, timeout: timeout)
    }

    /// Connects to a unix socket.
    init(path: String) throws {
        descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: Array(path.utf8) + [0]) }
        let length = socklen_t(MemoryLayout<sockaddr_un>.size)
        let descriptor = descriptor
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, length) }
        }
        guard result == 0 else { throw Failure(what: "connect: \(errno)") }
        reader = Reader(descriptor: descriptor, timeout: 10)
    }

    deinit {
        Glibc.close(descriptor)
    }

    func send(_ text: String) async throws {
        try await send(Array(text.utf8))
    }

    func send(_ bytes: [UInt8]) async throws {
        let count = try await trySend(bytes)
        guard count == bytes.count else { throw Failure(what: "send stopped at \(count)") }
    }

    /// Sends until all is sent, the peer resets, or the peer takes nothing for a second; returns what was taken.
    func trySend(_ bytes: [UInt8]) async throws -> Int {
        await blocking { [descriptor] in
            var timeout = timeval(tv_sec: 1, tv_usec: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
            var sent = 0
            while sent < bytes.count {
                let count = bytes.withUnsafeBytes {
                    Glibc.send(descriptor, $0.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
                }
                if count <= 0 { break }
                sent += count
            }
            return sent
        }
    }

    /// The next answer; informational ones count.
    func answer(toHead: Bool = false) async throws -> Answer {
        try await blocking { [reader] in try reader.answer(toHead: toHead) }
    }

    /// The head of the next answer alone.
    func head() async throws -> Answer {
        try await blocking { [reader] in try reader.head() }
    }

    /// Exactly this many bytes.
    func bytes(_ count: Int) async throws -> [UInt8] {
        try await blocking { [reader] in try reader.take(count) }
    }

    /// Everything until the server closes.
    func rest() async throws -> [UInt8] {
        try await blocking { [reader] in try reader.rest() }
    }

    /// Whether the server has closed (or reset) the connection; false if it sends something or nothing at all.
    func isClosed() async throws -> Bool {
        do {
            return try await rest().isEmpty
        } catch let failure as Failure {
            return failure.what.contains("\(ECONNRESET)")
        }
    }

    func shutdownWrite() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Closes with a reset.
    func reset() {
        var value = linger(l_onoff: 1, l_linger: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &value, socklen_t(MemoryLayout<linger>.size))
        shutdown(descriptor, Int32(SHUT_RDWR))
    }
}

/// Reads answers. One reader at a time, since the tests await each call.
private final class Reader: @unchecked Sendable {
    private let descriptor: CInt
    private var buffer: [UInt8] = []

    init(descriptor: CInt, timeout: Int) {
        self.descriptor = descriptor
        var timeout = timeval(tv_sec: timeout, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Receives more; false at the end.
    private func fill() throws -> Bool {
        var chunk = [UInt8](repeating: 0, count: 65536)
        let count = recv(descriptor, &chunk, chunk.count, 0)
        guard count >= 0 else { throw Client.Failure(what: "recv: \(errno)") }
        buffer += chunk.prefix(count)
        return count > 0
    }

    func take(_ count: Int) throws -> [UInt8] {
        while buffer.count < count {
            guard try fill() else { throw Client.Failure(what: "end after \(buffer.count) of \(count) bytes") }
        }
        defer { buffer.removeFirst(count) }
        return Array(buffer.prefix(count))
    }

    func rest() throws -> [UInt8] {
        while try fill() {}
        defer { buffer = [] }
        return buffer
    }

    private func line() throws -> String {
        while true {
            if let end = buffer.firstIndex(of: 10) {
                let line = try take(end + 1)
                return String(decoding: line.dropLast(2), as: UTF8.self)
            }
            guard try fill() else { throw Client.Failure(what: "end in a line") }
        }
    }

    func head() throws -> Client.Answer {
        var answer = Client.Answer()
        let status = try line().split(separator: " ")
        guard status.count >= 2, let code = Int(status[1]) else { throw Client.Failure(what: "status line \(status)") }
        answer.status = code
        while case let text = try line(), !text.isEmpty {
            guard let colon = text.firstIndex(of: ":") else { throw Client.Failure(what: "field \(text)") }
            let value = text[text.index(after: colon)...].drop { $0 == " " }
            answer.headers.append((String(text[..<colon]), String(value)))
        }
        return answer
    }

    func answer(toHead: Bool) throws -> Client.Answer {
        var answer = try head()
        if toHead || answer.status < 200 || answer.status == 204 || answer.status == 304 { return answer }
        if answer["transfer-encoding"] == "chunked" {
            while case let size = Int(try line(), radix: 16) ?? -1, size != 0 {
                guard size > 0 else { throw Client.Failure(what: "chunk size") }
                answer.body += try take(size)
                _ = try line()
            }
            _ = try line()
        } else if let length = answer["content-length"].flatMap({ Int($0) }) {
            answer.body = try take(length)
        } else {
            answer.body = try rest()
        }
        return answer
    }
}

/// Runs blocking work outside the threads that tasks share.
func blocking<Value: Sendable>(_ work: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Result(catching: work)) }
    }
}

/// Runs blocking work that cannot fail.
func blocking<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(returning: work()) }
    }
}
