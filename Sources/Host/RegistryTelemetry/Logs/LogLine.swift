import Logging

/// One line of the log while it is written. It never grows beyond its limit, and whatever is cut off, the line stays
/// well-formed: room for what closes it is kept back.
struct LogLine {
    private(set) var bytes: [UInt8] = []
    private let format: LogFormat
    private let limit: Int
    private var isTruncated = false

    /// Bytes kept back for closing brackets and the mark of a cut line.
    private static let reserve = 64
    /// Arrays and dictionaries of fields inside each other; deeper ones are written as text.
    private static let maximumDepth = 8
    private static let maximumKeyLength = 128

    init(_ format: LogFormat, limit: Int) {
        self.format = format
        self.limit = max(limit, 1024) - Self.reserve
        bytes.reserveCapacity(512)
    }

    /// Begins the line with what every line has.
    mutating func begin(second: [UInt8], nanoseconds: Int32, level: Logger.Level, message: String) {
        let (opening, middle) =
            switch format {
            case .text: ("time=\"", "Z\" level=")
            case .json: ("{\"time\":\"", "Z\",\"level\":\"")
            case .logstash: ("{\"@timestamp\":\"", "Z\",\"@version\":\"1\",\"level\":\"")
            }
        raw(opening)
        bytes.append(contentsOf: second)
        raw(".")
        raw(padded(Int(nanoseconds), 9))
        raw(middle)
        raw(level.logrusName)
        switch format {
        case .text:
            raw(" msg=")
            logfmtValue(message)
        case .json:
            raw("\",\"msg\":")
            quoted(message)
        case .logstash:
            raw("\",\"message\":")
            quoted(message)
        }
    }

    /// Adds a field, unless the line is full.
    mutating func field(_ key: String, _ value: Logger.MetadataValue) {
        guard bytes.count + Self.maximumKeyLength * 10 + 16 <= limit else {
            isTruncated = true
            return
        }
        let key = format.reservedKeys.contains(key) ? "fields.\(key)" : key
        if format == .text {
            raw(" ")
            logfmtKey(key)
            raw("=")
            logfmtValue(value.text)
        } else {
            raw(",")
            TextEscaping.json.appendKey(key, to: &bytes, maximumLength: Self.maximumKeyLength)
            jsonValue(value, depth: 0)
        }
    }

    /// Ends the line.
    mutating func end() {
        if isTruncated { raw(format == .text ? " truncated=true" : ",\"truncated\":true") }
        raw(format == .text ? "\n" : "}\n")
    }

    private mutating func raw(_ text: String) { bytes.append(contentsOf: text.utf8) }

    private mutating func quoted(_ text: String) {
        raw("\"")
        let escaping: TextEscaping = format == .text ? .go : .json
        if !escaping.append(text, to: &bytes, limit: limit) { isTruncated = true }
        raw("\"")
    }

    private mutating func logfmtValue(_ text: String) {
        let isPlain = !text.isEmpty && text.utf8.count < limit - bytes.count && text.utf8.allSatisfy(Self.isPlain)
        if isPlain { raw(text) } else { quoted(text) }
    }

    private mutating func logfmtKey(_ key: String) {
        let allowed = key.utf8.prefix(Self.maximumKeyLength)
        if allowed.isEmpty { raw("_") }
        for byte in allowed { bytes.append(Self.isPlain(byte) ? byte : UInt8(ascii: "_")) }
    }

    /// What logrus leaves unquoted.
    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "-")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "@"), UInt8(ascii: "^"),
            UInt8(ascii: "+"):
            true
        default: false
        }
    }

    private mutating func jsonValue(_ value: Logger.MetadataValue, depth: Int) {
        switch value {
        case .array(let elements) where depth < Self.maximumDepth:
            raw("[")
            members(elements, depth) { line, element in line.jsonValue(element, depth: depth + 1) }
            raw("]")
        case .dictionary(let fields) where depth < Self.maximumDepth:
            raw("{")
            members(fields.sorted { $0.key < $1.key }, depth) { line, field in
                TextEscaping.json.appendKey(field.key, to: &line.bytes, maximumLength: Self.maximumKeyLength)
                line.jsonValue(field.value, depth: depth + 1)
            }
            raw("}")
        case .stringConvertible(let number) where isJSONNumber(number): raw(number.description)
        default: quoted(value.text)
        }
    }

    private mutating func members<Member>(
        _ list: [Member], _ depth: Int, _ write: (inout LogLine, Member) -> Void
    ) {
        for (index, member) in list.enumerated() {
            guard bytes.count + Self.maximumKeyLength * 10 + 16 <= limit else {
                isTruncated = true
                return
            }
            if index > 0 { raw(",") }
            write(&self, member)
        }
    }

    private func isJSONNumber(_ value: any CustomStringConvertible) -> Bool {
        if let number = value as? Double { return number.isFinite }
        return value is Bool || value is Int || value is Int64 || value is Int32 || value is UInt64 || value is UInt
            || value is UInt16
    }
}

extension TextEscaping {
    /// Appends `"key":`.
    fileprivate func appendKey(_ key: String, to bytes: inout [UInt8], maximumLength: Int) {
        bytes.append(UInt8(ascii: "\""))
        append(String(key.unicodeScalars.prefix(maximumLength)), to: &bytes, limit: .max)
        bytes.append(contentsOf: "\":".utf8)
    }
}

extension Logger.MetadataValue {
    /// The value as one text.
    fileprivate var text: String {
        switch self {
        case .string(let text): text
        case .stringConvertible(let value): value.description
        case .array(let list): "[\(list.map(\.text).joined(separator: ", "))]"
        case .dictionary(let fields):
            "{\(fields.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.text)" }.joined(separator: ", "))}"
        }
    }
}

extension Logger.Level {
    /// The name that logrus uses; it knows no `notice` and no `critical`.
    var logrusName: String {
        switch self {
        case .trace: "trace"
        case .debug: "debug"
        case .info, .notice: "info"
        case .warning: "warning"
        case .error: "error"
        case .critical: "fatal"
        }
    }
}
