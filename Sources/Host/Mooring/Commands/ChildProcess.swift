import Glibc

/// This program again, as a child that may die.
enum ChildProcess {
    /// How the child ended.
    enum Ending {
        case exited(CInt)
        case signalled(CInt)
        case timedOut
    }

    struct SpawnError: Error, CustomStringConvertible {
        let code: CInt
        var description: String { "can't start a process: \(String(cString: strerror(code)))" }
    }

    /// The environment, but for what is set anew.
    private static var inherited: [UnsafeMutablePointer<CChar>?] {
        var result: [UnsafeMutablePointer<CChar>?] = []
        var entry = environ
        while let text = entry.pointee {
            if !String(cString: text).hasPrefix("SWIFT_BACKTRACE=") { result.append(text) }
            entry += 1
        }
        return result
    }

    /// Runs it with these arguments and this process's output; waits at most so many seconds.
    static func run(_ arguments: [String], seconds: Int) throws -> Ending {
        var child = pid_t()
        var vector: [UnsafeMutablePointer<CChar>?] = (["mooring"] + arguments).map { strdup($0) }
        vector.append(nil)
        // A crash is to be told in one line, and by its own signal: without the runtime's report.
        let quiet: UnsafeMutablePointer<CChar>? = strdup("SWIFT_BACKTRACE=enable=no")
        var variables: [UnsafeMutablePointer<CChar>?] = [quiet] + inherited
        variables.append(nil)
        defer {
            for pointer in vector { free(pointer) }
            free(quiet)
        }
        let code = posix_spawn(&child, "/proc/self/exe", nil, nil, vector, variables)
        guard code == 0 else { throw SpawnError(code: code) }
        for _ in 0..<seconds * 100 {
            var status: CInt = 0
            if waitpid(child, &status, WNOHANG) == child {
                let signal = status & 0x7F
                return signal == 0 ? .exited(status >> 8 & 0xFF) : .signalled(signal)
            }
            usleep(10_000)
        }
        kill(child, SIGKILL)
        waitpid(child, nil, 0)
        return .timedOut
    }
}
