import Glibc
import PluginKit
import Synchronization

/// Looks through the root after each start and once a day, and removes what crashes left: a moment in each second, on the
/// host's threads, so that it takes no notable part of the disk.
final class Sweep: Sendable {
    private static let slice: Int64 = 20_000_000
    private static let pause: Int64 = 1_000_000_000
    private static let interval: Int64 = 86_400_000_000_000

    private let task = Mutex<Task<Void, Never>?>(nil)
    /// Whether it may go on. Held while files are looked at, so that `stop` waits for the end of that.
    private let mayRun = Mutex(true)

    /// Begins; a host without threads to lend gets no sweep.
    func start(root: Int32, _ host: Host) {
        guard let executor = HostExecutor(host, lane: .blocking) else { return }
        // A descriptor of its own: the driver may be gone before the task has ended.
        let own = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard own >= 0 else { return }
        let top = Top(OwnedDescriptor(own))
        let started = Task(executorPreference: executor) { [self] in
            while await pass(top, host), (try? await host.timer.sleep(nanoseconds: Sweep.interval)) != nil {}
        }
        task.withLock { $0 = started }
    }

    func stop() {
        task.withLock { $0?.cancel() }
        mayRun.withLock { $0 = false }
    }

    /// Goes once through the root; `false` when it was stopped.
    private func pass(_ top: Top, _ host: Host) async -> Bool {
        let leftovers = Leftovers(below: top.descriptor.raw)
        while true {
            let isOver: Bool? = mayRun.withLock { mayRun in mayRun ? leftovers.remove(for: Sweep.slice) : nil }
            guard let isOver else { return false }
            if isOver { break }
            guard (try? await host.timer.sleep(nanoseconds: Sweep.pause)) != nil else { return false }
        }
        if leftovers.removed > 0 {
            host.log.write(.info, "removed what crashes had left", ["files": "\(leftovers.removed)"].map { ($0, $1) })
        }
        return true
    }

    private final class Top: Sendable {
        let descriptor: OwnedDescriptor
        init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }
    }
}
