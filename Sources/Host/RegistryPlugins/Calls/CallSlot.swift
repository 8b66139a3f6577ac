import Glibc
import PluginABI
import RegistryStorage
import Synchronization

/// One outstanding call: the memory that the plugin reads, the state of its completion, and who waits for it.
///
/// A slot is a pointer to memory that is reused and never freed, so it costs no reference counting. `done_ctx` holds the
/// slot's index and generation and not a pointer, so a completion that comes twice, or after everybody gave up, is
/// recognised whatever has become of the slot.
struct CallSlot: @unchecked Sendable {
    // @unchecked: `word` says who may touch the fields. While pending or waiting it is the caller, while completing the
    // thread that completes, when done the caller again; cancellation members are under `cancelLock`.

    enum State: UInt64 {
        /// Nobody's.
        case free = 0
        /// Called, or about to be; nobody waits yet.
        case pending = 1
        /// Called; `continuation` is set.
        case waiting = 2
        /// A thread stores the result.
        case completing = 3
        /// The result is there.
        case done = 4
        /// Nobody waits any more; the plugin still may use the memory.
        case abandoned = 5
        /// `continuation` is set, but the plugin hasn't been called: the call waits for its turn or for a thread.
        case queued = 6
        /// Called on the very thread that its caller runs on, which may block: the clock looks after it.
        case running = 7

        /// Whether the clock looks after the call.
        var isWatched: Bool { self == .waiting || self == .queued || self == .running }
    }

    let fields: UnsafeMutablePointer<CallFields>

    @inline(__always)
    var arguments: CallArguments {
        _read { yield fields.pointee.arguments }
        nonmutating _modify { yield &fields.pointee.arguments }
    }

    /// What the plugin is given.
    @inline(__always)
    var call: UnsafePointer<moor_call> { UnsafePointer(fields.pointee.call) }

    @inline(__always)
    var operation: CallOperation { fields.pointee.arguments.operation }

    // MARK: State

    @inline(__always)
    var generation: UInt64 { fields.pointee.word.load(ordering: .relaxed) >> 3 }

    var state: State { State(rawValue: fields.pointee.word.load(ordering: .acquiring) & 7) ?? .free }

    @inline(__always)
    var isDone: Bool { fields.pointee.word.load(ordering: .acquiring) & 7 == State.done.rawValue }

    /// Makes the slot ready for a call. The caller owns it.
    @inline(__always)
    func begin(_ operation: CallOperation, target: some CallTarget) {
        let (policy, identity) = (target.policy, target.identity)
        let generation = self.generation
        fields.pointee.arguments.operation = operation
        fields.pointee.user = identity
        fields.pointee.call.pointee.deadline_ns = policy.deadline(for: operation)
        fields.pointee.call.pointee.done_ctx =
            CallContext(
                index: fields.pointee.index, plugin: identity.number, generation: generation
            ).pointer
        fields.pointee.word.store(generation << 3 | State.pending.rawValue, ordering: .releasing)
    }

    /// Makes a finished slot ready for the same call with the same arguments.
    func beginAgain(_ operation: CallOperation, target: some CallTarget) {
        fields.pointee.result.discard()
        fields.pointee.call.pointee.flags &= ~MOOR_CALL_NOWAIT
        endGeneration()
        begin(operation, target: target)
    }

    /// The state changes if it is `from` in this generation.
    func transition(_ from: State, _ to: State, generation: UInt64) -> Bool {
        fields.pointee.word.compareExchange(
            expected: generation << 3 | from.rawValue, desired: generation << 3 | to.rawValue,
            ordering: .acquiringAndReleasing
        ).exchanged
    }

    /// Whether the call is done, and failed with this code.
    func hasFailed(with code: StorageError.Code) -> Bool {
        isDone && fields.pointee.result.failure?.code == code
    }

    /// Ends a call whose result was taken: makes every late completion recognisable and gives the slot back.
    @inline(__always)
    func end() {
        endGeneration()
        fields.pointee.arenaUsed = 0
        fields.pointee.call.pointee.flags = 0
        if fields.pointee.holdsMore { releaseMore() }
        CallSlots.release(self)
    }

    /// Makes every late completion and cancellation of the call recognisable.
    @inline(__always)
    private func endGeneration() {
        if fields.pointee.usedCancellation { endCancellation() } else { advance() }
    }

    @inline(__always)
    func advance() {
        let next = (generation &+ 1) & CallContext.generationMask
        fields.pointee.word.store(next << 3 | State.free.rawValue, ordering: .releasing)
    }

    // MARK: Completion

    /// Stores the result and wakes who waits. Called by completions, on any thread.
    /// - Returns: false if it isn't the first completion of this call; then nothing was done.
    @inline(__always)
    func complete<Value: CallValue>(
        generation: UInt64, _ makeValue: (PluginIdentity) throws(StorageError) -> Value
    ) -> Bool {
        guard let from = beginCompletion(generation) else { return false }
        // `begin` has set it before any completion can come.
        if let identity = fields.pointee.user {
            do throws(StorageError) {
                fields.pointee.result.put(try makeValue(identity))
            } catch {
                fields.pointee.result.put(error)
            }
        }
        if from == .pending {
            fields.pointee.word.store(generation << 3 | State.done.rawValue, ordering: .releasing)
        } else {
            publish(from: from, generation: generation)
        }
        return true
    }

    /// Completes the call on the host's side.
    func complete(with value: some CallValue) {
        _ = complete(generation: generation) { _ throws(StorageError) in value }
    }

    /// Fails the call on the host's side.
    func fail(_ error: StorageError) { complete(with: error) }

    /// Makes the calling thread the one that completes the call.
    /// - Returns: the state before; nil if the call was completed already.
    @inline(__always)
    private func beginCompletion(_ generation: UInt64) -> State? {
        let completing = generation << 3 | State.completing.rawValue
        let pending = generation << 3 | State.pending.rawValue
        let (exchanged, original) = fields.pointee.word.compareExchange(
            expected: pending, desired: completing, ordering: .acquiring)
        return exchanged ? .pending : beginLateCompletion(generation, original)
    }

    @inline(never)
    private func beginLateCompletion(_ generation: UInt64, _ original: UInt64) -> State? {
        var current = original
        while current >> 3 == generation, let state = State(rawValue: current & 7) {
            guard state != .free, state != .completing, state != .done else { return nil }
            if transition(state, .completing, generation: generation) { return state }
            current = fields.pointee.word.load(ordering: .acquiring)
        }
        return nil
    }

    @inline(never)
    func publish(from state: State, generation: UInt64) {
        guard state != .abandoned else {
            fields.pointee.result.discard()
            return end()
        }
        // Nobody sleeps for a call that is pending or running.
        let waiter = state == .pending || state == .running ? nil : fields.pointee.continuation
        fields.pointee.word.store(generation << 3 | State.done.rawValue, ordering: .releasing)
        waiter?.resume(returning: true)
    }

    // MARK: Waiting

    /// Lets the current task sleep until the result is there, or, `queued`, until the call's turn comes.
    /// - Parameter start: runs once the continuation is in place.
    /// - Returns: false if the call was abandoned: then the slot isn't the caller's any more.
    func wait(as state: State = .waiting, for target: any CallTarget, start: (() -> Void)? = nil) async -> Bool {
        let generation = self.generation
        return await withTaskCancellationHandler {
            await withUnsafeContinuation { (continuation: UnsafeContinuation<Bool, Never>) in
                if fields.pointee.target == nil { target.identity.beginWaiting() }
                fields.pointee.continuation = continuation
                fields.pointee.target = target
                fields.pointee.holdsMore = true
                expectClock(target.policy.timeouts)
                if transition(.pending, state, generation: generation) {
                    HostClock.shared.noteWaiting()
                    if state == .queued, failIfCancelled(generation) { return }
                    start?()
                    return
                }
                // A completion got in between; it is storing the result, or has.
                while self.state == .completing { sched_yield() }
                continuation.resume(returning: true)
            }
        } onCancel: {
            cancel(StorageError.Code.cancelled, generation: generation)
        }
    }

    /// A queued call's turn has come: its task goes on, and makes the call.
    /// - Returns: false if the call doesn't wait any more.
    func admit(generation: UInt64) -> Bool {
        guard !endIfLate(generation), transition(.queued, .completing, generation: generation) else { return false }
        let waiter = fields.pointee.continuation
        fields.pointee.word.store(generation << 3 | State.pending.rawValue, ordering: .releasing)
        waiter?.resume(returning: true)
        return true
    }

    /// A queued call has got its thread.
    /// - Returns: false if the call doesn't wait any more; then it must not be made.
    func start(generation: UInt64) -> Bool { transition(.queued, .waiting, generation: generation) }

    /// Makes a queued call on the current thread, which may block; one that was cancelled meanwhile, or is late, has ended
    /// and isn't made.
    func performOnWorker(_ target: any CallTarget, generation: UInt64) {
        guard !endIfLate(generation), start(generation: generation) else { return }
        fields.pointee.call.pointee.flags |= MOOR_CALL_MAY_BLOCK
        target.perform(self)
    }
}

/// What `done_ctx` holds instead of a pointer.
struct CallContext: Sendable {
    /// The sequence that the current task runs; the clock ends it for a call that doesn't return.
    @TaskLocal static var sequence: CallContext?

    static let indexBits: UInt64 = 16
    static let pluginBits: UInt64 = 14
    /// The other 34 bits: the number of calls after which a slot's contexts repeat.
    static let generationMask: UInt64 = 1 << (64 - indexBits - pluginBits) - 1

    let value: UInt64

    @inline(__always)
    init(index: UInt32, plugin: UInt32, generation: UInt64) {
        value = generation << (Self.indexBits + Self.pluginBits) | UInt64(plugin) << Self.indexBits | UInt64(index)
    }

    init(_ value: UInt64) { self.value = value }

    @inline(__always)
    init(_ pointer: UnsafeMutableRawPointer?) { value = UInt64(UInt(bitPattern: pointer)) }

    @inline(__always)
    var pointer: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: UInt(value)) }
    @inline(__always)
    var index: UInt32 { UInt32(value & (1 << Self.indexBits - 1)) }
    /// `PluginIdentity.number` of whose call it is.
    var plugin: UInt32 { UInt32(value >> Self.indexBits & (1 << Self.pluginBits - 1)) }
    @inline(__always)
    var generation: UInt64 { value >> (Self.indexBits + Self.pluginBits) }
}
