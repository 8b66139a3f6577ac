/// Keeps credentials out of what is printed.
enum SecretMask {
    /// What stands in a credential's place.
    static let mask = "<secret>"

    private static let parts = [
        "secret", "password", "passwd", "passphrase", "token", "credential", "accesskey", "accountkey", "privatekey",
        "connectionstring", "authorization", "cookie", "signature",
    ]

    /// Whether an option of that name probably holds a credential. Errs on the side of hiding.
    static func isSecretName(_ name: String) -> Bool {
        let plain = name.lowercased().filter { $0 != "_" && $0 != "-" && $0 != "." }
        return plain.hasSuffix("key") || plain.hasSuffix("keys") || plain == "sas"
            || parts.contains { plain.contains($0) }
    }

    /// The text with the user information and the query of each URL in it replaced: passwords are found in the one,
    /// signatures in the other.
    ///
    /// Works on bytes, where no combining character can hide an `@`, and looks for the last `@` up to the next blank,
    /// so that a password with a slash in it is hidden too.
    static func withoutCredentials(_ text: String) -> String {
        var result: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let start = schemeEnd(rest) {
            result += rest[..<start]
            rest = rest[start...]
            var word = rest.prefix { $0 > 0x20 }
            rest = rest[word.endIndex...]
            if let at = word.lastIndex(of: UInt8(ascii: "@")) {
                result += Array(mask.utf8)
                word = word[at...]
            }
            let address = word.prefix { $0 != UInt8(ascii: "?") }
            result += address
            if address.endIndex < word.endIndex { result += Array("?\(mask)".utf8) }
        }
        return String(decoding: result + rest, as: UTF8.self)
    }

    /// The index after the first `://`.
    private static func schemeEnd(_ bytes: ArraySlice<UInt8>) -> Int? {
        let mark = Array("://".utf8)
        guard bytes.count >= mark.count else { return nil }
        for start in bytes.startIndex...(bytes.endIndex - mark.count) where bytes[start] == mark[0] {
            if bytes[start...].starts(with: mark) { return start + mark.count }
        }
        return nil
    }
}
