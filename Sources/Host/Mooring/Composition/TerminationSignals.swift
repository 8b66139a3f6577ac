import Glibc

/// The signals that stop the server. They are blocked for every thread that starts afterwards, and waited for.
struct TerminationSignals {
    private var set = sigset_t()

    init() {
        // A client that goes away must be an error of write, not the end of the process.
        signal(SIGPIPE, SIG_IGN)
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
        return signal == SIGINT ? "SIGINT" : "SIGTERM"
    }
}
