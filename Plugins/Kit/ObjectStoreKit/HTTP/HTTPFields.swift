/// The header fields of a request or a response, in their order; names are compared without case.
public struct HTTPFields: Sendable, ExpressibleByDictionaryLiteral {
    /// All fields.
    public private(set) var all: [(name: String, value: String)] = []

    /// None.
    public init() {}

    /// Some fields.
    public init(dictionaryLiteral elements: (String, String)...) { all = elements.map { (name: $0.0, value: $0.1) } }

    /// The first value of a name. Setting it removes the others; nil removes all.
    public subscript(name: String) -> String? {
        get { all.first { Self.isSame($0.name, name) }?.value }
        set {
            guard let newValue else { return all.removeAll { Self.isSame($0.name, name) } }
            guard let first = all.firstIndex(where: { Self.isSame($0.name, name) }) else {
                return all.append((name: name, value: newValue))
            }
            all[first].value = newValue
            var index = 0
            all.removeAll {
                defer { index += 1 }
                return index > first && Self.isSame($0.name, name)
            }
        }
    }

    /// Adds a field beside those of the same name.
    public mutating func add(_ name: String, _ value: String) { all.append((name: name, value: value)) }

    /// All values of a name.
    public func values(_ name: String) -> [String] {
        all.filter { Self.isSame($0.name, name) }.map(\.value)
    }

    mutating func removeAll() { all.removeAll(keepingCapacity: true) }

    /// Whether every name is a token and no value holds a line break or another control character.
    var isValid: Bool {
        all.allSatisfy { field in
            !field.name.isEmpty && field.name.utf8.allSatisfy(Self.isTokenByte)
                && field.value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 9 }
        }
    }

    private static func isTokenByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"):
            true
        default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
        }
    }

    private static func isSame(_ a: String, _ b: String) -> Bool {
        a.utf8.count == b.utf8.count && zip(a.utf8, b.utf8).allSatisfy { lowercase($0) == lowercase($1) }
    }

    private static func lowercase(_ byte: UInt8) -> UInt8 {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
    }
}
