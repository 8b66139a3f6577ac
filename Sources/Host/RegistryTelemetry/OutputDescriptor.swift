import Glibc

/// A file descriptor that lines are written to. It is borrowed: nobody here closes it.
///
/// The process must ignore `SIGPIPE`, or a reader that goes away ends it.
struct OutputDescriptor: Sendable {
    let number: Int32

    /// Writes all bytes, waiting where the descriptor does not take them; a whole line is one call in all but rare cases.
    ///
    /// - Returns: whether everything was written.
    func write(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { buffer in
            var rest = buffer[...]
            while !rest.isEmpty {
                let count = Glibc.write(number, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
                if count > 0 {
                    rest = rest.dropFirst(count)
                } else if errno == EAGAIN {
                    waitUntilWritable()
                } else if errno != EINTR {
                    return false
                }
            }
            return true
        }
    }

    /// What a descriptor that can be written to takes without waiting (`PIPE_BUF`).
    static let unhinderedLength = 4096

    /// Writes at most ``unhinderedLength`` bytes if that needs no waiting.
    ///
    /// - Returns: how many bytes were written; nil after an error.
    func writeNow(_ bytes: [UInt8]) -> Int? {
        // poll passes over negative numbers.
        guard number >= 0 else { return nil }
        var entry = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
        guard bytes.count <= Self.unhinderedLength, poll(&entry, 1, 0) == 1 else { return 0 }
        while true {
            let count = Glibc.write(number, bytes, bytes.count)
            if count >= 0 { return count }
            if errno == EAGAIN { return 0 }
            if errno != EINTR { return nil }
        }
    }

    private func waitUntilWritable() {
        var entry = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
        _ = poll(&entry, 1, 1000)
    }
}
