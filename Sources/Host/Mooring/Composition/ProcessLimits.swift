import Glibc

/// What the process asks of the kernel before it serves.
enum ProcessLimits {
    /// Lifts the number of descriptors to what the kernel allows: shells start programs with 1024, and each connection
    /// takes one, each pull another. A write beyond a limit on the size of files becomes an error of that write.
    static func prepare() {
        signal(SIGXFSZ, SIG_IGN)
        var limit = rlimit()
        let descriptors = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard getrlimit(descriptors, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
        limit.rlim_cur = limit.rlim_max
        setrlimit(descriptors, &limit)
    }
}
