/// A key of a storage driver: `/`, then segments of `[A-Za-z0-9._-]` joined by `/`, none of them `.` or `..`; at most
/// 1024 bytes. `/` alone is the root, legal for listings and status only. The rule is the one of `moor_storage` in the
/// plugin header, and of Distribution's drivers.
public struct StoragePath: Hashable, Sendable, CustomStringConvertible {
    /// The text, as drivers get it.
    public let string: String

    /// The root, `/`.
    public static let root = StoragePath(trusted: "/")

    /// A path from text that comes from outside.
    /// - Throws: `StorageError` with code `invalidArgument` that names the text.
    public init(_ string: String) throws(StorageError) {
        guard Self.isValid(string) else {
            throw StorageError(.invalidArgument, "not a storage path: \"\(string.prefix(200))\"")
        }
        self.string = string
    }

    /// A path that the layout composed from values that were checked when they were made.
    init(trusted string: String) {
        self.string = string
    }

    /// The path of a direct child.
    /// - Parameter name: one segment, checked.
    public func appending(_ name: some StringProtocol) throws(StorageError) -> StoragePath {
        try StoragePath(string == "/" ? "/\(name)" : "\(string)/\(name)")
    }

    /// The last segment; empty for the root.
    public var lastComponent: Substring {
        string.utf8.lastIndex(of: UInt8(ascii: "/")).map { string[string.utf8.index(after: $0)...] } ?? string[...]
    }

    /// The path without its last segment; nil for the root.
    public var parent: StoragePath? {
        guard string != "/", let slash = string.utf8.lastIndex(of: UInt8(ascii: "/")) else { return nil }
        return StoragePath(trusted: slash == string.startIndex ? "/" : String(string[..<slash]))
    }

    /// The text.
    public var description: String { string }

    private static func isValid(_ string: String) -> Bool {
        let utf8 = string.utf8
        guard utf8.count <= 1024, utf8.first == UInt8(ascii: "/") else { return false }
        if utf8.count == 1 { return true }
        return utf8.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .allSatisfy(isValidSegment)
    }

    private static func isValidSegment(_ segment: Substring.UTF8View.SubSequence) -> Bool {
        if segment.isEmpty || segment.elementsEqual(".".utf8) || segment.elementsEqual("..".utf8) { return false }
        return segment.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
    }
}
