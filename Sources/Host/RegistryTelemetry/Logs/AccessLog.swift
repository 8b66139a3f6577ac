import Dispatch
import Synchronization

/// Writes one line a request in Apache's *combined* format, as Distribution does.
///
/// Lines gather in a buffer that another thread writes when it holds 32 KiB or is a second old, so that a request never
/// waits for the reader of the log. When the reader stalls, up to 1 MiB waits for it; what comes then is dropped and
/// counted.
public final class AccessLog: Sendable {
    private struct State {
        var buffer: [UInt8] = []
        var second = SecondText(.apache)
        var isTimerSet = false
        var isWriteQueued = false
        var dropped = 0
    }

    /// Bytes at which the buffer is written at once.
    static let flushLength = 32 * 1024
    /// Bytes that wait for a stalled reader, at most.
    static let maximumLength = 1024 * 1024

    private let descriptor: OutputDescriptor
    private let state = Mutex(State())
    private let queue = DispatchQueue(label: "access-log")

    /// Logs to a file descriptor, which stays the caller's; standard output by default.
    public init(descriptor: Int32 = 1) {
        self.descriptor = OutputDescriptor(number: descriptor)
    }

    /// Lines that were dropped since the start, because the reader stalled or went away.
    public var droppedLines: Int { state.withLock(\.dropped) }

    /// Adds the line of a finished request.
    public func record(_ entry: AccessEntry) {
        let (setTimer, queueWrite) = state.withLock { state -> (Bool, Bool) in
            guard state.buffer.count < Self.maximumLength else {
                state.dropped += 1
                return (false, false)
            }
            entry.append(to: &state.buffer, time: state.second(entry.time.seconds))
            let isFull = state.buffer.count >= Self.flushLength
            let queueWrite = isFull && !state.isWriteQueued
            let setTimer = !isFull && !state.isTimerSet
            state.isWriteQueued = state.isWriteQueued || queueWrite
            state.isTimerSet = state.isTimerSet || setTimer
            return (setTimer, queueWrite)
        }
        if queueWrite { queue.async { self.writeBuffer() } }
        if setTimer { queue.asyncAfter(deadline: .now() + .milliseconds(900)) { self.timerFired() } }
    }

    /// Writes what has gathered, and waits for that; for the end of the process.
    ///
    /// - Returns: whether it was done within the time.
    @discardableResult
    public func flush(within seconds: Double = 5) -> Bool {
        let done = DispatchSemaphore(value: 0)
        queue.async {
            self.writeBuffer()
            done.signal()
        }
        return done.wait(timeout: .now() + seconds) == .success
    }

    private func timerFired() {
        state.withLock { $0.isTimerSet = false }
        writeBuffer()
    }

    private func writeBuffer() {
        let bytes = state.withLock { state -> [UInt8] in
            let bytes = state.buffer
            state.buffer = []
            state.buffer.reserveCapacity(min(bytes.count, Self.flushLength) + 4096)
            state.isWriteQueued = false
            return bytes
        }
        guard !bytes.isEmpty, !descriptor.write(bytes) else { return }
        let lines = bytes.count { $0 == UInt8(ascii: "\n") }
        state.withLock { $0.dropped += lines }
    }
}
