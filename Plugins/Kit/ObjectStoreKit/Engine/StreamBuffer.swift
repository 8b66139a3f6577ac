import PluginKit
import Synchronization

/// The bytes between the engine's thread, which fills blocks, and the reader of a stream, which takes them.
///
/// A block of bytes waits for a slow reader, two for one who had to wait himself; then the transfer is paused. Small pieces
/// are gathered for a moment, since each costs its reader a change of thread.
final class StreamBuffer: Sendable {
    static let blockSize = 256 << 10
    /// How long bytes that don't fill a block may wait for more: nanoseconds.
    static let patience: Int64 = 2_000_000

    enum Written { case taken(isWanted: Bool), full, closed }

    /// What a look at the buffer says about its reader.
    enum Attention { case none, soon, served }

    fileprivate struct State: @unchecked Sendable {
        // Sendable: guarded by the lock.
        var pieces: [SharedBytes.Piece] = []
        var first = 0
        var block: Block?
        var used = 0
        var count = 0
        var limit = blockSize
        var isPaused = false
        var end: Result<Void, StoreError>?
        var waiter: Waiter?
    }

    fileprivate struct Waiter {
        let continuation: UnsafeContinuation<Taken, Never>
        let maximum: Int
        let since: Int64
        let deadline: Int64

        /// So many bytes are worth a change of thread at once.
        var wanted: Int { min(maximum, blockSize) }
    }

    /// What a reader gets.
    enum Taken: @unchecked Sendable {
        // Sendable: the bytes aren't written any more.
        case bytes(owner: AnyObject, UnsafeRawBufferPointer, resumes: Bool)
        case end
        case failed(StoreError)
    }

    private let state = Mutex(State())
    private let pool: BlockPool

    init(_ pool: BlockPool) { self.pool = pool }

    /// A buffer that holds a whole body already.
    convenience init(_ pool: BlockPool, holding body: SharedBytes) {
        self.init(pool)
        let body = UncheckedBox(body.pieces)
        state.withLock { state in
            state.pieces = body.value
            state.count = body.value.reduce(0) { $0 + $1.bytes.count }
            state.end = .success(())
        }
    }
}

// MARK: - The engine's side

extension StreamBuffer {
    /// Takes all of the bytes or none.
    func write(_ bytes: UnsafeRawBufferPointer) -> Written {
        let lent = UncheckedBox(bytes)
        return state.withLock { state in
            if state.end != nil { return .closed }
            if state.count > 0, state.count + lent.value.count > state.limit {
                state.isPaused = true
                return .full
            }
            guard state.append(lent.value, pool) else {
                state.end = .failure(StoreError(.internalFailure, "no memory for the response"))
                return .closed
            }
            return .taken(isWanted: state.waiter != nil)
        }
    }

    /// Serves a waiting reader if a block is full or its bytes have waited long enough.
    func attend(_ now: Int64) -> Attention {
        let (attention, serving) = state.withLock { state -> (Attention, Serving?) in
            guard let waiter = state.waiter, state.count > 0 else { return (.none, nil) }
            guard state.count >= waiter.wanted || now >= waiter.since + Self.patience else { return (.soon, nil) }
            return (.served, state.serve())
        }
        serving?.resume()
        return attention
    }

    /// No more bytes come: all have, or why not.
    func finish(_ end: Result<Void, StoreError>) {
        let serving = state.withLock { state -> Serving? in
            if state.end == nil { state.end = end }
            return state.serve()
        }
        serving?.resume()
    }

    /// Whether a reader has waited longer than it may.
    func isLate(_ now: Int64) -> Bool { state.withLock { $0.waiter.map { now >= $0.deadline } ?? false } }
}

// MARK: - The reader's side

extension StreamBuffer {
    /// Waits for bytes. `attend` is called if the engine should look after them.
    func take(maximum: Int, deadline: Deadline, attend: () -> Void) async -> Taken {
        await withUnsafeContinuation { continuation in
            var isPending = false
            let waiter = Waiter(
                continuation: continuation, maximum: max(maximum, 1), since: MonotonicClock.now(),
                deadline: deadline.nanoseconds)
            let serving = state.withLock { state -> Serving? in
                // Two readers at once is against the contract; the first one loses nothing.
                guard state.waiter == nil else {
                    let error = StoreError(.internalFailure, "a stream is read twice at once")
                    return Serving(continuation: waiter.continuation, taken: .failed(error))
                }
                state.waiter = waiter
                // A paused transfer brings no more before somebody reads.
                if state.end != nil || state.isPaused || state.count >= waiter.wanted { return state.serve() }
                state.limit = 2 * Self.blockSize
                isPending = state.count > 0
                return nil
            }
            serving?.resume()
            if isPending { attend() }
        }
    }

    /// Nobody reads any more; a waiting reader is sent away. True if the transfer hadn't ended.
    func close(_ error: StoreError) -> Bool {
        let (wasOpen, serving) = state.withLock { state -> (Bool, Serving?) in
            let wasOpen = state.end == nil
            // What is still there is lost: a later read mustn't take its absence for the end.
            state.end = .failure(error)
            (state.pieces, state.first, state.count, state.block, state.used) = ([], 0, 0, nil, 0)
            return (wasOpen, state.serve())
        }
        serving?.resume()
        return wasOpen
    }
}

/// A reader that goes on, once the lock is released.
private struct Serving {
    let continuation: UnsafeContinuation<StreamBuffer.Taken, Never>
    let taken: StreamBuffer.Taken

    func resume() { continuation.resume(returning: taken) }
}

extension StreamBuffer.State {
    /// Copies bytes to the end; false if there is no memory.
    fileprivate mutating func append(_ bytes: UnsafeRawBufferPointer, _ pool: BlockPool) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            if block == nil { block = pool.take() }
            guard let block else { return false }
            let room = UnsafeMutableRawBufferPointer(rebasing: block.memory[used...])
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(room.count))
            room.copyMemory(from: part)
            used += part.count
            count += part.count
            rest = UnsafeRawBufferPointer(rebasing: rest[part.count...])
            if used == block.memory.count { seal() }
        }
        return true
    }

    /// Closes the block that is being filled.
    private mutating func seal() {
        guard let block, used > 0 else { return }
        pieces.append(.init(owner: block, bytes: UnsafeRawBufferPointer(rebasing: block.memory[..<used])))
        self.block = nil
        used = 0
    }

    /// What the waiter gets: the next bytes, or how the stream ended.
    fileprivate mutating func serve() -> Serving? {
        guard let waiter else { return nil }
        self.waiter = nil
        return Serving(continuation: waiter.continuation, taken: next(waiter.maximum))
    }

    private mutating func next(_ maximum: Int) -> StreamBuffer.Taken {
        if first == pieces.count { seal() }
        guard first < pieces.count else {
            switch end {
            case .failure(let error): return .failed(error)
            case .success: return .end
            case nil: return .failed(StoreError(.internalFailure, "a reader was woken without bytes"))
            }
        }
        let piece = pieces[first]
        let part = UnsafeRawBufferPointer(rebasing: piece.bytes.prefix(maximum))
        if part.count == piece.bytes.count {
            first += 1
            if first == pieces.count { (pieces, first) = ([], 0) }
        } else {
            let rest = UnsafeRawBufferPointer(rebasing: piece.bytes[part.count...])
            pieces[first] = .init(owner: piece.owner, bytes: rest)
        }
        count -= part.count
        let resumes = isPaused && count <= limit / 2
        if resumes { isPaused = false }
        return .bytes(owner: piece.owner, part, resumes: resumes)
    }
}
