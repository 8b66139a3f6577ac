import Glibc
import PluginABI

/// One call into an inner storage: the C call, what it was given, and who waits for it.
final class InnerCall: @unchecked Sendable {
    // Sendable: filled before the call is made, and then only read by its completion, which comes once.
    enum Outcome: Sendable {
        case done
        case buffer(moor_buf)
        case offset(UInt64)
        case stat(ObjectStat)
        case page(ListPage)
        case reader(moor_reader, EntityTag)
        case writer(moor_writer, [UInt8])
        case errors([PluginError?])
        /// The offset is the one that is still known good.
        case failed(PluginError, UInt64)
    }

    private let call: UnsafeMutablePointer<moor_call>
    private let continuation: UnsafeContinuation<Outcome, Never>
    private var copies: [UnsafeMutableRawPointer] = []

    private init(_ call: UnsafePointer<moor_call>, _ continuation: UnsafeContinuation<Outcome, Never>) {
        self.call = .allocate(capacity: 1)
        self.call.initialize(to: call.pointee)
        self.call.pointee.struct_size = UInt32(MemoryLayout<moor_call>.size)
        // Who wraps doesn't offer to answer from memory, so nothing inside is asked to.
        self.call.pointee.flags &= ~MOOR_CALL_NOWAIT
        self.continuation = continuation
    }

    deinit {
        call.deallocate()
        for copy in copies { free(copy) }
    }

    /// Makes a call and waits for its completion. `start` gets the C call and passes one of the completions below.
    static func make(
        _ context: CallContext, _ start: (InnerCall, UnsafePointer<moor_call>) -> Void
    ) async throws -> Outcome {
        let outcome = await ask(context, start)
        if case .failed(let error, _) = outcome { throw error }
        return outcome
    }

    /// As `make`, for who wants to know the offset beside an error.
    static func ask(
        _ context: CallContext, _ start: (InnerCall, UnsafePointer<moor_call>) -> Void
    ) async -> Outcome {
        await withUnsafeContinuation { continuation in
            let inner = InnerCall(context.call, continuation)
            inner.call.pointee.done_ctx = Unmanaged.passRetained(inner).toOpaque()
            // Kept to the end of `start`: the completion may come before it returns.
            withExtendedLifetime(inner) { start(inner, UnsafePointer(inner.call)) }
        }
    }

    /// A copy of bytes that lives as long as the call.
    func keep(_ bytes: UnsafeRawBufferPointer) -> moor_bytes {
        guard let source = bytes.baseAddress, let copy = malloc(max(bytes.count, 1)) else { return moor_bytes() }
        memcpy(copy, source, bytes.count)
        copies.append(copy)
        return moor_bytes(UnsafeRawBufferPointer(start: copy, count: bytes.count))
    }

    /// A copy of a text that lives as long as the call.
    func keep(_ text: String) -> moor_str {
        var text = text
        let bytes = text.withUTF8 { keep(UnsafeRawBufferPointer($0)) }
        return moor_str(UnsafeBufferPointer(start: bytes.ptr, count: bytes.len))
    }

    /// A condition that lives as long as the call; nil for none.
    func keep(_ condition: Precondition) -> UnsafePointer<moor_precond>? {
        var raw = moor_precond()
        switch condition {
        case .none: return nil
        case .absent: raw.flags = MOOR_IF_ABSENT
        case .matches(let tag):
            raw.flags = MOOR_IF_MATCH
            let bytes = tag.withUnsafeBytes { keep($0) }
            raw.etag = moor_str(UnsafeBufferPointer(start: bytes.ptr, count: bytes.len))
        }
        let copy = withUnsafeBytes(of: raw) { keep($0) }
        return copy.ptr.map { UnsafeRawPointer($0).assumingMemoryBound(to: moor_precond.self) }
    }

    private static func finish(
        _ context: UnsafeMutableRawPointer?, _ error: UnsafePointer<moor_error>?, offset: UInt64 = 0,
        _ outcome: () -> Outcome?
    ) {
        guard let context else { return }
        let inner = Unmanaged<InnerCall>.fromOpaque(context).takeRetainedValue()
        if let error {
            inner.continuation.resume(returning: .failed(PluginError(error), offset))
        } else {
            let empty = PluginError(.internalFailure, "the inner storage completed with neither error nor result")
            inner.continuation.resume(returning: outcome() ?? .failed(empty, offset))
        }
    }
}

/// Completions: each takes what it was lent, and resumes who waits.
extension InnerCall {
    static let void: moor_done_void = { context, error in finish(context, error) { .done } }

    static let buffer: moor_done_buf = { context, error, buffer in
        finish(context, error) { buffer.map { .buffer($0.pointee) } }
    }

    static let offset: moor_done_u64 = { context, error, offset in
        finish(context, error, offset: offset) { .offset(offset) }
    }

    static let stat: moor_done_stat = { context, error, stat in
        finish(context, error) { stat.flatMap { ObjectStat($0) }.map { .stat($0) } }
    }

    static let page: moor_done_page = { context, error, page in
        finish(context, error) { page.map { .page(ListPage($0)) } }
    }

    static let reader: moor_done_reader = { context, error, reader in
        finish(context, error) {
            reader.map { .reader($0.pointee, EntityTag($0.pointee.etag.bytes) ?? EntityTag()) }
        }
    }

    static let writer: moor_done_writer = { context, error, writer in
        finish(context, error) { writer.map { .writer($0.pointee, [UInt8]($0.pointee.resume_token.bytes)) } }
    }

    static let items: moor_done_items = { context, error, items, count in
        finish(context, error) {
            .errors((0..<max(count, 0)).map { index in items.flatMap { PluginError(item: $0[index]) } })
        }
    }
}
