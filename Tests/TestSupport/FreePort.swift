import Glibc
import Synchronization

/// Ports on loopback that nobody listens on.
public enum FreePort {
    // Below the kernel's ephemeral range, so that no outgoing connection takes a port between here and its use; begun
    // at the process id, so that two test runs on one machine rarely meet.
    private static let first = 20_000
    private static let count = 12_000
    private static let next = Atomic<Int>(Int(getpid()) &* 37)

    /// A port that was free just now; no other call in this process returns it soon.
    public static func take() throws -> Int {
        for _ in 0..<count {
            let port = first + next.add(1, ordering: .relaxed).newValue % count
            if isFree(port) { return port }
        }
        throw DidNotHappen(description: "no free port between \(first) and \(first + count)")
    }

    private static func isFree(_ port: Int) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        return withLoopbackAddress(port: port) { bind(descriptor, $0, $1) } == 0
    }
}

/// Calls `body` with 127.0.0.1 and `port` as a socket address.
func withLoopbackAddress<Result>(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
    address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
    return withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_in>.size)) }
    }
}
