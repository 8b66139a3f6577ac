import CCurl
import Glibc

/// The sockets of an engine. libcurl tells when it makes one, and when it closes one on which a connection stood; one
/// whose connection failed it closes without a word. So a transfer that is through with connecting has those looked at
/// that it made. On the engine's thread alone.
final class EngineSockets {
    private var open: [Int32: ino_t] = [:]
    private let counters: EngineCounters

    init(_ counters: EngineCounters) { self.counters = counters }

    /// A socket that no child process inherits.
    func make(_ address: UnsafePointer<curl_sockaddr>) -> Int32 {
        let socket = shim_socket(address)
        guard socket >= 0 else { return CURL_SOCKET_BAD }
        // A number that comes again stood for a socket that is gone.
        open[socket] = Self.identity(socket)
        counters.connections = open.count
        return socket
    }

    func close(_ socket: Int32) -> Int32 {
        open[socket] = nil
        counters.connections = open.count
        return Glibc.close(socket)
    }

    /// Forgets those that were closed meanwhile.
    func review(_ made: [Int32]) {
        for socket in made where open[socket] != nil && open[socket] != Self.identity(socket) { open[socket] = nil }
        counters.connections = open.count
    }

    private static func identity(_ socket: Int32) -> ino_t {
        var about = stat()
        return fstat(socket, &about) == 0 ? about.st_ino : 0
    }
}
