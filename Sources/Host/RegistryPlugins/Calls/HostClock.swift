import Glibc
import Synchronization

/// The host's one clock thread: timers of plugins, deadlines of waiting calls, growth of stuck pools.
///
/// It starts with the first use, ticks while calls wait (each 100 ms; each 10 ms while jobs wait for a worker, and a little longer), and sleeps
/// otherwise.
final class HostClock: @unchecked Sendable {
    // @unchecked: everything mutable is under `mutex` or atomic.

    static let shared = HostClock()

    private struct Timer {
        let id: UInt64
        let due: UInt64
        let body: @Sendable () -> Void
    }

    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private let sleeps = Atomic<Bool>(false)
    private var isStarted = false
    /// Somebody wants the clock to look before its next tick.
    private var isWoken = false
    private var timers: [Timer] = []
    private var nextID: UInt64 = 1
    private var running: UInt64 = 0
    private var thread = pthread_t()
    private var pools: [() -> WorkerPool?] = []

    private init() {
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        var attributes = pthread_condattr_t()
        pthread_condattr_init(&attributes)
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        pthread_cond_init(condition, &attributes)
        pthread_condattr_destroy(&attributes)
    }

    /// A call began to wait: the clock must tick.
    func noteWaiting() {
        if sleeps.load(ordering: .sequentiallyConsistent) || !startedHint.load(ordering: .relaxed) { wake() }
    }

    /// Jobs began to wait for a worker: the clock must look soon, and often.
    func noteWaitingJobs() {
        if !looksOften.load(ordering: .relaxed), !looksOften.exchange(true, ordering: .relaxed) { wake() }
    }

    private let startedHint = Atomic<Bool>(false)
    /// Whether the clock ticks each 10 ms: while jobs wait, and a little longer.
    private let looksOften = Atomic<Bool>(false)

    func watch(_ pool: WorkerPool) {
        locked {
            pools.removeAll { $0() == nil }
            pools.append({ [weak pool] in pool })
        }
    }

    /// Runs `body` once, on the clock's thread, after `delay` nanoseconds.
    func after(_ delay: Int64, _ body: @escaping @Sendable () -> Void) -> UInt64 {
        let due = monotonicNanoseconds().addingReportingOverflow(UInt64(max(0, delay)))
        let id = locked {
            let id = nextID
            nextID += 1
            timers.append(Timer(id: id, due: due.overflow ? .max : due.partialValue, body: body))
            return id
        }
        wake()
        return id
    }

    /// Stops a timer; waits if it is running on the clock's thread, unless called from there.
    /// - Returns: whether it won't run.
    func stop(_ id: UInt64) -> Bool {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        if let index = timers.firstIndex(where: { $0.id == id }) {
            timers.remove(at: index)
            return true
        }
        // 0 is no timer, and stands in `running` while none runs.
        while id != 0, running == id, pthread_equal(pthread_self(), thread) == 0 {
            pthread_cond_wait(condition, mutex)
        }
        return false
    }

    private func locked<Value>(_ body: () -> Value) -> Value {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }

    private func wake() {
        pthread_mutex_lock(mutex)
        if !isStarted { start() }
        sleeps.store(false, ordering: .sequentiallyConsistent)
        isWoken = true
        pthread_cond_broadcast(condition)
        pthread_mutex_unlock(mutex)
    }

    private func start() {
        isStarted = true
        startedHint.store(true, ordering: .relaxed)
        pthread_create(
            &thread, nil,
            { argument in
                if let argument { Unmanaged<HostClock>.fromOpaque(argument).takeUnretainedValue().run() }
                return nil
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    private func run() {
        nameThread("mooring-clock")
        var signals = sigset_t()
        sigfillset(&signals)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        var (quietTicks, ticksWithoutJobs) = (0, 0)
        while true {
            let now = monotonicNanoseconds()
            runDueTimers(now)
            let (jobsWait, callsWait) = look(now)
            quietTicks = jobsWait || callsWait ? 0 : quietTicks + 1
            ticksWithoutJobs = jobsWait ? 0 : ticksWithoutJobs + 1
            if ticksWithoutJobs == 10, looksOften.exchange(false, ordering: .sequentiallyConsistent) {
                // A job that began to wait since the last look has not seen that nobody looks.
                continue
            }
            sleep(from: now, jobsWait: ticksWithoutJobs < 10, quiet: quietTicks > 10)
        }
    }

    private func look(_ now: UInt64) -> (jobs: Bool, calls: Bool) {
        let pools = locked { self.pools.compactMap { $0() } }
        var jobsWait = false
        for pool in pools where pool.growIfStuck(at: now) { jobsWait = true }
        let callsWait = CallSlots.checkDeadlines(now: now)
        return (jobsWait, callsWait)
    }

    private func runDueTimers(_ now: UInt64) {
        while true {
            pthread_mutex_lock(mutex)
            guard let index = timers.firstIndex(where: { $0.due <= now }) else {
                pthread_mutex_unlock(mutex)
                return
            }
            let timer = timers.remove(at: index)
            running = timer.id
            pthread_mutex_unlock(mutex)
            timer.body()
            pthread_mutex_lock(mutex)
            running = 0
            pthread_cond_broadcast(condition)
            pthread_mutex_unlock(mutex)
        }
    }

    private func sleep(from now: UInt64, jobsWait: Bool, quiet: Bool) {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        guard !isWoken else {
            isWoken = false
            return
        }
        var until = now &+ (jobsWait ? 10_000_000 : 100_000_000)
        if quiet {
            sleeps.store(true, ordering: .sequentiallyConsistent)
            // A call that began to wait since the last look has not seen that the clock sleeps.
            if CallSlots.anyWaits {
                sleeps.store(false, ordering: .sequentiallyConsistent)
            } else {
                until = .max
            }
        }
        if let due = timers.lazy.map(\.due).min(), due < until { until = due }
        if until == .max {
            while sleeps.load(ordering: .relaxed) { pthread_cond_wait(condition, mutex) }
            isWoken = false
            return
        }
        var time = timespec(tv_sec: Int(until / 1_000_000_000), tv_nsec: Int(until % 1_000_000_000))
        pthread_cond_timedwait(condition, mutex, &time)
        isWoken = false
    }
}
