/// The name of a blob in which a writer keeps its bytes until it is committed: `.<name>.<32 hexadecimal digits>.tmp` beside
/// the object, which is reserved for drivers. The digits are the time at which the writer was made and a random number, so
/// that the newest can be told.
public struct AzureStagingName: Sendable, Hashable {
    /// The name of the object that is written.
    public let object: String
    /// 32 hexadecimal digits.
    public let id: String

    /// A new one.
    public init(object: String, at now: Timestamp, random: UInt64) {
        self.object = object
        func digits(_ number: UInt64) -> String {
            let text = String(number, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        id = digits(UInt64(max(0, now.unixNanoseconds))) + digits(random)
    }

    /// A known one; nil if the id isn't 32 lower-case hexadecimal digits.
    public init?(object: String, id: some StringProtocol) {
        let isID =
            id.utf8.count == 32
            && id.utf8.allSatisfy { byte in
                (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
            }
        guard isID else { return nil }
        self.object = object
        self.id = String(id)
    }

    /// The one that a blob's name stands for; nil: it is an object.
    public init?(blob name: String) {
        let last = name.lastIndex(of: "/").map { name.index(after: $0) } ?? name.startIndex
        let own = name[last...]
        guard own.hasPrefix("."), own.hasSuffix(".tmp") else { return nil }
        let rest = own.dropFirst().dropLast(4)
        guard rest.utf8.count > 33, let dot = rest.lastIndex(of: ".") else { return nil }
        self.init(object: String(name[..<last]) + String(rest[..<dot]), id: rest[rest.index(after: dot)...])
    }

    /// What the staging blobs of an object begin with.
    public static func prefix(of object: String) -> String {
        let last = object.lastIndex(of: "/").map { object.index(after: $0) } ?? object.startIndex
        return "\(object[..<last]).\(object[last...])."
    }

    /// The blob's name.
    public var blob: String { "\(Self.prefix(of: object))\(id).tmp" }
}
