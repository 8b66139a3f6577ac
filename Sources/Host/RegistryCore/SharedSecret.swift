import NIOCore
public import RegistryStorage

/// What authenticates upload sessions when the operator gives no secret: random, made once for a root and kept in it, so
/// that all processes on the root agree and a restart changes nothing. It is worth no more than write access to the root.
public enum SharedSecret {
    /// Why there is none; the text is for the operator and holds nothing of a secret.
    public struct Unavailable: Error, CustomStringConvertible {
        /// One line.
        public let description: String
    }

    private static let length = 64

    /// The secret of a root; the first process makes it.
    public static func shared(in driver: any StorageDriver) async throws(Unavailable) -> String {
        if let secret = try await existing(in: driver) { return secret }
        guard driver.capabilities.contains(.putIfAbsent) else {
            throw Unavailable(description: "the storage can't make a file in one step unless it is there")
        }
        let secret = random()
        if try await put(secret, in: driver) { return secret }
        // Another process was faster, or this one's first answer was lost.
        if let secret = try await existing(in: driver) { return secret }
        throw Unavailable(description: "\(RegistryLayout.secret) comes and goes")
    }

    private static func existing(in driver: any StorageDriver) async throws(Unavailable) -> String? {
        let text: String
        do {
            text = String(buffer: try await driver.content(at: RegistryLayout.secret, limit: 1024))
        } catch {
            if error.code == .notFound { return nil }
            throw Unavailable(description: "\(error)")
        }
        // A file that was cut or filled by hand is not taken for one; it must not become a weak key.
        guard text.utf8.count == length, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw Unavailable(description: "\(RegistryLayout.secret) holds no secret; remove it to have a new one made")
        }
        return text
    }

    /// False: there is one already.
    private static func put(_ secret: String, in driver: any StorageDriver) async throws(Unavailable) -> Bool {
        do {
            try await driver.put(.init(string: secret), at: RegistryLayout.secret, if: .ifAbsent)
            return true
        } catch {
            if error.code == .alreadyExists || error.code == .precondition { return false }
            throw Unavailable(description: "\(error)")
        }
    }

    private static func random() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<length / 16).map { _ in
            let digits = String(generator.next() as UInt64, radix: 16)
            return String(repeating: "0", count: 16 - digits.utf8.count) + digits
        }.joined()
    }
}
