import Glibc

/// The signals that stop the server. They are blocked for every thread that starts afterwards, and waited for.
struct TerminationSignals {
    private var set = sigset_t()

    init() {
        // A client that goes away must be an error of write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
        // And so must be a write beyond the limit on the size of files.
        signal(SIGXFSZ, SIG_IGN)
        sigemptyset(&set)
        sigaddset(&set, SIGTERM)
        sigaddset(&set, SIGINT)
        pthread_sigmask(SIG_BLOCK, &set, nil)
    }

    /// Waits for one of them and gives its name.
    func wait() -> String {
        var set = set
        var signal: CInt = 0
        while sigwait(&set, &signal) != 0 {}
        return Self.name(signal)
    }

    /// Waits for one of them and gives its name; nil if none comes in that time.
    func wait(for time: Duration) -> String? {
        var set = set
        let end = ContinuousClock.now + time
        while true {
            let left = max(.zero, end - ContinuousClock.now)
            var timeout = timespec(
                tv_sec: Int(clamping: left.components.seconds),
                tv_nsec: Int(left.components.attoseconds / 1_000_000_000))
            let signal = sigtimedwait(&set, nil, &timeout)
            if signal > 0 { return Self.name(signal) }
            if errno != EINTR { return nil }
        }
    }

    private static func name(_ signal: CInt) -> String { signal == SIGINT ? "SIGINT" : "SIGTERM" }
}
