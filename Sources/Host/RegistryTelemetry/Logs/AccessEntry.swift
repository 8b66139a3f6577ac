/// What the access log says of a finished request. Everything in it may come from a client, and is escaped and cut.
public struct AccessEntry: Sendable {
    /// The client's address, without the port.
    public var remote: String
    /// Who the client proved to be.
    public var user: String?
    /// When the request came.
    public var time: Timestamp
    /// The method of the request.
    public var method: String
    /// The path and query of the request. The value of `_state`, which lets its owner continue an upload, is not written.
    public var target: String
    /// The protocol: `HTTP/1.1`.
    public var version: String
    /// The status of the answer.
    public var status: Int
    /// Bytes of the answer's body.
    public var bytes: Int64
    /// The header `Referer`.
    public var referer: String
    /// The header `User-Agent`.
    public var userAgent: String

    /// Describes a request.
    public init(
        remote: String, user: String? = nil, time: Timestamp = .now, method: String, target: String, version: String,
        status: Int, bytes: Int64, referer: String = "", userAgent: String = ""
    ) {
        self.remote = remote
        self.user = user
        self.time = time
        self.method = method
        self.target = target
        self.version = version
        self.status = status
        self.bytes = bytes
        self.referer = referer
        self.userAgent = userAgent
    }

    /// Bytes of one value, at most.
    private static let maximumLength = 4096

    /// Appends `remote - user [time] "method target version" status bytes "referer" "agent"`.
    func append(to buffer: inout [UInt8], time: [UInt8]) {
        Self.append(word: remote, to: &buffer)
        buffer.append(contentsOf: " - ".utf8)
        Self.append(word: user ?? "", to: &buffer)
        buffer.append(contentsOf: " [".utf8)
        buffer.append(contentsOf: time)
        buffer.append(contentsOf: "] \"".utf8)
        Self.append(method, to: &buffer)
        buffer.append(UInt8(ascii: " "))
        Self.append(Self.withoutState(target), to: &buffer)
        buffer.append(UInt8(ascii: " "))
        Self.append(version, to: &buffer)
        buffer.append(contentsOf: "\" ".utf8)
        buffer.append(contentsOf: String(status).utf8)
        buffer.append(UInt8(ascii: " "))
        buffer.append(contentsOf: String(bytes).utf8)
        buffer.append(contentsOf: " \"".utf8)
        Self.append(referer, to: &buffer)
        buffer.append(contentsOf: "\" \"".utf8)
        Self.append(userAgent, to: &buffer)
        buffer.append(contentsOf: "\"\n".utf8)
    }

    private static func append(_ text: String, to buffer: inout [UInt8]) {
        TextEscaping.apache.append(text, to: &buffer, limit: buffer.count + maximumLength)
    }

    /// Appends a value that stands without quotes: it must not hold the separator.
    private static func append(word: String, to buffer: inout [UInt8]) {
        guard !word.isEmpty else { return buffer.append(UInt8(ascii: "-")) }
        let start = buffer.count
        append(word, to: &buffer)
        for index in start..<buffer.count where buffer[index] == UInt8(ascii: " ") { buffer[index] = UInt8(ascii: "_") }
    }

    private static func withoutState(_ target: String) -> String {
        guard let query = target.utf8.firstIndex(of: UInt8(ascii: "?")), target[query...].contains("_state=") else {
            return target
        }
        let parameters = target[target.utf8.index(after: query)...].split(
            separator: "&", omittingEmptySubsequences: false)
        let kept = parameters.map { $0.hasPrefix("_state=") ? "_state=-" : $0 }
        return target[...query] + kept.joined(separator: "&")
    }
}
