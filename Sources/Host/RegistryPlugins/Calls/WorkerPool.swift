import Glibc
import Synchronization

/// Threads for calls that block: bounded in number, with a bounded queue, and an executor for tasks.
///
/// It starts with few threads and adds one only when the oldest waiting job has waited for about a millisecond: on a warm
/// page cache two threads serve more than sixty do, on a slow disk it grows to its bound. Threads that idle go away.
final class WorkerPool: TaskExecutor, @unchecked Sendable {
    // @unchecked: `state` is only touched under `mutex`; the other members never change.

    enum Job {
        case function(@Sendable () -> Void)
        case task(UnownedJob)
        case call(any CallTarget, CallSlot, generation: UInt64)
    }

    private struct State {
        var queue: [(job: Job, since: UInt64)] = []
        var head = 0
        var threads = 0
        /// Threads that wait for a job and weren't woken for one.
        var idle = 0
        /// Threads that were woken but don't run yet: each is meant for one job.
        var woken = 0
        var isStopped = false
    }

    /// What appears as the name of its threads.
    let name: String
    /// The most threads there will be.
    let maximumThreads: Int
    private let initialThreads: Int
    private let maximumQueue: Int
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>
    private var state = State()

    init(name: String, maximumThreads: Int, maximumQueue: Int = 16_384) {
        self.name = name
        self.maximumThreads = max(1, maximumThreads)
        self.initialThreads = min(self.maximumThreads, max(2, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))))
        self.maximumQueue = maximumQueue
        mutex = .allocate(capacity: 1)
        condition = .allocate(capacity: 1)
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
    }

    deinit {
        // Threads hold a strong reference while they live, so none is left here.
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(condition)
        mutex.deallocate()
        condition.deallocate()
    }

    /// Whether the caller runs on one of this pool's threads.
    var isCurrent: Bool {
        currentPool == Unmanaged.passUnretained(self).toOpaque()
    }

    /// Queues a job. False: the queue is full or the pool has stopped, and the job won't run.
    func submit(_ job: Job) -> Bool {
        pthread_mutex_lock(mutex)
        guard !state.isStopped, state.queue.count - state.head < maximumQueue else {
            pthread_mutex_unlock(mutex)
            return false
        }
        let now = monotonicNanoseconds()
        state.queue.append((job, now))
        let wakes = state.idle > 0
        let grows = !wakes && needsThread(at: now)
        if wakes {
            state.idle -= 1
            state.woken += 1
        }
        if grows { state.threads += 1 }
        let mayGrow = !wakes && !grows && state.threads < maximumThreads
        pthread_mutex_unlock(mutex)
        if wakes { pthread_cond_signal(condition) }
        if grows { startThread() }
        // Nobody may come to notice when the job has waited too long, so the clock looks.
        if mayGrow { HostClock.shared.noteWaitingJobs() }
        return true
    }

    /// Runs a piece of a task on a worker. A task can't be refused: beyond the bound it waits like all others.
    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        if submit(.task(unowned)) { return }
        // The queue is full or the pool has stopped. Dropping the job would leave its task hanging for ever.
        unowned.runSynchronously(on: asUnownedTaskExecutor())
    }

    /// Called now and then by the host's clock: adds a thread if jobs wait although none came to notice it.
    /// - Returns: whether jobs wait.
    func growIfStuck(at now: UInt64) -> Bool {
        pthread_mutex_lock(mutex)
        let waits = state.queue.count > state.head
        let grows = waits && state.idle == 0 && needsThread(at: now)
        if grows { state.threads += 1 }
        pthread_mutex_unlock(mutex)
        if grows { startThread() }
        return waits
    }

    /// Takes no more jobs; threads end when the queue is empty.
    func stop() {
        pthread_mutex_lock(mutex)
        state.isStopped = true
        pthread_mutex_unlock(mutex)
        pthread_cond_broadcast(condition)
    }

    private func needsThread(at now: UInt64) -> Bool {
        guard state.threads < maximumThreads else { return false }
        if state.threads < initialThreads { return true }
        let oldest = state.queue[state.head].since
        return now > oldest && now - oldest > 1_000_000
    }

    private func startThread() {
        let attributes = UnsafeMutablePointer<pthread_attr_t>.allocate(capacity: 1)
        defer { attributes.deallocate() }
        pthread_attr_init(attributes)
        pthread_attr_setdetachstate(attributes, Int32(PTHREAD_CREATE_DETACHED))
        // Plugins may count on 1 MiB; what they don't touch costs nothing.
        pthread_attr_setstacksize(attributes, 8 << 20)
        var thread = pthread_t()
        let box = Unmanaged.passRetained(self)
        let result = pthread_create(
            &thread, attributes,
            { argument in
                guard let argument else { return nil }
                Unmanaged<WorkerPool>.fromOpaque(argument).takeRetainedValue().runThread()
                return nil
            }, box.toOpaque())
        pthread_attr_destroy(attributes)
        guard result != 0 else { return }
        box.release()
        pthread_mutex_lock(mutex)
        state.threads -= 1
        pthread_mutex_unlock(mutex)
    }

    private func runThread() {
        nameThread(name)
        currentPool = UnsafeMutableRawPointer(Unmanaged.passUnretained(self).toOpaque())
        var signals = sigset_t()
        sigfillset(&signals)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        let executor = asUnownedTaskExecutor()
        while let job = next() {
            switch job {
            case .function(let body): body()
            case .task(let task): task.runSynchronously(on: executor)
            case .call(let target, let slot, let generation):
                slot.performOnWorker(target, generation: generation)
            }
        }
    }

    /// The next job; nil when the thread should end.
    private func next() -> Job? {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        while state.queue.count == state.head {
            if state.isStopped {
                state.threads -= 1
                return nil
            }
            state.idle += 1
            let signalled = waitForJob()
            if state.woken > 0 { state.woken -= 1 } else { state.idle -= 1 }
            if !signalled, state.queue.count == state.head, state.threads > initialThreads {
                state.threads -= 1
                return nil
            }
        }
        let job = state.queue[state.head].job
        state.head += 1
        if state.head == state.queue.count {
            state.queue.removeAll(keepingCapacity: state.queue.capacity <= 1024)
            state.head = 0
        } else if state.head > 1024 {
            state.queue.removeFirst(state.head)
            state.head = 0
        }
        return job
    }

    private func waitForJob() -> Bool {
        var until = timespec()
        clock_gettime(CLOCK_REALTIME, &until)
        until.tv_sec += 10
        return pthread_cond_timedwait(condition, mutex, &until) == 0
    }
}

/// The pool that the current thread belongs to.
///
/// A C thread-local would be the natural thing; Swift has none, so the pointer sits in a pthread key.
private let currentPoolKey: pthread_key_t = {
    var key = pthread_key_t()
    pthread_key_create(&key, nil)
    return key
}()

private var currentPool: UnsafeMutableRawPointer? {
    get { pthread_getspecific(currentPoolKey) }
    set { pthread_setspecific(currentPoolKey, newValue) }
}

/// CLOCK_MONOTONIC in nanoseconds.
func monotonicNanoseconds() -> UInt64 {
    var now = timespec()
    clock_gettime(CLOCK_MONOTONIC, &now)
    return UInt64(now.tv_sec) &* 1_000_000_000 &+ UInt64(now.tv_nsec)
}

/// Names the current thread, as `ps -L` and `perf` show it: at most 15 bytes.
func nameThread(_ name: String) {
    // pthread_setname_np is a GNU extension, which Swift's Glibc module leaves out.
    let descriptor = open("/proc/thread-self/comm", O_WRONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return }
    let bytes = Array(name.utf8.prefix(15))
    _ = write(descriptor, bytes, bytes.count)
    close(descriptor)
}
