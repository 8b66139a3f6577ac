/// An object as the JSON API describes it. Numbers of 64 bits come as text.
public struct GCSObject: Decodable, Sendable {
    /// The key.
    public let name: String
    /// Bytes.
    public let size: UInt64
    /// Differs for every content that was ever stored under the key.
    public let generation: Int64
    /// When this content was stored, in nanoseconds; 0: not told.
    public let createdNanoseconds: Int64
    /// May be empty.
    public let contentType: String
    /// Base64 of four bytes; may be empty.
    public let crc32c: String
    /// What the writer added.
    public let metadata: [String: String]

    enum CodingKeys: String, CodingKey {
        case name, size, generation, timeCreated, updated, contentType, crc32c, metadata
    }

    /// Reads what there is; a missing member is as if it were empty.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        func text(_ key: CodingKeys) throws -> String { try container.decodeIfPresent(String.self, forKey: key) ?? "" }
        func number<N: FixedWidthInteger>(_ key: CodingKeys, _ type: N.Type) throws -> N {
            let digits = try text(key)
            if digits.isEmpty { return 0 }
            guard let number = N(digits) else {
                throw DecodingError.dataCorruptedError(forKey: key, in: container, debugDescription: "not a number")
            }
            return number
        }
        name = try text(.name)
        size = try number(.size, UInt64.self)
        generation = try number(.generation, Int64.self)
        let created = try text(.timeCreated)
        let time = Timestamp(iso8601: created.isEmpty ? try text(.updated) : created)
        createdNanoseconds = time?.unixNanoseconds ?? 0
        contentType = try text(.contentType)
        crc32c = try text(.crc32c)
        metadata = try container.decodeIfPresent([String: String].self, forKey: .metadata) ?? [:]
    }

    /// The checksum as a number; nil if it isn't told.
    public var checksum: UInt32? { GCSHash.checksum(crc32c) }
}

/// A page of a listing.
public struct GCSListing: Decodable, Sendable {
    /// Objects, by key.
    public let items: [GCSObject]
    /// What stands for all keys below, with the delimiter at the end.
    public let prefixes: [String]
    /// Nil on the last page.
    public let nextPageToken: String?

    enum CodingKeys: String, CodingKey { case items, prefixes, nextPageToken }

    /// Reads what there is.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        items = try container.decodeIfPresent([GCSObject].self, forKey: .items) ?? []
        prefixes = try container.decodeIfPresent([String].self, forKey: .prefixes) ?? []
        let token = try container.decodeIfPresent(String.self, forKey: .nextPageToken)
        nextPageToken = token == "" ? nil : token
    }
}

/// What a step of a copy answers.
public struct GCSRewrite: Decodable, Sendable {
    /// Whether the copy is there.
    public let done: Bool
    /// To be given to the next step.
    public let rewriteToken: String?
    /// The copy, once it is there.
    public let resource: GCSObject?
}

/// Checksums as Google writes them.
public enum GCSHash {
    /// CRC-32C as the base64 of its four bytes, the most significant first.
    public static func text(_ checksum: CRC32C) -> String { Base64.encode(checksum.bigEndianBytes) }

    /// The number in such a text.
    public static func checksum(_ text: String) -> UInt32? {
        guard !text.isEmpty, let bytes = Base64.decode(text), bytes.count == 4 else { return nil }
        return bytes.reduce(0) { $0 << 8 | UInt32($1) }
    }

    /// The CRC-32C of the stored bytes in the values of `X-Goog-Hash`, such as `crc32c=n03x6A==,md5=…`.
    public static func checksum(inFields values: [String]) -> UInt32? {
        for value in values {
            for part in value.split(separator: ",") {
                let entry = part.drop { $0 == " " }
                if entry.hasPrefix("crc32c=") { return checksum(String(entry.dropFirst("crc32c=".count))) }
            }
        }
        return nil
    }
}

/// The bytes of a response's or session's range.
public enum GCSRange {
    /// How many bytes a session has, by the header `Range` of a 308: `bytes=0-524287`. Without the header: none.
    public static func persisted(_ range: String?) -> UInt64? {
        guard let range else { return 0 }
        guard range.hasPrefix("bytes=0-"), let last = UInt64(range.dropFirst("bytes=0-".count)), last < .max else {
            return nil
        }
        return last + 1
    }

    /// `Content-Range` of what is sent: bytes from `start`, `count` of them, of `total` (nil: not known yet).
    public static func content(_ start: UInt64, _ count: Int, total: UInt64?) -> String {
        let end = total.map(String.init) ?? "*"
        guard count > 0 else { return "bytes */\(end)" }
        return "bytes \(start)-\(start &+ UInt64(count) &- 1)/\(end)"
    }

    /// First byte and size of the whole in a `Content-Range`: `bytes 5-9/10`, or `bytes */10` (no first byte).
    public static func parts(_ text: String) -> (first: UInt64?, size: UInt64)? {
        guard text.hasPrefix("bytes "), let slash = text.lastIndex(of: "/"),
            let size = UInt64(text[text.index(after: slash)...])
        else { return nil }
        let range = text[text.index(text.startIndex, offsetBy: 6)..<slash]
        if range == "*" { return (nil, size) }
        guard let dash = range.firstIndex(of: "-"), let first = UInt64(range[..<dash]) else { return nil }
        return (first, size)
    }
}
