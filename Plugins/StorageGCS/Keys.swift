import ObjectStoreKit
import PluginKit

/// Paths as keys of the bucket, in Distribution's form: the root, then the path without its first slash.
struct Keys: Sendable {
    /// What all keys begin with: empty, or with a slash at its end.
    let root: String

    init(rootDirectory: String) { root = rootDirectory.isEmpty ? "" : rootDirectory + "/" }

    /// The key of a path; what all keys begin with for `/`.
    func key(_ path: String) -> String { root + path.dropFirst() }

    /// What all keys below a path begin with.
    func prefix(_ path: String) -> String { path == "/" ? root : key(path) + "/" }

    /// The longest key, in bytes.
    static let longest = 1024
}

/// A suspended upload's object stands beside the object that it will be, under a name that belongs to drivers.
enum SuspendedName {
    /// Of Distribution's unfinished uploads, and of ours: it hides them from every look and listing.
    static let contentType = "application/x-docker-upload-session"

    /// What the keys of an object's suspended uploads begin with.
    static func prefix(of key: String) -> String {
        let slash = key.lastIndex(of: "/").map { key.index(after: $0) } ?? key.startIndex
        return "\(key[..<slash]).\(key[slash...])."
    }

    /// The key for a token.
    static func key(_ key: String, token: String) -> String { "\(prefix(of: key))\(token).tmp" }

    /// A new token: 32 hexadecimal digits.
    static func newToken() -> String {
        var generator = SystemRandomNumberGenerator()
        return Hex.encode((0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) })
    }

    /// Whether it can be a token.
    static func isToken(_ text: some StringProtocol) -> Bool {
        text.utf8.count == 32 && text.utf8.allSatisfy { "0123456789abcdef".utf8.contains($0) }
    }

    /// The token in a key, if it belongs to a suspended upload of this object.
    static func token(in name: String, of key: String) -> String? {
        let prefix = prefix(of: key)
        guard name.hasPrefix(prefix), name.hasSuffix(".tmp") else { return nil }
        let token = name.dropFirst(prefix.count).dropLast(4)
        return isToken(token) ? String(token) : nil
    }
}
