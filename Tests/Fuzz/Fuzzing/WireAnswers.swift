/// What a server has sent on one connection: answers of HTTP/1, one after the other.
struct WireAnswers {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// What the server layer answers by itself, besides the statuses of the API.
    private static let own: Set<Int> = [100, 408, 417, 431, 501, 505]

    /// Reads all answers.
    ///
    /// - Parameter mayBeCut: the client has ended the connection, so that the last answer may lack something
    /// - Returns: the statuses
    mutating func check(mayBeCut: Bool) throws -> [Int] {
        var statuses: [Int] = []
        while !rest.isEmpty {
            guard let status = try answer(mayBeCut: mayBeCut) else { break }
            statuses.append(status)
        }
        return statuses
    }

    private mutating func answer(mayBeCut: Bool) throws -> Int? {
        var fields: [String: String] = [:]
        guard let first = try line(mayBeCut) else { return nil }
        let words = first.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
        let status = words.count == 3 ? Int(words[1]) ?? 0 : 0
        try hold(words[0] == "HTTP/1.1" || words[0] == "HTTP/1.0", "no answer: \(first)")
        try hold(AnswerProperties.statuses.contains(status) || Self.own.contains(status), "the status: \(first)")
        while true {
            guard let field = try line(mayBeCut) else { return nil }
            if field.isEmpty { break }
            let parts = field.split(separator: ":", maxSplits: 1)
            try hold(parts.count == 2, "no header: \(field)")
            let isNew = fields.updateValue(String(parts[1].drop { $0 == " " }), forKey: parts[0].lowercased()) == nil
            try hold(isNew, "\(parts[0]) twice")
        }
        if status == 100 { return status }
        try hold(fields["date"] != nil, "an answer without Date")
        try hold(fields["content-length"] == nil || fields["transfer-encoding"] == nil, "two lengths")
        if fields["transfer-encoding"] != nil {
            try chunks(mayBeCut)
        } else if status != 204, status != 304 {
            guard let length = fields["content-length"].flatMap({ Int($0) }) else { return try end(status) }
            try body(length, mayBeCut)
        }
        return status
    }

    /// Without a length the body goes on until the connection ends.
    private mutating func end(_ status: Int) throws -> Int {
        rest = []
        return status
    }

    private mutating func body(_ length: Int, _ mayBeCut: Bool) throws {
        // The answer to a HEAD has a length and no body.
        if rest.isEmpty || rest.starts(with: "HTTP/1.".utf8) { return }
        try hold(rest.count >= length || mayBeCut, "a body shorter than its length")
        rest = rest.dropFirst(length)
    }

    private mutating func chunks(_ mayBeCut: Bool) throws {
        if rest.isEmpty || rest.starts(with: "HTTP/1.".utf8) { return }
        while let line = try line(mayBeCut) {
            guard let length = Int(line, radix: 16), length >= 0 else { throw Violation("no chunk: \(line)") }
            rest = rest.dropFirst(length)
            guard let end = try self.line(mayBeCut) else { return }
            try hold(end.isEmpty, "a chunk of another length")
            if length == 0 { return }
        }
        rest = []
    }

    /// The next line; nil if the connection was cut in it.
    private mutating func line(_ mayBeCut: Bool) throws -> String? {
        guard let end = rest.firstIndex(of: UInt8(ascii: "\n")) else {
            try hold(mayBeCut, "an answer ends within a line")
            rest = []
            return nil
        }
        let line = rest[..<end]
        rest = rest[rest.index(after: end)...]
        try hold(line.last == UInt8(ascii: "\r"), "a line without CR")
        let content = line.dropLast()
        try hold(!content.contains { $0 < 0x20 && $0 != 9 }, "a control character in a head")
        return String(decoding: content, as: UTF8.self)
    }
}
