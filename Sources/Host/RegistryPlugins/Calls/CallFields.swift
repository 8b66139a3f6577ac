import Glibc
import PluginABI
import RegistryStorage
import Synchronization

/// The memory of a slot. Who may touch what is told by `word`; see `CallSlot`.
struct CallFields: ~Copyable {
    let index: UInt32
    /// Generation and state.
    let word = Atomic<UInt64>(1 << 3)
    let call: UnsafeMutablePointer<moor_call>
    let arena: UnsafeMutableRawPointer
    var arenaUsed = 0
    var arguments = CallArguments()
    /// Something is in the members that end a call with work: the two below, the continuation and the target.
    var holdsMore = false
    var extraMemory: [UnsafeMutableRawPointer] = []
    var retained: [Unmanaged<AnyObject>] = []
    /// The next of the spare slots that a thread keeps.
    var nextSpare: UnsafeMutablePointer<CallFields>?

    // Completion.
    var result = CallResult()
    var continuation: UnsafeContinuation<Bool, Never>?
    /// Whose call it is, once somebody waits: an abandoned call must keep it alive.
    var target: (any CallTarget)?
    /// Whose call it is.
    var user: PluginIdentity?

    // Cancellation: under `cancelLock`, but for `cancelCode`.
    let cancelCode = Atomic<Int32>(0)
    let cancelLock: UnsafeMutablePointer<pthread_mutex_t>
    let cancelTable: UnsafeMutablePointer<moor_cancel>
    var cancelFunction: moor_cancel_fn?
    var cancelContext: UnsafeMutableRawPointer?
    var cancelRegistration: UInt64 = 0
    var usedCancellation = false

    /// When a waiting call must be finished, CLOCK_MONOTONIC. Atomic, because the clock may look while the slot changes
    /// hands; what it does then depends on the generation.
    let deadline = Atomic<UInt64>(.max)
    /// How long after its deadline the call is given up.
    let grace = Atomic<UInt64>(0)
    /// The sequence that a running call belongs to: the value of its `CallContext`, or 0.
    let sequence = Atomic<UInt64>(0)

    /// - Parameter place: where the fields will lie for ever.
    init(index: UInt32, at place: UnsafeMutableRawPointer) {
        self.index = index
        call = .allocate(capacity: 1)
        arena = .allocate(byteCount: CallSlot.arenaSize, alignment: 16)
        cancelTable = .allocate(capacity: 1)
        cancelLock = .allocate(capacity: 1)
        var attributes = pthread_mutexattr_t()
        pthread_mutexattr_init(&attributes)
        pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_RECURSIVE))
        pthread_mutex_init(cancelLock, &attributes)
        pthread_mutexattr_destroy(&attributes)
        cancelTable.initialize(to: .forSlot(at: place))
        call.initialize(
            to: moor_call(
                struct_size: UInt32(MemoryLayout<moor_call>.size), flags: 0, deadline_ns: Int64.max,
                cancel: UnsafePointer(cancelTable), request_id: moor_str(), trace_parent: moor_str(), done_ctx: nil))
    }
}
