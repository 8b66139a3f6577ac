public import PluginKit

/// A response whose body is read piece by piece. While nobody reads, the transfer is paused: at most three pieces of 256
/// KiB wait here, and the store's sending stops. One reader at a time. Dropping the stream ends the transfer.
public final class HTTPStream: Sendable {
    /// The status.
    public let status: Int
    /// The header fields.
    public let headers: HTTPFields
    private let buffer: StreamBuffer
    private let transfer: Transfer?
    private let mailbox: EngineMailbox?

    init(
        status: Int, headers: HTTPFields, _ buffer: StreamBuffer, _ transfer: Transfer? = nil,
        _ mailbox: EngineMailbox? = nil
    ) {
        self.status = status
        self.headers = headers
        self.buffer = buffer
        self.transfer = transfer
        self.mailbox = mailbox
    }

    /// 2xx
    public var isSuccess: Bool { (200..<300).contains(status) }

    /// What `Content-Length` says: the size of the body, of a part if it is one.
    public var contentLength: UInt64? { headers.contentLength }

    /// The next 1 to `maximum` bytes; none at the end, and at every later call.
    ///
    /// What came before a failure is delivered first. Cancelling the task ends the transfer.
    /// - Throws: `.unavailable` with `.truncated` if the body broke off; `.timeout` when the deadline has passed.
    public func next(maximum: Int, _ deadline: Deadline) async throws(StoreError) -> OwnedBytes {
        let taken = await withTaskCancellationHandler {
            await buffer.take(maximum: maximum, deadline: deadline) {
                if let transfer { mailbox?.post(.attend(transfer)) }
            }
        } onCancel: {
            abort(HTTPEngine.cancelled)
        }
        switch taken {
        case .bytes(let owner, let bytes, let resumes):
            if resumes, let transfer { mailbox?.post(.unpause(transfer)) }
            return OwnedBytes(inside: owner, bytes)
        case .end: return OwnedBytes()
        case .failed(let error): throw error
        }
    }

    /// Ends the transfer. Reading fails from now on.
    public func close() { abort(HTTPStream.closed) }

    deinit { close() }

    private func abort(_ error: StoreError) {
        if buffer.close(error), let transfer { mailbox?.post(.cancel(transfer, error)) }
    }

    private static let closed = StoreError(.cancelled, "the stream was closed", cause: .cancelled)
}

extension HTTPStream {
    /// The rest of the body, if it isn't larger than `limit`.
    /// - Throws: `.corrupt` with `.tooLarge` if it is; what `next` throws.
    public func collect(limit: Int, _ deadline: Deadline) async throws(StoreError) -> SharedBytes {
        var pieces: [SharedBytes.Piece] = []
        var count = 0
        while true {
            let bytes = try await next(maximum: StreamBuffer.blockSize, deadline)
            guard bytes.count > 0 else { return SharedBytes(pieces: pieces) }
            guard bytes.count <= limit - count else {
                throw StoreError(.corrupt, "the response is larger than \(limit) bytes", cause: .tooLarge)
            }
            count += bytes.count
            let block = Block.allocate(bytes.count)
            bytes.withUnsafeBytes { block.memory.copyMemory(from: $0) }
            pieces.append(.init(owner: block, bytes: UnsafeRawBufferPointer(block.memory)))
        }
    }
}
