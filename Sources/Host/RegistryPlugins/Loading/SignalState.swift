import Glibc

/// What a process does with signals: dispositions and the thread's mask. Loading a plugin must not change it; runtimes
/// that are linked into plugins do.
struct SignalState {
    private var actions: [(signal: CInt, action: sigaction)] = []
    private var mask = sigset_t()

    /// The state now.
    init() {
        for signal in 1...64 where signal != Int(SIGKILL) && signal != Int(SIGSTOP) {
            var action = sigaction()
            if sigaction(CInt(signal), nil, &action) == 0 { actions.append((CInt(signal), action)) }
        }
        pthread_sigmask(SIG_SETMASK, nil, &mask)
    }

    /// Makes it so again.
    func restore() {
        for var entry in actions { sigaction(entry.signal, &entry.action, nil) }
        var mask = mask
        pthread_sigmask(SIG_SETMASK, &mask, nil)
    }
}
