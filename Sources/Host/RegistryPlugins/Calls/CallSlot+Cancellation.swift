import Glibc
import PluginABI
import RegistryStorage
import Synchronization

extension CallSlot {
    /// Tells the plugin that its work isn't wanted any more. A call that still waits for its turn ends here.
    func cancel(_ code: StorageError.Code, generation: UInt64) {
        pthread_mutex_lock(fields.pointee.cancelLock)
        guard self.generation == generation, fields.pointee.cancelCode.load(ordering: .relaxed) == 0 else {
            pthread_mutex_unlock(fields.pointee.cancelLock)
            return
        }
        fields.pointee.cancelCode.store(code.rawValue, ordering: .releasing)
        // Under the recursive lock: off_cancel on another thread waits for the function, in the function it passes.
        fields.pointee.cancelFunction?(fields.pointee.cancelContext, code.rawValue)
        fields.pointee.cancelFunction = nil
        pthread_mutex_unlock(fields.pointee.cancelLock)
        failQueued(code, generation)
    }

    /// Ends a queued call whose task was cancelled before it stood in the queue.
    /// - Returns: whether the call has ended.
    func failIfCancelled(_ generation: UInt64) -> Bool {
        // The lock orders this after the cancellation that didn't find the call queued.
        pthread_mutex_lock(fields.pointee.cancelLock)
        let isSame = self.generation == generation
        let code = StorageError.Code(rawValue: fields.pointee.cancelCode.load(ordering: .relaxed))
        pthread_mutex_unlock(fields.pointee.cancelLock)
        guard isSame, let code else { return !isSame }
        failQueued(code, generation)
        return true
    }

    private func failQueued(_ code: StorageError.Code, _ generation: UInt64) {
        guard transition(.queued, .completing, generation: generation) else { return }
        var error = StorageError(
            code, "\(code == .timeout ? "timed out" : "cancelled") while it waited for its turn",
            driver: fields.pointee.user?.driver ?? "")
        error.isRetryable = code == .timeout
        error.hadNoEffect = true
        fields.pointee.result.put(error)
        publish(from: .queued, generation: generation)
    }

    /// Ends the generation of a call that may have been cancelled.
    @inline(never)
    func endCancellation() {
        pthread_mutex_lock(fields.pointee.cancelLock)
        fields.pointee.cancelFunction = nil
        fields.pointee.usedCancellation = false
        fields.pointee.cancelCode.store(0, ordering: .relaxed)
        advance()
        pthread_mutex_unlock(fields.pointee.cancelLock)
    }

    fileprivate func register(_ function: @escaping moor_cancel_fn, _ context: UnsafeMutableRawPointer?) -> UInt64 {
        pthread_mutex_lock(fields.pointee.cancelLock)
        defer { pthread_mutex_unlock(fields.pointee.cancelLock) }
        fields.pointee.usedCancellation = true
        guard fields.pointee.cancelFunction == nil else { return 0 }
        fields.pointee.cancelRegistration &+= 1
        let code = fields.pointee.cancelCode.load(ordering: .relaxed)
        if code != 0 {
            function(context, code)
        } else {
            fields.pointee.cancelFunction = function
            fields.pointee.cancelContext = context
        }
        return max(1, fields.pointee.cancelRegistration)
    }

    fileprivate func unregister(_ registration: UInt64) {
        pthread_mutex_lock(fields.pointee.cancelLock)
        defer { pthread_mutex_unlock(fields.pointee.cancelLock) }
        if registration == fields.pointee.cancelRegistration { fields.pointee.cancelFunction = nil }
    }

    // MARK: Deadline

    /// Says before the call waits or runs when the clock must step in.
    func expectClock(_ timeouts: ExecutionPolicy.Timeouts) {
        fields.pointee.usedCancellation = true
        fields.pointee.deadline.store(UInt64(clamping: fields.pointee.call.pointee.deadline_ns), ordering: .relaxed)
        fields.pointee.grace.store(timeouts.grace, ordering: .relaxed)
    }

    /// Lets the clock look after a call that the current thread is about to make, and may be stuck in.
    /// - Parameter sequence: what ends in its place when the call is given up.
    func beginRunning(_ timeouts: ExecutionPolicy.Timeouts, in sequence: CallContext?) {
        expectClock(timeouts)
        fields.pointee.sequence.store(sequence?.value ?? 0, ordering: .relaxed)
        if transition(.pending, .running, generation: generation) { HostClock.shared.noteWaiting() }
    }

    /// The thread is back. If the call isn't done, its completion can be waited for.
    func endRunning() { _ = transition(.running, .pending, generation: generation) }

    /// Looks after a call that waits or runs: at the deadline it is cancelled, after the grace its caller is answered.
    /// - Returns: whether the call waits or runs.
    func check(now: UInt64) -> Bool {
        let current = fields.pointee.word.load(ordering: .acquiring)
        guard let state = State(rawValue: current & 7), state.isWatched else { return false }
        let deadline = fields.pointee.deadline.load(ordering: .acquiring)
        guard now >= deadline else { return true }
        cancel(.timeout, generation: current >> 3)
        guard now - deadline >= fields.pointee.grace.load(ordering: .acquiring) else { return true }
        guard state == .running else {
            abandon(generation: current >> 3)
            return false
        }
        let sequence = CallContext(fields.pointee.sequence.load(ordering: .acquiring))
        // What was read is this call's if it still runs.
        if fields.pointee.word.load(ordering: .acquiring) == current { CallSlots.find(sequence)?.abandon(sequence) }
        return true
    }

    /// Ends a queued call whose deadline has passed since the clock looked.
    /// - Returns: whether it is late.
    func endIfLate(_ generation: UInt64) -> Bool {
        guard monotonicNanoseconds() >= fields.pointee.deadline.load(ordering: .relaxed) else { return false }
        cancel(.timeout, generation: generation)
        return true
    }

    /// Gives a sequence up, one of whose calls doesn't return.
    private func abandon(_ context: CallContext) { abandon(generation: context.generation) }

    private func abandon(generation: UInt64) {
        guard transition(.waiting, .completing, generation: generation) else { return }
        let waiter = fields.pointee.continuation
        if let identity = fields.pointee.user {
            identity.violations.record(.completes, plugin: identity.name, Self.abandonment(operation))
        }
        // From here on the slot belongs to the completion that may still come; if none does, it is lost for good, and
        // with it the memory that the plugin may still read.
        fields.pointee.word.store(generation << 3 | State.abandoned.rawValue, ordering: .releasing)
        waiter?.resume(returning: false)
    }

    static func abandonment(_ operation: CallOperation) -> String {
        operation == .worker
            ? "a call has not returned in time; its thread is lost"
            : "\(operation) has not completed in time; its call is abandoned"
    }
}

extension moor_cancel {
    /// The cancellation token of a slot's calls. Slots are never freed, so it stays good.
    static func forSlot(at place: UnsafeMutableRawPointer) -> moor_cancel {
        moor_cancel(
            struct_size: UInt32(MemoryLayout<moor_cancel>.size), reserved0: 0, obj: place,
            is_cancelled: slotIsCancelled, on_cancel: slotOnCancel, off_cancel: slotOffCancel)
    }
}

private func slot(_ context: UnsafeMutableRawPointer?) -> CallSlot? {
    context.map { CallSlot(fields: $0.assumingMemoryBound(to: CallFields.self)) }
}

private func slotIsCancelled(_ context: UnsafeMutableRawPointer?) -> Int32 {
    slot(context)?.fields.pointee.cancelCode.load(ordering: .relaxed) ?? 0
}

private func slotOnCancel(
    _ context: UnsafeMutableRawPointer?, _ function: @escaping moor_cancel_fn, _ argument: UnsafeMutableRawPointer?
) -> UInt64 {
    slot(context)?.register(function, argument) ?? 0
}

private func slotOffCancel(_ context: UnsafeMutableRawPointer?, _ registration: UInt64) {
    slot(context)?.unregister(registration)
}
