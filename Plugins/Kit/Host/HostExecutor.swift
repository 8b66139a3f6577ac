import PluginABI

/// Runs tasks on the host's threads (`moor.host.exec/1`), so that a plugin needs none of its own.
///
/// When the host is too busy to take a job, the job goes to the language's own pool, which makes a few threads then.
/// Running it on the spot would be wrong: whoever resumes a task may hold a lock, and the stack would grow with each
/// hop. Without the service a plugin has no `HostExecutor` and its tasks use that pool always.
public final class HostExecutor: TaskExecutor, @unchecked Sendable {
    // Sendable: an immutable table whose functions may be called on every thread.
    private let service: UnsafePointer<moor_svc_exec>
    private let lane: UInt32

    /// Where jobs run.
    public enum Lane: UInt32, Sendable {
        /// On threads that may block.
        case blocking = 0
        /// On threads that compute; a job must not wait there.
        case computing = 1
    }

    /// Nil if this host has no such service.
    public init?(_ host: Host, lane: Lane = .computing) {
        guard let service = host.service("moor.host.exec/1", as: moor_svc_exec.self) else { return nil }
        self.service = service
        self.lane = lane.rawValue
    }

    /// A job and who runs it, while it waits in the host's queue.
    private final class Waiting {
        let job: UnownedJob
        let executor: HostExecutor

        init(_ job: UnownedJob, _ executor: HostExecutor) {
            self.job = job
            self.executor = executor
        }
    }

    /// Hands a job to the host.
    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let waiting = Unmanaged.passRetained(Waiting(job, self))
        let code = service.pointee.submit(
            service.pointee.obj, lane,
            { context in
                guard let context else { return }
                let waiting = Unmanaged<Waiting>.fromOpaque(context).takeRetainedValue()
                waiting.job.runSynchronously(on: waiting.executor.asUnownedTaskExecutor())
            }, waiting.toOpaque())
        if code != MOOR_OK {
            waiting.release()
            globalConcurrentExecutor.enqueue(job)
        }
    }
}
