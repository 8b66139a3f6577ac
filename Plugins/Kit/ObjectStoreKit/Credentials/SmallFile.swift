import Glibc

/// Small files that hold keys and tokens. They change while the server runs (mounted secrets are renewed), so they are
/// read each time.
public enum SmallFile {
    /// The most that is read.
    static let limit = 1 << 20

    /// The content of a file.
    /// - Throws: `config` with the system's words and the path, never with the content.
    public static func read(_ path: String) throws(StoreError) -> SharedBytes {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        var content: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 16_384)
        while true {
            let count = Glibc.read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw failure(path) }
            guard count > 0 else { return SharedBytes(content) }
            content += buffer[..<count]
            guard content.count <= limit else {
                throw StoreError(.config, "\(path): larger than 1 MiB, so not a file of credentials", noEffect: true)
            }
        }
    }

    private static func failure(_ path: String) -> StoreError {
        StoreError(.config, "\(path): \(String(cString: strerror(errno)))", noEffect: true)
    }
}
