public import NIOCore
import Synchronization

/// Why the bytes of a request body ended before the body did.
public enum HTTPRequestBodyError: Error, Hashable, Sendable {
    /// The client closed the connection or reset the stream, or the server is going down.
    case clientGone
    /// The framing of the body is malformed.
    case malformed
    /// No byte came within `Timeouts.bodyStall`.
    case stalled
    /// Two tasks called `next` at the same time.
    case concurrentRead
    /// The answer was given; what was left of the body is not to be had any more.
    case answered
}

/// The body of a request, as it comes. What is not asked for is not read from the connection: at most about two
/// batches of 1 MiB are in memory. Of an HTTP/2 stream nothing is read before the responder asks for the first time, and
/// nothing ahead while many streams hold much (`Limits.bodyBytes`); the client then has sent a window of 1 MiB at most.
public final class HTTPRequestBody: @unchecked Sendable {  // Guard: all mutable state is touched on `loop` only;
    // `prepared` has its own lock.

    /// From here on a batch is worth a hop to another thread.
    static let lowMark = 256 * 1024
    /// The connection is not read while this much waits.
    static let highMark = 1024 * 1024
    /// A slice smaller than this is copied behind the last one, so that it does not pin a receive buffer.
    private static let smallSlice = 8 * 1024
    /// A slow client's bytes are passed on after this long without more.
    private static let quiet = TimeAmount.milliseconds(10)

    /// A body that is not there.
    public static let none = HTTPRequestBody(loop: nil, declaredLength: 0, isEmpty: true)

    /// The length that the request declares; nil if it is not known beforehand.
    public let declaredLength: UInt64?
    /// Whether there is surely no body.
    public let isEmpty: Bool

    private enum Progress {
        case open
        case ended
        case failed(HTTPRequestBodyError)
    }

    private let loop: (any EventLoop)?
    private let prepared = Mutex<ByteBuffer?>(nil)
    private var progress = Progress.open
    private var slices: [ByteBuffer] = []
    private var buffered = 0
    private var tailIsOwn = false
    private var waiter: UnsafeContinuation<[ByteBuffer]?, any Error>?
    private var isCancelled = false
    private var quietTimerRuns = false
    private var grewSinceTimer = false
    /// Bytes that have arrived.
    private(set) var received: UInt64 = 0
    /// Whether the responder has asked for bytes.
    private(set) var isWanted = false
    /// Where the bytes that wait are counted; nil: nowhere.
    var memory: BodyMemory?
    /// Whom to tell that there is room again; nil once the exchange is over.
    weak var reader: (any RequestBodyReader)?

    init(loop: (any EventLoop)?, declaredLength: UInt64?, isEmpty: Bool) {
        self.loop = loop
        self.declaredLength = declaredLength
        self.isEmpty = isEmpty
    }

    deinit { memory?.add(-buffered) }

    /// A body that is all there; for tests of responders.
    public convenience init(_ bytes: ByteBuffer) {
        let length = bytes.readableBytes
        self.init(loop: nil, declaredLength: UInt64(length), isEmpty: length == 0)
        prepared.withLock { $0 = length == 0 ? nil : bytes }
    }

    /// The next bytes, in batches of 256 KiB to about 1 MiB, smaller at the end or when the client is slow. The
    /// buffers are slices of what was received. The first call answers `Expect: 100-continue`.
    ///
    /// - Returns: nil at the end of the body
    /// - Throws: `HTTPRequestBodyError`, or `CancellationError` if the task is cancelled while it waits
    public func next() async throws -> [ByteBuffer]? {
        guard let loop else { return prepared.withLock { $0.take() }.map { [$0] } }
        if loop.inEventLoop, let ready = try take() { return ready.batch }
        return try await withTaskCancellationHandler {
            try await withUnsafeThrowingContinuation { continuation in
                if loop.inEventLoop {
                    wait(continuation)
                } else {
                    loop.execute { self.wait(continuation) }
                }
            }
        } onCancel: {
            loop.execute { self.cancelWait() }
        }
    }
}

/// The connection's side of a body.
protocol RequestBodyReader: AnyObject {
    /// The body is wanted (for the first time, or again after a batch was taken).
    func bodyWanted()
}

extension HTTPRequestBody {
    /// Whether the connection should pause.
    var isFull: Bool { buffered >= HTTPRequestBody.highMark }

    /// Whether the responder waits for bytes.
    var isAwaited: Bool { waiter != nil }

    /// The rest that is still to come, if it is known.
    var missing: UInt64? { declaredLength.map { $0 < received ? 0 : $0 - received } }

    /// Adds what arrived.
    func append(_ slice: ByteBuffer) {
        let count = slice.readableBytes
        received &+= UInt64(count)
        guard case .open = progress, count > 0 else { return }
        buffered += count
        memory?.add(count)
        grewSinceTimer = true
        if count < HTTPRequestBody.smallSlice, !slices.isEmpty {
            appendCopy(of: slice)
        } else {
            slices.append(slice)
            tailIsOwn = false
        }
    }

    /// The body is complete.
    func finish() {
        guard case .open = progress else { return }
        progress = .ended
        resumeIfReady()
    }

    /// The body will not be completed. What has arrived is dropped.
    func fail(_ error: HTTPRequestBodyError) {
        guard loop != nil, case .open = progress else { return }
        progress = .failed(error)
        drop()
        waiter.take()?.resume(throwing: error)
    }

    /// Ends the use of a body after the answer: frees what was not read.
    func close() {
        // `none` is shared by all loops.
        guard loop != nil else { return }
        reader = nil
        if case .open = progress {
            fail(.answered)
        } else {
            drop()
        }
    }

    /// The connection has delivered all that it had. A batch is passed on now rather than slice by slice.
    func settle() {
        guard waiter != nil else { return }
        resumeIfReady()
        guard waiter != nil, buffered > 0, !quietTimerRuns else { return }
        quietTimerRuns = true
        grewSinceTimer = false
        loop?.scheduleTask(in: HTTPRequestBody.quiet) { self.quietTimerFired() }
    }

    private func quietTimerFired() {
        quietTimerRuns = false
        guard waiter != nil, buffered > 0 else { return }
        if grewSinceTimer {
            settle()
        } else {
            pass()
        }
    }

    private func appendCopy(of slice: ByteBuffer) {
        let last = slices.count - 1
        if tailIsOwn, slices[last].writableBytes >= slice.readableBytes {
            slices[last].writeImmutableBuffer(slice)
            return
        }
        var copy = ByteBufferAllocator().buffer(capacity: 8 * HTTPRequestBody.smallSlice)
        copy.writeImmutableBuffer(slice)
        slices.append(copy)
        tailIsOwn = true
    }

    private var isReady: Bool {
        switch progress {
        case .open: buffered >= HTTPRequestBody.lowMark || (buffered > 0 && missing == 0)
        case .ended, .failed: true
        }
    }

    private struct Ready {
        var batch: [ByteBuffer]?
    }

    /// What `next` can return without waiting.
    private func take() throws -> Ready? {
        if case .failed(let error) = progress { throw error }
        guard waiter == nil else { throw HTTPRequestBodyError.concurrentRead }
        guard isReady else { return nil }
        return Ready(batch: takeBatch())
    }

    private func takeBatch() -> [ByteBuffer]? {
        guard buffered > 0 else { return nil }
        let batch = slices
        drop()
        isWanted = true
        reader?.bodyWanted()
        return batch
    }

    private func drop() {
        slices = []
        memory?.add(-buffered)
        buffered = 0
        tailIsOwn = false
    }

    private func wait(_ continuation: UnsafeContinuation<[ByteBuffer]?, any Error>) {
        do {
            if let ready = try take() {
                continuation.resume(returning: ready.batch)
                return
            }
        } catch {
            continuation.resume(throwing: error)
            return
        }
        guard !isCancelled else {
            isCancelled = false
            continuation.resume(throwing: CancellationError())
            return
        }
        waiter = continuation
        isWanted = true
        reader?.bodyWanted()
        settle()
    }

    /// The cancellation may overtake the wait on its way to the loop.
    private func cancelWait() {
        if let continuation = waiter.take() {
            continuation.resume(throwing: CancellationError())
        } else {
            isCancelled = true
        }
    }

    private func resumeIfReady() {
        if waiter != nil, isReady { pass() }
    }

    private func pass() {
        guard let continuation = waiter.take() else { return }
        continuation.resume(returning: takeBatch())
    }
}
