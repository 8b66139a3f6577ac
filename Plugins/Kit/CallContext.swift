import Glibc
import PluginABI

/// One operation as the host asked for it: its deadline, its cancellation, its names.
///
/// A view of `moor_call`, good until the operation returns.
public struct CallContext: @unchecked Sendable {
    // Sendable: both pointees are immutable or atomic, and outlive the operation (ABI: the call lives until done, the
    // gate until destroy).
    let call: UnsafePointer<moor_call>
    private let gate: Unmanaged<OperationGate>

    init(_ call: UnsafePointer<moor_call>, gate: OperationGate) {
        self.call = call
        self.gate = Unmanaged.passUnretained(gate)
    }

    /// When the result is no longer wanted: nanoseconds of `CLOCK_MONOTONIC`; nil: never.
    public var deadlineNanoseconds: Int64? {
        let deadline = call.pointee.deadline_ns
        return deadline == MOOR_NO_DEADLINE ? nil : deadline
    }

    /// For log lines; may be empty.
    public var requestID: String { call.pointee.request_id.text }

    /// W3C traceparent; may be empty.
    public var traceParent: String { call.pointee.trace_parent.text }

    /// Whether others come first: garbage collection and the like.
    public var isBackground: Bool { call.pointee.flags & MOOR_CALL_BACKGROUND != 0 }

    /// Whether the caller's thread must not wait: answer from memory or throw `.wouldWait` before anything is done.
    public var mustNotWait: Bool { call.pointee.flags & MOOR_CALL_NOWAIT != 0 }

    /// Throws when the call is cancelled, its deadline is over, or the instance is being stopped. Cheap; ask between
    /// chunks.
    public func checkCancellation() throws(PluginError) {
        let why = call.pointee.cancel.pointee.is_cancelled(call.pointee.cancel.pointee.obj)
        if why != MOOR_OK { throw CallContext.cancellation(why) }
        if gate._withUnsafeGuaranteedRef({ $0.isClosed }) {
            throw PluginError(.shutdown, "the instance is being stopped")
        }
    }

    /// As `checkCancellation`, before anything was done; reads the clock too.
    func checkStart() throws(PluginError) {
        let why = call.pointee.cancel.pointee.is_cancelled(call.pointee.cancel.pointee.obj)
        if why != MOOR_OK {
            var error = CallContext.cancellation(why)
            error.noEffect = true
            throw error
        }
        guard call.pointee.deadline_ns != MOOR_NO_DEADLINE else { return }
        if call.pointee.deadline_ns <= CallContext.monotonicNanoseconds() {
            throw PluginError(.timeout, "the deadline had passed before the call began", noEffect: true)
        }
    }

    static func cancellation(_ why: Int32) -> PluginError {
        why == MOOR_E_TIMEOUT
            ? PluginError(.timeout, "the deadline passed") : PluginError(.cancelled, "the call was cancelled")
    }

    private static func monotonicNanoseconds() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec)
    }
}
