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

    private func waitUntilWritable() {
        var entry = pollfd(fd: number, events: Int16(POLLOUT), revents: 0)
        _ = poll(&entry, 1, 1000)
    }
}
