import Glibc

/// The file of a unix socket that a server listens on, as it was when the server made it.
struct SocketFile: Sendable {
    let path: String
    private let device: dev_t
    private let inode: ino_t

    /// Notes what is at a path now; nil if there is nothing.
    init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        self.path = path
        device = status.st_dev
        inode = status.st_ino
    }

    /// Removes the file, unless another has taken its place.
    func remove() {
        guard let now = SocketFile(path), now.device == device, now.inode == inode else { return }
        unlink(path)
    }

    /// Makes room at a path: a socket that nobody listens on is removed.
    static func clear(_ path: String) throws(HTTPServer.StartError) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path: path) }
        guard !isAlive(path) else { throw .socketInUse(path: path) }
        unlink(path)
    }

    /// A socket bound to a path. NIO would remove whatever lies at the path when it closes a socket that it bound.
    ///
    /// - Returns: the descriptor, which is the caller's
    static func bind(_ path: String) throws(HTTPServer.StartError) -> CInt {
        let place = HTTPServerConfiguration.Address.unix(path: path).text
        let descriptor = make()
        guard descriptor >= 0 else { throw .cannotListen(address: place, reason: HTTPServer.StartError.text(errno)) }
        let code = withAddress(path) { Glibc.bind(descriptor, $0, $1) == 0 ? 0 : errno }
        guard code == 0 else {
            close(descriptor)
            throw .cannotListen(address: place, reason: HTTPServer.StartError.text(code))
        }
        return descriptor
    }

    /// Whether somebody takes connections at a path. When in doubt, yes.
    private static func isAlive(_ path: String) -> Bool {
        let descriptor = make()
        guard descriptor >= 0 else { return true }
        defer { close(descriptor) }
        let code = withAddress(path) { connect(descriptor, $0, $1) == 0 ? 0 : errno }
        return code != ECONNREFUSED && code != ENOENT && code != ENAMETOOLONG
    }

    private static func make() -> CInt {
        let type = SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue
        return socket(AF_UNIX, CInt(type), 0)
    }

    /// Calls a function of the system that takes an address; gives its error, or that the path is too long for one.
    private static func withAddress(_ path: String, _ call: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        guard path.utf8.count < MemoryLayout.size(ofValue: address.sun_path) else { return ENAMETOOLONG }
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
        }
    }
}
