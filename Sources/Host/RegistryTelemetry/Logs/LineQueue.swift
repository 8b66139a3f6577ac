import Dispatch
import Synchronization

/// Takes lines for a descriptor and never waits for its reader.
///
/// A line is written at once where the descriptor takes it, so that a crash loses none. Else it waits in a buffer of at
/// most 1 MiB, which another thread writes. What comes when that is full is dropped and counted, and the count said when
/// there is room again.
final class LineQueue: Sendable {
    private struct State {
        var waiting: [UInt8] = []
        var isWriterQueued = false
        var lost = 0
        var unsaid = 0
    }

    /// Bytes that wait for a stalled reader, at most.
    static let maximumLength = 1024 * 1024

    private let descriptor: OutputDescriptor
    /// The line that tells of dropped ones.
    private let notice: @Sendable (_ dropped: Int) -> [UInt8]
    private let state = Mutex(State())
    private let writer = DispatchQueue(label: "log")

    init(descriptor: OutputDescriptor, notice: @escaping @Sendable (_ dropped: Int) -> [UInt8]) {
        self.descriptor = descriptor
        self.notice = notice
    }

    /// Lines that were dropped or could not be written.
    var lostLines: Int { state.withLock(\.lost) }

    /// Writes a whole line, now or later.
    func write(_ line: [UInt8]) {
        let needsWriter = state.withLock { state -> Bool in
            var rest = line[...]
            if !state.isWriterQueued {
                guard let count = descriptor.writeNow(line) else {
                    state.lost += 1
                    return false
                }
                rest = rest.dropFirst(count)
            }
            guard !rest.isEmpty else { return false }
            guard state.waiting.count < Self.maximumLength else {
                state.lost += 1
                state.unsaid += 1
                return false
            }
            state.waiting.append(contentsOf: rest)
            defer { state.isWriterQueued = true }
            return !state.isWriterQueued
        }
        if needsWriter { writer.async { self.writeWaiting() } }
    }

    /// Waits until what waits is written; for the end of the process.
    ///
    /// - Returns: whether it was done within the time.
    func flush(within seconds: Double) -> Bool {
        guard state.withLock(\.isWriterQueued) else { return true }
        let done = DispatchSemaphore(value: 0)
        writer.async { done.signal() }
        return done.wait(timeout: .now() + seconds) == .success
    }

    private func writeWaiting() {
        while let bytes = next() {
            if descriptor.write(bytes) { continue }
            let lines = bytes.count { $0 == UInt8(ascii: "\n") }
            state.withLock { $0.lost += lines }
        }
    }

    /// What to write next; nil when the lines may go straight to the descriptor again.
    private func next() -> [UInt8]? {
        state.withLock { state in
            var bytes: [UInt8] = []
            swap(&bytes, &state.waiting)
            if state.unsaid > 0 {
                bytes += notice(state.unsaid)
                state.unsaid = 0
            }
            state.isWriterQueued = !bytes.isEmpty
            return bytes.isEmpty ? nil : bytes
        }
    }
}
