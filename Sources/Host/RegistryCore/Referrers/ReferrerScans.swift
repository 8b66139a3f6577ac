import RegistryModel
import Synchronization

/// The repositories that are being read for the index of referrers: one at a time, each once however many requests wait
/// for it.
final class ReferrerScans: Sendable {
    /// How a scan ended.
    typealias Outcome = Result<Void, any Error>

    private struct State {
        var waiting: [RepositoryName: [Int: CheckedContinuation<Outcome?, Never>]] = [:]
        var nextNumber = 0
        /// Repositories that this process has read.
        var done: Set<RepositoryName> = []
        /// Repositories whose index could not be written, and until when that is believed.
        var unwritable: [RepositoryName: ContinuousClock.Instant] = [:]
    }

    /// More are forgotten, and read again when somebody asks.
    private static let remembered = 4096
    /// How long an index that could not be written isn't tried again: each attempt reads the repository.
    private static let pause: Duration = .seconds(60)

    private let state = Mutex(State())
    private let turn = KeyedLocks<Bool>()

    /// Whether this process has read a repository.
    func isDone(_ name: RepositoryName) -> Bool { state.withLock { $0.done.contains(name) } }

    /// Whether the index of a repository could not be written lately, so that it says too little.
    func isUnwritable(_ name: RepositoryName) -> Bool {
        state.withLock { state in state.unwritable[name].map { $0 > .now } ?? false }
    }

    /// Remembers that an entry could not be written: the repository is to be read again.
    /// - Returns: whether that is news.
    func noteUnwritable(_ name: RepositoryName) -> Bool {
        state.withLock { state in
            state.done.remove(name)
            let isNews = state.unwritable[name].map { $0 <= .now } ?? true
            if state.unwritable.count >= Self.remembered { state.unwritable = [:] }
            if isNews { state.unwritable[name] = .now + Self.pause }
            return isNews
        }
    }

    /// Waits for a scan of a repository, which is begun if none is under way. It goes on when nobody waits any more.
    /// - Returns: nil if it didn't end within `patience`.
    func run(
        _ name: RepositoryName, patience: Duration, _ scan: @escaping @Sendable () async throws -> Void
    ) async -> Outcome? {
        let number = state.withLock { state in
            state.nextNumber &+= 1
            return state.nextNumber
        }
        return await withCheckedContinuation { continuation in
            let isFirst = state.withLock { state in
                let isFirst = state.waiting[name] == nil
                state.waiting[name, default: [:]][number] = continuation
                return isFirst
            }
            if isFirst { Task { await self.perform(name, scan) } }
            Task {
                try? await Task.sleep(for: patience)
                self.giveUp(name, number)
            }
        }
    }

    private func perform(_ name: RepositoryName, _ scan: @escaping @Sendable () async throws -> Void) async {
        let outcome = await turn.withLock(true) { () async -> Outcome in
            do {
                return .success(try await scan())
            } catch {
                return .failure(error)
            }
        }
        let waiting = state.withLock { state in
            if case .success = outcome {
                if state.done.count >= Self.remembered { state.done = [] }
                state.done.insert(name)
            }
            return state.waiting.removeValue(forKey: name)
        }
        for continuation in (waiting ?? [:]).values { continuation.resume(returning: outcome) }
    }

    private func giveUp(_ name: RepositoryName, _ number: Int) {
        let continuation = state.withLock { $0.waiting[name]?.removeValue(forKey: number) }
        continuation?.resume(returning: nil)
    }
}
