import Glibc
import NIOCore
import PluginABI
import RegistryStorage
import Synchronization

/// One outstanding call: the memory that the plugin reads, the state of its completion, and who waits for it.
///
/// Slots are reused and never freed. `done_ctx` holds the slot's index and generation and not a pointer, so a completion
/// that comes twice, or after everybody gave up, is recognised whatever has become of the slot.
final class CallSlot: @unchecked Sendable {
    // @unchecked: `word` says who may touch the rest. While pending or waiting it is the caller, while completing the
    // thread that completes, when done the caller again; cancellation members are under `cancelLock`.

    enum State: UInt64 {
        /// In the free list.
        case free = 0
        /// Called; nobody waits yet.
        case pending = 1
        /// `continuation` is set.
        case waiting = 2
        /// A thread stores the outcome.
        case completing = 3
        /// The outcome is there.
        case done = 4
        /// Nobody waits any more; the plugin still may use the memory.
        case abandoned = 5
    }

    /// Bytes for paths and small arrays.
    static let arenaSize = 4096

    let index: UInt32
    /// Generation and state.
    let word: Atomic<UInt64>
    let memory: UnsafeMutablePointer<moor_call>
    private let cancelTable: UnsafeMutablePointer<moor_cancel>
    private let arena: UnsafeMutableRawPointer
    @exclusivity(unchecked) private var arenaUsed = 0

    // Arguments.
    @exclusivity(unchecked) var operation = CallOperation.stat
    @exclusivity(unchecked) var path = moor_str()
    @exclusivity(unchecked) var path2 = moor_str()
    @exclusivity(unchecked) var condition: UnsafePointer<moor_precond>?
    @exclusivity(unchecked) var number1: UInt64 = 0
    @exclusivity(unchecked) var number2: UInt64 = 0
    @exclusivity(unchecked) var flags: UInt32 = 0
    @exclusivity(unchecked) var bytes = moor_bytes()
    @exclusivity(unchecked) var parts: UnsafeMutablePointer<moor_bytes>?
    @exclusivity(unchecked) var partCount = 0
    @exclusivity(unchecked) var structure: UnsafeRawPointer?
    @exclusivity(unchecked) private var extraMemory: [UnsafeMutableRawPointer] = []
    @exclusivity(unchecked) private var retained: [Unmanaged<AnyObject>] = []

    // Completion.
    /// Holds `void`, which needs no destruction, but for the time from the completion until the outcome is taken.
    private let outcome: UnsafeMutablePointer<CallOutcome>
    @exclusivity(unchecked) private var continuation: UnsafeContinuation<Bool, Never>?
    /// Whose call it is, once somebody waits: an abandoned call must keep it alive.
    @exclusivity(unchecked) private var target: (any CallTarget)?
    /// Who used the slot last: an unowned reference to an immortal `PluginIdentity`.
    private let lastUser = Atomic<UInt>(0)

    // Cancellation.
    let cancelCode = Atomic<Int32>(0)
    private let cancelLock: UnsafeMutablePointer<pthread_mutex_t>
    @exclusivity(unchecked) private var cancelFunction: moor_cancel_fn?
    @exclusivity(unchecked) private var cancelContext: UnsafeMutableRawPointer?
    @exclusivity(unchecked) private var cancelRegistration: UInt64 = 0
    @exclusivity(unchecked) private var usedCancellation = false

    /// When the call must be finished, CLOCK_MONOTONIC; the clock of the host looks after waiting calls. Atomic, because
    /// the clock may look while the slot changes hands; what it does then depends on the generation.
    private let deadline = Atomic<UInt64>(.max)
    /// How long after its deadline the call is given up.
    private let grace = Atomic<UInt64>(0)

    init(index: UInt32) {
        self.index = index
        word = Atomic(0)
        memory = .allocate(capacity: 1)
        outcome = .allocate(capacity: 1)
        outcome.initialize(to: .void)
        cancelTable = .allocate(capacity: 1)
        arena = .allocate(byteCount: Self.arenaSize, alignment: 16)
        cancelLock = .allocate(capacity: 1)
        var attributes = pthread_mutexattr_t()
        pthread_mutexattr_init(&attributes)
        pthread_mutexattr_settype(&attributes, Int32(PTHREAD_MUTEX_RECURSIVE))
        pthread_mutex_init(cancelLock, &attributes)
        pthread_mutexattr_destroy(&attributes)
        let context = Unmanaged.passUnretained(self).toOpaque()
        cancelTable.initialize(
            to: moor_cancel(
                struct_size: UInt32(MemoryLayout<moor_cancel>.size), reserved0: 0, obj: context,
                is_cancelled: slotIsCancelled, on_cancel: slotOnCancel, off_cancel: slotOffCancel))
        memory.initialize(
            to: moor_call(
                struct_size: UInt32(MemoryLayout<moor_call>.size), flags: 0, deadline_ns: Int64.max,
                cancel: UnsafePointer(cancelTable), request_id: moor_str(), trace_parent: moor_str(), done_ctx: nil))
    }

    // MARK: Arguments

    /// Copies a text into the slot's memory.
    func store(_ text: String) -> moor_str {
        var text = text
        return text.withUTF8 { utf8 in
            guard let base = utf8.baseAddress, utf8.count > 0 else { return moor_str() }
            let place = allocate(utf8.count, alignment: 1)
            place.copyMemory(from: base, byteCount: utf8.count)
            return moor_str(ptr: UnsafePointer(place.assumingMemoryBound(to: CChar.self)), len: utf8.count)
        }
    }

    /// Copies bytes into the slot's memory.
    func store(_ bytes: [UInt8]) -> moor_bytes {
        bytes.withUnsafeBytes { raw in
            guard let base = raw.baseAddress, raw.count > 0 else { return moor_bytes() }
            let place = allocate(raw.count, alignment: 1)
            place.copyMemory(from: base, byteCount: raw.count)
            return moor_bytes(ptr: UnsafePointer(place.assumingMemoryBound(to: UInt8.self)), len: raw.count)
        }
    }

    /// Refers to a buffer's bytes without copying; the slot keeps its storage until the completion.
    func refer(to buffer: ByteBuffer) -> moor_bytes {
        buffer.withUnsafeReadableBytesWithStorageManagement { raw, storage in
            retained.append(storage.retain())
            guard let base = raw.baseAddress, raw.count > 0 else { return moor_bytes() }
            return moor_bytes(ptr: base.assumingMemoryBound(to: UInt8.self), len: raw.count)
        }
    }

    func store(_ condition: StorageCondition?) -> UnsafePointer<moor_precond>? {
        guard let condition else { return nil }
        let place = allocate(MemoryLayout<moor_precond>.size, alignment: 8).bindMemory(
            to: moor_precond.self, capacity: 1)
        switch condition {
        case .ifAbsent: place.initialize(to: moor_precond(flags: 1 << 0, reserved0: 0, etag: moor_str()))
        case .ifMatch(let etag): place.initialize(to: moor_precond(flags: 1 << 1, reserved0: 0, etag: store(etag)))
        }
        return UnsafePointer(place)
    }

    func store(parts buffers: [ByteBuffer]) {
        let place = allocate(max(1, buffers.count) * MemoryLayout<moor_bytes>.stride, alignment: 8)
            .bindMemory(to: moor_bytes.self, capacity: max(1, buffers.count))
        for (index, buffer) in buffers.enumerated() {
            (place + index).initialize(to: refer(to: buffer))
        }
        parts = place
        partCount = buffers.count
    }

    /// Memory that lives until the completion.
    func allocate(_ count: Int, alignment: Int) -> UnsafeMutableRawPointer {
        let start = (arenaUsed + alignment - 1) & ~(alignment - 1)
        if count <= Self.arenaSize - start {
            arenaUsed = start + count
            return arena + start
        }
        let place = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: max(alignment, 16))
        extraMemory.append(place)
        return place
    }

    // MARK: State

    var generation: UInt64 { word.load(ordering: .relaxed) >> 3 }

    var state: State { State(rawValue: word.load(ordering: .acquiring) & 7) ?? .free }

    /// Makes the slot ready for a call. The caller owns it.
    func begin(_ operation: CallOperation, target: any CallTarget) {
        self.operation = operation
        let policy = target.policy
        let deadline = policy.deadline(for: operation)
        self.deadline.store(deadline, ordering: .relaxed)
        grace.store(policy.timeouts.grace, ordering: .relaxed)
        memory.pointee.deadline_ns = Int64(clamping: deadline)
        lastUser.store(UInt(bitPattern: Unmanaged.passUnretained(target.identity).toOpaque()), ordering: .relaxed)
        let generation = self.generation
        // 20 bits of index, 44 of generation; never null because generations start at 1.
        memory.pointee.done_ctx = UnsafeMutableRawPointer(
            bitPattern: UInt((generation << UInt64(CallSlots.indexBits)) | UInt64(index)))
        word.store(generation << 3 | State.pending.rawValue, ordering: .releasing)
    }

    /// Makes a finished slot ready for the same call with the same arguments.
    func beginAgain(_ operation: CallOperation, target: any CallTarget) {
        _ = takeOutcome()
        memory.pointee.flags &= ~MOOR_CALL_NOWAIT
        endGeneration()
        begin(operation, target: target)
    }

    /// The state changes if it is `from` in this generation.
    func transition(_ from: State, _ to: State, generation: UInt64) -> Bool {
        word.compareExchange(
            expected: generation << 3 | from.rawValue, desired: generation << 3 | to.rawValue,
            ordering: .acquiringAndReleasing
        ).exchanged
    }

    /// Ends a call: frees its memory and makes every late completion recognisable.
    func finish() {
        endGeneration()
        arenaUsed = 0
        if continuation != nil {
            continuation = nil
            target = nil
        }
        deadline.store(.max, ordering: .relaxed)
        memory.pointee.deadline_ns = Int64.max
        memory.pointee.flags = 0
        condition = nil
        parts = nil
        partCount = 0
        structure = nil
        if !extraMemory.isEmpty {
            for place in extraMemory { place.deallocate() }
            extraMemory.removeAll(keepingCapacity: true)
        }
        if !retained.isEmpty {
            for object in retained { object.release() }
            retained.removeAll(keepingCapacity: true)
        }
    }

    /// Whether the call is done, and failed with this code.
    func hasFailed(with code: StorageError.Code) -> Bool {
        guard state == .done, case .failure(let error, _) = outcome.pointee else { return false }
        return error.code == code
    }

    /// Gives the outcome away.
    func takeOutcome() -> CallOutcome {
        let taken = outcome.move()
        outcome.initialize(to: .void)
        return taken
    }

    /// Makes every late completion and cancellation of the call recognisable.
    private func endGeneration() {
        if usedCancellation {
            pthread_mutex_lock(cancelLock)
            cancelFunction = nil
            usedCancellation = false
            cancelCode.store(0, ordering: .relaxed)
            advance()
            pthread_mutex_unlock(cancelLock)
        } else {
            advance()
        }
    }

    private func advance() {
        word.store((generation &+ 1) << 3 | State.free.rawValue, ordering: .releasing)
    }

    // MARK: Completion

    private var user: Unmanaged<PluginIdentity>? {
        UnsafeRawPointer(bitPattern: lastUser.load(ordering: .relaxed)).map { Unmanaged.fromOpaque($0) }
    }

    /// Stores the outcome and wakes who waits. Called by completions, on any thread.
    @inline(__always)
    func complete(generation: UInt64, _ makeOutcome: (PluginIdentity) -> CallOutcome) {
        // Identities live for ever, so this one needn't be retained. `begin` has set it before any completion can come.
        guard let user else { return }
        while true {
            let current = word.load(ordering: .acquiring)
            guard current >> 3 == generation, let state = State(rawValue: current & 7) else { return completedAgain() }
            switch state {
            case .pending, .waiting, .abandoned:
                guard transition(state, .completing, generation: generation) else { continue }
                return user._withUnsafeGuaranteedRef {
                    store(makeOutcome($0), from: state, generation: generation)
                }
            case .free, .completing, .done:
                return completedAgain()
            }
        }
    }

    /// Completes the call on the host's side.
    func complete(with outcome: CallOutcome) {
        complete(generation: generation) { _ in outcome }
    }

    private func store(_ outcome: consuming CallOutcome, from state: State, generation: UInt64) {
        guard state != .abandoned else {
            target?.discard(outcome)
            finish()
            CallSlots.shared.release(self)
            return
        }
        self.outcome.initialize(to: outcome)
        let waiter = state == .waiting ? continuation : nil
        word.store(generation << 3 | State.done.rawValue, ordering: .releasing)
        waiter?.resume(returning: true)
    }

    /// Nothing of the slot may be touched here, it may be another call's by now; and what a second completion brings isn't
    /// released, because it mostly is what the first one brought: a leak is the lesser evil.
    private func completedAgain() {
        // Whose call it was can't be told for sure once the slot is used again; its last user is the likely culprit.
        guard let identity = user?.takeUnretainedValue() else { return }
        identity.violations.record(
            .completesOnce, plugin: identity.name, "an operation was completed more than once; ignored")
    }

    /// Lets the current task sleep until the outcome is there. `start` runs once the continuation is in place.
    /// - Returns: false if the call was abandoned: then the slot isn't the caller's any more.
    func wait(for target: any CallTarget, start: (() -> Void)? = nil) async -> Bool {
        let generation = self.generation
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Bool, Never>) in
                self.continuation = continuation
                self.target = target
                self.usedCancellation = true
                if transition(.pending, .waiting, generation: generation) {
                    HostClock.shared.noteWaiting()
                    start?()
                    return
                }
                // A completion got in between; it is storing the outcome, or has.
                while state == .completing { sched_yield() }
                continuation.resume(returning: true)
            }
        } onCancel: {
            cancel(StorageError.Code.cancelled, generation: generation)
        }
    }

    /// Runs the call on a worker thread, unless nobody waits for it any more.
    func performOnWorker(_ target: any CallTarget) {
        memory.pointee.flags |= 1 << 1  // MOOR_CALL_MAY_BLOCK
        target.perform(self)
    }

    // MARK: Cancellation

    /// Tells the plugin that its work isn't wanted any more.
    func cancel(_ code: StorageError.Code, generation: UInt64) {
        pthread_mutex_lock(cancelLock)
        defer { pthread_mutex_unlock(cancelLock) }
        guard self.generation == generation, cancelCode.load(ordering: .relaxed) == 0 else { return }
        cancelCode.store(code.rawValue, ordering: .releasing)
        // Under the recursive lock: off_cancel on another thread waits for the function, in the function it passes.
        cancelFunction?(cancelContext, code.rawValue)
        cancelFunction = nil
    }

    /// Says before a call that `cancel` may come from another thread while it runs.
    func expectCancellation() { usedCancellation = true }

    func register(_ function: @escaping moor_cancel_fn, _ context: UnsafeMutableRawPointer?) -> UInt64 {
        pthread_mutex_lock(cancelLock)
        defer { pthread_mutex_unlock(cancelLock) }
        usedCancellation = true
        guard cancelFunction == nil else { return 0 }
        cancelRegistration &+= 1
        let code = cancelCode.load(ordering: .relaxed)
        if code != 0 {
            function(context, code)
        } else {
            cancelFunction = function
            cancelContext = context
        }
        return max(1, cancelRegistration)
    }

    func unregister(_ registration: UInt64) {
        pthread_mutex_lock(cancelLock)
        defer { pthread_mutex_unlock(cancelLock) }
        if registration == cancelRegistration { cancelFunction = nil }
    }

    // MARK: Deadline

    /// Looks after a waiting call: at the deadline it is cancelled, after the grace abandoned.
    /// - Returns: whether the call waits.
    func check(now: UInt64) -> Bool {
        let current = word.load(ordering: .acquiring)
        guard current & 7 == State.waiting.rawValue else { return false }
        let deadline = deadline.load(ordering: .relaxed)
        guard now >= deadline else { return true }
        cancel(.timeout, generation: current >> 3)
        guard now - deadline >= grace.load(ordering: .relaxed) else { return true }
        abandon(generation: current >> 3)
        return false
    }

    private func abandon(generation: UInt64) {
        guard transition(.waiting, .completing, generation: generation) else { return }
        let waiter = continuation
        target?.identity.violations.record(
            .completes, plugin: target?.identity.name ?? "", Self.abandonment(operation))
        // From here on the slot belongs to the completion that may still come; if none does, it is lost for good, and
        // with it the memory that the plugin may still read.
        word.store(generation << 3 | State.abandoned.rawValue, ordering: .releasing)
        waiter?.resume(returning: false)
    }

    static func abandonment(_ operation: CallOperation) -> String {
        operation == .worker
            ? "a call has not returned in time; its thread is lost"
            : "\(operation) has not completed in time; its call is abandoned"
    }
}

private func slot(_ context: UnsafeMutableRawPointer?) -> CallSlot? {
    // Slots are never freed, so the pointer in the cancel table stays good.
    context.map { Unmanaged<CallSlot>.fromOpaque($0).takeUnretainedValue() }
}

private func slotIsCancelled(_ context: UnsafeMutableRawPointer?) -> Int32 {
    slot(context)?.cancelCode.load(ordering: .relaxed) ?? 0
}

private func slotOnCancel(
    _ context: UnsafeMutableRawPointer?, _ function: @escaping moor_cancel_fn, _ argument: UnsafeMutableRawPointer?
) -> UInt64 {
    slot(context)?.register(function, argument) ?? 0
}

private func slotOffCancel(_ context: UnsafeMutableRawPointer?, _ registration: UInt64) {
    slot(context)?.unregister(registration)
}
