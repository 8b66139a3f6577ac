import Foundation
import TestSupport

/// How requests reach the registry.
enum Transport: String, CaseIterable, Sendable {
    case http1 = "HTTP/1.1, plain"
    case http1TLS = "HTTP/1.1 over TLS"
    case http2 = "HTTP/2, plain"
    case http2TLS = "HTTP/2 over TLS"

    var isSecure: Bool { self == .http1TLS || self == .http2TLS }
    var isHTTP2: Bool { self == .http2 || self == .http2TLS }
    var scheme: String { isSecure ? "https" : "http" }

    /// A client for one row or dialogue.
    func client(port: Int, certificate: String) -> any Client {
        let base = "\(scheme)://127.0.0.1:\(port)"
        if self == .http1 { return RawClient(port: port, base: base) }
        var options = ["--http1.1"]
        if self == .http2 { options = ["--http2-prior-knowledge"] }
        if self == .http2TLS { options = ["--http2"] }
        return CurlClient(base: base, options: options + (isSecure ? ["--cacert", certificate] : []), isHTTP2: isHTTP2)
    }
}

/// Sends requests as they are told, without headers of its own but the host and the length.
protocol Client: Sendable {
    /// Scheme and host, without a slash at the end.
    var base: String { get }
    /// Sends a request whose placeholders have been filled in.
    func send(_ request: Request) async throws -> RawResponse
}

/// One connection after another, byte by byte.
actor RawClient: Client {
    nonisolated let base: String
    private let port: Int
    private var connection: RawConnection?

    init(port: Int, base: String) {
        self.port = port
        self.base = base
    }

    func send(_ request: Request) async throws -> RawResponse {
        let connection = try await self.connected()
        var head = "\(request.method) \(request.target) HTTP/1.1\r\n"
        if !request.headers.contains(where: { $0.0.lowercased() == "host" }) { head += "Host: 127.0.0.1:\(port)\r\n" }
        for (name, value) in request.headers { head += "\(name): \(value)\r\n" }
        var body = Data()
        switch request.body {
        case .none: break
        case .bytes(let bytes):
            if !request.headers.contains(where: { $0.0.lowercased() == "content-length" }) {
                head += "Content-Length: \(bytes.count)\r\n"
            }
            body = bytes
        case .stream(let parts):
            head += "Transfer-Encoding: chunked\r\n"
            for part in parts where !part.isEmpty {
                body += Data((String(part.count, radix: 16) + "\r\n").utf8) + part + Data("\r\n".utf8)
            }
            body += Data("0\r\n\r\n".utf8)
        }
        // A server that refuses a large body may stop reading; what it says counts.
        try? await connection.send(Data((head + "\r\n").utf8) + body)
        let response = try await connection.response(toHead: request.method == "HEAD")
        if response["Connection"]?.lowercased() == "close" { self.connection = nil }
        return response
    }

    private func connected() async throws -> RawConnection {
        if let connection { return connection }
        let new = try await RawConnection.open(port: port)
        connection = new
        return new
    }
}

/// curl, one process for each request.
struct CurlClient: Client {
    let base: String
    let options: [String]
    let isHTTP2: Bool

    func send(_ request: Request) async throws -> RawResponse {
        try await withTemporaryDirectory { directory in
            // A HEAD or a 204 leaves no body file unless it is there before.
            try directory.write("", to: "body")
            var arguments = ["-sS", "--max-time", "60", "--path-as-is", "-D", directory.path("head")]
            arguments += ["-o", directory.path("body")] + options
            // Nothing that a row does not say.
            for name in ["Accept", "User-Agent", "Expect", "Content-Type"]
            where !request.headers.contains(where: { $0.0.lowercased() == name.lowercased() }) {
                arguments += ["-H", "\(name):"]
            }
            for (name, value) in request.headers { arguments += ["-H", "\(name): \(value)"] }
            var input: Data?
            switch request.body {
            case .none: break
            case .bytes(let bytes):
                arguments += ["--data-binary", "@-"]
                input = bytes
            case .stream(let parts):
                arguments += ["-T", "-"]
                input = parts.reduce(Data(), +)
            }
            arguments += request.method == "HEAD" ? ["--head"] : ["-X", request.method]
            let target = request.target.hasPrefix("/") ? base + request.target : request.target
            try await Command.run("curl", arguments + [target], input: input).checked()
            // For a HEAD, curl writes the head once more where the body would be.
            let response = try Self.response(
                heads: String(decoding: try directory.read("head"), as: UTF8.self),
                body: request.method == "HEAD" ? Data() : try directory.read("body"))
            guard response.version.hasPrefix("HTTP/2") == isHTTP2 else {
                throw DidNotHappen(description: "the answer came by \(response.version)")
            }
            return response
        }
    }

    private static func response(heads: String, body: Data) throws -> RawResponse {
        // Informational answers come with heads of their own before the last one.
        let last = heads.components(separatedBy: "\r\n\r\n").last { !$0.isEmpty } ?? ""
        let lines = last.components(separatedBy: "\r\n")
        let start = lines[0].split(separator: " ")
        guard start.count >= 2, let status = Int(start[1]) else { throw RawConnectionError.malformed(lines[0]) }
        let headers = try lines.dropFirst().map { line in
            guard let colon = line.firstIndex(of: ":") else { throw RawConnectionError.malformed(line) }
            let value = line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            return (name: String(line[..<colon]), value: value)
        }
        return RawResponse(version: String(start[0]), status: status, headers: headers, body: body)
    }
}
