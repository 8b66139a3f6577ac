import NIOCore
import NIOHTTP1

/// Writes the head of an HTTP/1 answer into memory of its size: one check of the buffer for all of it, where one for each
/// text would cost more than copying them.
struct ResponseHead {
    let status: HTTPResponseStatus
    let headers: HTTPHeaders
    let plan: ResponsePlan
    let isOldClient: Bool
    let dateLine: [UInt8]

    /// Bytes that are enough for it.
    private var bound: Int {
        // The status line without its reason, and the fields that are the server's own.
        var sum = 256 + dateLine.count + (status == .ok ? 0 : status.reasonPhrase.utf8.count)
        for (name, value) in headers { sum += name.utf8.count + value.utf8.count + 4 }
        return sum
    }

    /// - Returns: names of fields that were left out since they are not legal
    func write(to buffer: inout ByteBuffer) -> [String] {
        var illegal: [String] = []
        _ = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: bound) { memory in
            var text = HeadText(memory)
            writeStatusLine(to: &text)
            illegal = writeFields(to: &text)
            writeFraming(to: &text)
            return text.count
        }
        return illegal
    }

    private func writeStatusLine(to text: inout HeadText) {
        if status == .ok {
            text.append("HTTP/1.1 200 OK\r\n")
            return
        }
        text.append("HTTP/1.1 ")
        text.append(String(min(status.code, 999)))
        text.append(" ")
        let start = text.count
        text.append(status.reasonPhrase)
        if !text.isValue(from: start) { text.truncate(to: start) }
        text.append("\r\n")
    }

    private func writeFields(to text: inout HeadText) -> [String] {
        var illegal: [String] = []
        var hasDate = false
        for (name, value) in headers {
            let start = text.count
            text.append(name)
            let isName = text.isName(from: start)
            text.append(": ")
            let valueStart = text.count
            text.append(value)
            if !isName || !text.isValue(from: valueStart) {
                illegal.append(name)
                text.truncate(to: start)
            } else if !ResponseField.isForwarded(name, plan) {
                text.truncate(to: start)
            } else {
                text.append("\r\n")
            }
            if name.utf8.count == 4, name.matches("date") { hasDate = true }
        }
        if !hasDate { text.append(dateLine) }
        return illegal
    }

    private func writeFraming(to text: inout HeadText) {
        switch plan.framing {
        case .none, .untilClose: break
        case .length(let length):
            text.append("Content-Length: ")
            text.append(String(length))
            text.append("\r\n")
        case .chunked: text.append("Transfer-Encoding: chunked\r\n")
        }
        if plan.closes {
            text.append("Connection: close\r\n\r\n")
        } else if isOldClient {
            text.append("Connection: keep-alive\r\n\r\n")
        } else {
            text.append("\r\n")
        }
    }
}

/// Text in memory that doesn't grow; going beyond its end traps.
private struct HeadText {
    private let memory: UnsafeMutableRawBufferPointer
    private(set) var count = 0

    init(_ memory: UnsafeMutableRawBufferPointer) { self.memory = memory }

    mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { copy(UnsafeRawBufferPointer($0)) }
    }

    mutating func append(_ text: StaticString) {
        text.withUTF8Buffer { copy(UnsafeRawBufferPointer($0)) }
    }

    mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { copy($0) }
    }

    private mutating func copy(_ bytes: UnsafeRawBufferPointer) {
        UnsafeMutableRawBufferPointer(rebasing: memory[count...]).copyMemory(from: bytes)
        count += bytes.count
    }

    /// Forgets what stands from a position on.
    mutating func truncate(to end: Int) { count = end }

    /// Whether what stands from a position on is legal as a field's name.
    func isName(from start: Int) -> Bool {
        count > start && memory[start..<count].allSatisfy { $0 > 32 && $0 != 58 && $0 < 127 }
    }

    /// Whether what stands from a position on can't be taken for the end of its line.
    func isValue(from start: Int) -> Bool {
        memory[start..<count].allSatisfy { $0 != 13 && $0 != 10 && $0 != 0 }
    }
}
