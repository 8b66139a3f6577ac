import Glibc
import Logging

/// How many files and sockets the process may have open. What a shell or a service starts with is often 1024, while the
/// bound that it may raise itself to is far higher.
enum DescriptorLimit {
    /// Descriptors beside those of connections: files that are read, the log, what plugins open.
    private static let reserve = 256

    /// Raises the limit as far as it goes, and warns if that is not enough.
    ///
    /// - Parameter connections: how many connections there may be at once
    static func raise(for connections: Int, _ logger: Logger) {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else { return }
        if limit.rlim_cur < limit.rlim_max {
            let soft = limit.rlim_cur
            limit.rlim_cur = limit.rlim_max
            if setrlimit(resource, &limit) != 0 { limit.rlim_cur = soft }
        }
        let (wanted, overflow) = connections.addingReportingOverflow(reserve)
        guard !overflow, limit.rlim_cur < rlim_t(max(0, wanted)) else { return }
        logger.warning(
            "the limit of open files is too low for http.limits.connections: new connections will wait beyond it",
            metadata: ["limit": "\(limit.rlim_cur)", "http.limits.connections": "\(connections)"])
    }
}
