import Glibc

/// Reads a configuration file, bounded.
enum ConfigurationFile {
    /// Why a file could not be read.
    struct Failure: Error { var message: String }

    /// The content; one byte more than `limit` at most, so that the parser can tell that it is too long.
    static func read(_ path: String, limit: Int) throws(Failure) -> [UInt8] {
        guard !path.utf8.contains(0) else { throw Failure(message: "the path holds a NUL character") }
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Failure(message: reason(errno)) }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while bytes.count <= limit {
            let count = Glibc.read(descriptor, &chunk, min(chunk.count, limit + 1 - bytes.count))
            if count < 0 && errno == EINTR { continue }
            guard count >= 0 else { throw Failure(message: reason(errno)) }
            if count == 0 { break }
            bytes += chunk.prefix(count)
        }
        return bytes
    }

    private static func reason(_ code: Int32) -> String {
        switch code {
        case ENOENT: "the file does not exist"
        case EACCES, EPERM: "the file may not be read by this user"
        case EISDIR: "is a directory, not a file"
        case ENOTDIR: "a part of the path is not a directory"
        case ELOOP: "too many symbolic links"
        default: "cannot be read (errno \(code))"
        }
    }
}
