import Glibc
import RegistryStorage

/// A secret that a configuration names instead of holding: `file:/path` (the file's bytes, one final newline cut) or
/// `env:NAME`.
struct SecretReference {
    let text: String

    init(_ text: String) { self.text = text }

    /// The secret's bytes. Messages name the reference, never the secret.
    func resolve() throws(StorageError) -> [UInt8] {
        if text.hasPrefix("env:") {
            guard let value = getenv(String(text.dropFirst(4))) else {
                throw StorageError(.notFound, "no environment variable \(text.dropFirst(4))")
            }
            return [UInt8](String(cString: value).utf8)
        }
        guard text.hasPrefix("file:") else {
            throw StorageError(.unsupported, "a secret is named file:PATH or env:NAME")
        }
        return try read(String(text.dropFirst(5)))
    }

    private func read(_ path: String) throws(StorageError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let code: StorageError.Code = errno == ENOENT ? .notFound : .permission
            throw StorageError(code, "the secret's file \(path): \(String(cString: strerror(errno)))")
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 65_537)
        let count = Glibc.read(descriptor, &bytes, bytes.count)
        guard count >= 0, count <= 65_536 else {
            throw StorageError(.range, "the secret's file \(path) can't be read or has more than 64 KiB")
        }
        bytes.removeSubrange(count...)
        if bytes.last == UInt8(ascii: "\n") { bytes.removeLast() }
        return bytes
    }
}
