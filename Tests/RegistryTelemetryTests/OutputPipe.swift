import Glibc

/// A pipe that the code under test writes to.
final class OutputPipe {
    let reading: Int32
    let writing: Int32

    init() throws {
        var ends: [Int32] = [0, 0]
        guard pipe(&ends) == 0 else { throw PipeError(code: errno) }
        (reading, writing) = (ends[0], ends[1])
        // A reader that goes away must be an error of the write, not the end of the tests.
        signal(SIGPIPE, SIG_IGN)
    }

    deinit {
        close(reading)
        close(writing)
    }

    /// What is in the pipe now, as separate calls of `write` cannot be told apart: all of it.
    func available() -> [UInt8] {
        var result: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        var entry = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
        while poll(&entry, 1, 0) == 1, entry.revents & Int16(POLLIN) != 0 {
            let count = read(reading, &buffer, buffer.count)
            guard count > 0 else { break }
            result += buffer[..<count]
        }
        return result
    }

    /// Waits until something can be read, and gives it.
    func next(within milliseconds: Int32) -> [UInt8] {
        var entry = pollfd(fd: reading, events: Int16(POLLIN), revents: 0)
        _ = poll(&entry, 1, milliseconds)
        return available()
    }

    func lines() -> [String] {
        String(decoding: available(), as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            .map(String.init)
    }
}

struct PipeError: Error { let code: Int32 }
