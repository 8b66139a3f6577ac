import NIOCore

/// Runs the jobs of a connection's tasks on its event loop, so that a request handler needs no hop to reach the
/// connection.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(loop: any EventLoop) {
        self.loop = loop
    }

    /// Goes through the loop's queue also when it is called on the loop: a job that ran at once would run inside
    /// whatever channel handler resumed it.
    func enqueue(_ job: consuming ExecutorJob) {
        let unowned = UnownedJob(job)
        loop.execute { unowned.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
