/// The head of a response as its lines come: of several (100 Continue, a redirect that is followed) the last counts.
struct ResponseHead {
    private(set) var status = 0
    private(set) var fields = HTTPFields()
    /// Whether the head that counts is complete; what follows are trailers.
    private(set) var isComplete = false
    private var expectsStatus = true
    private var byteCount = 0
    private let limit: Int
    private let followsRedirects: Bool

    init(limit: Int, followsRedirects: Bool) {
        self.limit = limit
        self.followsRedirects = followsRedirects
    }

    /// Takes a line with its end; false if there are too many bytes or it is no header.
    mutating func take(_ line: UnsafeRawBufferPointer) -> Bool {
        byteCount += line.count
        guard byteCount <= limit else { return false }
        if isComplete { return true }
        var text = Substring(decoding: line, as: UTF8.self).utf8
        while let last = text.last, last == 10 || last == 13 { text.removeLast() }
        if expectsStatus { return begin(Substring(text)) }
        if text.isEmpty {
            end()
            return true
        }
        return add(Substring(text))
    }

    private mutating func begin(_ line: Substring) -> Bool {
        let words = line.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/"), words[1].utf8.count == 3, let status = Int(words[1]),
            (100...999).contains(status)
        else { return false }
        self.status = status
        fields.removeAll()
        expectsStatus = false
        return true
    }

    private mutating func end() {
        let isFollowed = followsRedirects && (300..<400).contains(status) && fields["Location"] != nil
        isComplete = status >= 200 && !isFollowed
        expectsStatus = !isComplete
    }

    private mutating func add(_ line: Substring) -> Bool {
        // The continuation of a line, out of use since 2014.
        if line.first == " " || line.first == "\t" { return true }
        guard let colon = line.utf8.firstIndex(of: UInt8(ascii: ":")), colon > line.startIndex else { return false }
        let value = line[line.utf8.index(after: colon)...].utf8.drop { $0 == 32 || $0 == 9 }
        var trimmed = Substring(value).utf8
        while let last = trimmed.last, last == 32 || last == 9 { trimmed.removeLast() }
        fields.add(String(line[..<colon]), String(Substring(trimmed)))
        return true
    }
}
