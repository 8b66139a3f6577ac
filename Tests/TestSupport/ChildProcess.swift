import Foundation
import Synchronization

/// How a process ended.
public enum ExitStatus: Sendable, Equatable, CustomStringConvertible {
    /// By returning from `main` or calling `exit`.
    case exited(Int32)
    /// By a signal.
    case signalled(Int32)

    /// For messages.
    public var description: String {
        switch self {
        case .exited(let code): "exit code \(code)"
        case .signalled(let signal): "signal \(signal)"
        }
    }

    /// Whether the process exited with code 0.
    public var isSuccess: Bool { self == .exited(0) }

    init(waitStatus: Int32) {
        let signal = waitStatus & 0x7f
        self = signal == 0 ? .exited((waitStatus >> 8) & 0xff) : .signalled(signal)
    }
}

/// What to start and where its streams go.
struct Launch: Sendable {
    var executable: String
    var arguments: [String]
    /// Added to, or with `nil` taken from, this process's environment.
    var environment: [String: String?] = [:]
    var directory: String?
    var input = "/dev/null"
    var output: String
    var errors: String
}

/// A process in a group of its own that does not outlive this one.
final class ChildProcess: Sendable {
    let identifier: pid_t
    private let ended = Mutex<ExitStatus?>(nil)

    init(_ launch: Launch) throws {
        identifier = try Spawner.shared.spawn(launch)
    }

    /// How the process ended, or `nil` while it runs.
    var status: ExitStatus? {
        ended.withLock { ended in
            if ended == nil {
                var status: Int32 = 0
                if waitpid(identifier, &status, WNOHANG) == identifier { ended = ExitStatus(waitStatus: status) }
            }
            return ended
        }
    }

    /// Sends a signal to the process, or to its whole group, unless it has ended.
    func signal(_ signal: Int32, group: Bool = false) {
        ended.withLock { ended in
            // An unreaped process keeps its identifier, so under the lock the signal cannot reach a stranger.
            if ended == nil { _ = kill(group ? -identifier : identifier, signal) }
        }
    }

    /// Waits for the end; `nil` when `timeout` has passed first.
    func wait(within timeout: Duration) async -> ExitStatus? {
        try? await eventually("the process ends", within: timeout, every: .milliseconds(5)) { status != nil }
        return status
    }

    /// Ends the process with SIGKILL, with whatever it started, and reaps it.
    @discardableResult
    func end() async -> ExitStatus? {
        signal(SIGKILL, group: true)
        return await wait(within: .seconds(10))
    }
}

/// The one thread that starts processes.
///
/// The kernel sends the signal that `setpriv --pdeathsig` asks for when the *thread* that started the child ends, and
/// the threads of a pool come and go.
private final class Spawner: Sendable {
    static let shared = Spawner()

    private struct Job {
        let launch: Launch
        let answer: Answer
    }

    private final class Answer: Sendable {
        private let result = Mutex<Result<pid_t, any Error>>(.failure(POSIXError(.ECHILD)))
        private let given = DispatchSemaphore(value: 0)

        func give(_ value: Result<pid_t, any Error>) {
            result.withLock { $0 = value }
            given.signal()
        }

        func wait() throws -> pid_t {
            given.wait()
            return try result.withLock { $0 }.get()
        }
    }

    private let jobs = Mutex<[Job]>([])
    private let available = DispatchSemaphore(value: 0)

    private init() {
        Thread.detachNewThread { [self] in
            while true {
                available.wait()
                let job = jobs.withLock { $0.removeFirst() }
                job.answer.give(Result { try Self.start(job.launch) })
            }
        }
    }

    func spawn(_ launch: Launch) throws -> pid_t {
        let answer = Answer()
        jobs.withLock { $0.append(Job(launch: launch, answer: answer)) }
        available.signal()
        return try answer.wait()
    }

    private static func start(_ launch: Launch) throws -> pid_t {
        var environment = ProcessInfo.processInfo.environment
        for (name, value) in launch.environment { environment[name] = value }

        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        let append = O_WRONLY | O_CREAT | O_APPEND
        posix_spawn_file_actions_addopen(&actions, 0, launch.input, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, launch.output, append, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, launch.errors, append, 0o600)
        for descriptor in openDescriptors() { posix_spawn_file_actions_addclose(&actions, descriptor) }

        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))

        var identifier: pid_t = 0
        let wrapper = ["setpriv", "--pdeathsig", "KILL", "env", "--chdir", launch.directory ?? "."]
        let command = wrapper + [launch.executable] + launch.arguments
        let code = withCStrings(command) { arguments in
            withCStrings(environment.map { "\($0)=\($1)" }) { variables in
                posix_spawnp(&identifier, "setpriv", &actions, &attributes, arguments, variables)
            }
        }
        guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .ECHILD) }
        return identifier
    }

    /// What a child would inherit; closing what has been closed meanwhile does no harm.
    private static func openDescriptors() -> [Int32] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return names.compactMap { Int32($0) }.filter { $0 > 2 }
    }
}

/// Calls `body` with a NULL-terminated array of C strings.
private func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
) -> Result {
    let copies = strings.map { strdup($0) }
    defer { copies.forEach { free($0) } }
    return body(copies + [nil])
}
