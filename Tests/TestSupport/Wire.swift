import Foundation

/// The blocking side of a ``RawConnection``: a socket and what was read from it but not yet used.
struct Wire {
    private var descriptor: Int32
    private var pending = Data()
    private let timeout: Duration

    init(port: Int, timeout: Duration) throws {
        self.timeout = timeout
        descriptor = try Self.makeSocket(AF_INET, timeout)
        if withLoopbackAddress(port: port, { connect(descriptor, $0, $1) }) != 0 { throw refused() }
    }

    init(path: String, timeout: Duration) throws {
        self.timeout = timeout
        descriptor = try Self.makeSocket(AF_UNIX, timeout)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < room else { throw RawConnectionError.malformed("the socket's path is too long") }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        if connected != 0 { throw refused() }
    }

    private static func makeSocket(_ family: Int32, _ timeout: Duration) throws -> Int32 {
        let descriptor = socket(family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { throw RawConnectionError.system(errno) }
        setTimeout(descriptor, timeout)
        var on: Int32 = 1
        if family == AF_INET {
            setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
        }
        return descriptor
    }

    private static func setTimeout(_ descriptor: Int32, _ timeout: Duration) {
        let parts = timeout.components
        var value = timeval(tv_sec: Int(parts.seconds), tv_usec: Int(parts.attoseconds / 1_000_000_000_000))
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &value, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &value, size)
    }

    /// The error of a failed `connect`; the socket is closed, as no owner will be made.
    private mutating func refused() -> RawConnectionError {
        let code = errno
        close()
        return .system(code)
    }

    mutating func close() {
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
        descriptor = -1
    }

    func finishSending() { _ = shutdown(descriptor, Int32(SHUT_WR)) }

    func send(_ bytes: Data) throws {
        try bytes.withUnsafeBytes { buffer in
            var sent = 0
            while sent < buffer.count {
                let count = Glibc.send(
                    descriptor, buffer.baseAddress?.advanced(by: sent), buffer.count - sent, Int32(MSG_NOSIGNAL))
                if count < 0, errno == EINTR { continue }
                guard count >= 0 else { throw Self.failure() }
                sent += count
            }
        }
    }

    private static func failure() -> RawConnectionError {
        switch errno {
        case EAGAIN: .timedOut
        case EPIPE, ECONNRESET: .closed
        default: .system(errno)
        }
    }

    /// Reads what has come; false at the end of the stream.
    private mutating func fill() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 256 * 1024)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure() }
            pending.append(contentsOf: buffer[..<count])
            return count > 0
        }
    }

    mutating func take(_ count: Int) throws -> Data {
        while pending.count < count {
            guard try fill() else { throw RawConnectionError.closed }
        }
        let bytes = Data(pending.prefix(count))
        pending = Data(pending.dropFirst(count))
        return bytes
    }

    /// Bytes up to and without `separator`, which is used up.
    private mutating func take(through separator: String) throws -> String {
        let mark = Data(separator.utf8)
        while true {
            if let range = pending.range(of: mark) {
                let text = String(decoding: pending[..<range.lowerBound], as: UTF8.self)
                pending = Data(pending[range.upperBound...])
                return text
            }
            guard try fill() else { throw RawConnectionError.closed }
        }
    }

    mutating func drain(within timeout: Duration) throws -> Bool {
        Self.setTimeout(descriptor, timeout)
        defer { Self.setTimeout(descriptor, self.timeout) }
        do {
            repeat { pending = Data() } while try fill()
            return true
        } catch RawConnectionError.closed {
            return true
        } catch RawConnectionError.timedOut {
            return false
        }
    }

    mutating func response(toHead: Bool) throws -> RawResponse {
        let lines = try take(through: "\r\n\r\n").components(separatedBy: "\r\n")
        let start = lines[0].split(separator: " ", maxSplits: 2)
        guard start.count >= 2, start[0].hasPrefix("HTTP/1."), let status = Int(start[1]) else {
            throw RawConnectionError.malformed(lines[0])
        }
        let headers = try lines.dropFirst().map { line in
            guard let colon = line.firstIndex(of: ":") else { throw RawConnectionError.malformed(line) }
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            return (name: String(line[..<colon]), value: value)
        }
        let empty = RawResponse(version: String(start[0]), status: status, headers: headers, body: Data())
        if toHead || status == 204 || status == 304 || (100..<200).contains(status) { return empty }
        return RawResponse(version: empty.version, status: status, headers: headers, body: try body(of: empty))
    }

    private mutating func body(of response: RawResponse) throws -> Data {
        if response["Transfer-Encoding"]?.lowercased() == "chunked" { return try chunkedBody() }
        if let length = response["Content-Length"] {
            guard let count = Int(length), count >= 0 else { throw RawConnectionError.malformed(length) }
            return try take(count)
        }
        while try fill() {}
        defer { pending = Data() }
        return pending
    }

    private mutating func chunkedBody() throws -> Data {
        var body = Data()
        while true {
            let line = try take(through: "\r\n")
            let digits = line.prefix { $0 != ";" }.trimmingCharacters(in: .whitespaces)
            guard let count = Int(digits, radix: 16), count >= 0 else { throw RawConnectionError.malformed(line) }
            if count == 0 { break }
            body += try take(count)
            _ = try take(2)
        }
        while try !take(through: "\r\n").isEmpty {}
        return body
    }
}
