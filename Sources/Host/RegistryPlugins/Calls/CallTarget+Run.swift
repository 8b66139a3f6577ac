import PluginABI
import RegistryStorage
import Synchronization

extension CallTarget {
    /// Makes the call that the slot describes and gives what came of it. The slot is used up.
    ///
    /// What completes before it returns costs no frame of an asynchronous function: this is inlined into each operation.
    @inline(__always)
    func run<Value: CallValue>(_ slot: CallSlot, _ operation: CallOperation) async throws(StorageError) -> Value {
        guard identity.hasRoom || operation.isEnding else { throw refusal(slot) }
        slot.begin(operation, target: self)
        if policy.isDirect {
            perform(slot)
            if slot.isDone { return try claim(slot) }
            return try await claimLater(slot)
        }
        return try await runInTurn(slot)
    }

    private func claimLater<Value: CallValue>(_ slot: CallSlot) async throws(StorageError) -> Value {
        let operation = slot.operation
        guard await slot.wait(for: self) else { throw abandoned(operation) }
        return try claim(slot)
    }

    private func runInTurn<Value: CallValue>(_ slot: CallSlot) async throws(StorageError) -> Value {
        guard let gate = policy.gate else { return try await runUngated(slot) }
        try await enter(gate, slot)
        defer { gate.leave() }
        return try await runUngated(slot)
    }

    /// Waits for the call's turn; its deadline and its cancellation count there too.
    private func enter(_ gate: ConcurrencyGate, _ slot: CallSlot) async throws(StorageError) {
        guard !gate.enter() else { return }
        let generation = slot.generation
        _ = await slot.wait(as: .queued, for: self) { gate.queue(slot, generation: generation) }
        if slot.isDone { let _: Nothing = try claim(slot) }
    }

    private func runUngated<Value: CallValue>(_ slot: CallSlot) async throws(StorageError) -> Value {
        let operation = slot.operation
        if policy.needsWorker(operation) {
            if policy.triesFromMemory(operation), tryFromMemory(slot) { return try claim(slot) }
            if slot.state == .pending, slot.call.pointee.flags & MOOR_CALL_NOWAIT == 0 {
                return try await runOnWorker(slot)
            }
            return try await claimLater(slot)
        }
        if policy.blocks {
            await performCancellably(slot)
        } else {
            perform(slot)
        }
        if slot.isDone { return try claim(slot) }
        return try await claimLater(slot)
    }

    /// Asks for what is in memory.
    /// - Returns: whether the call is done; otherwise it is to be made again where it may wait.
    private func tryFromMemory(_ slot: CallSlot) -> Bool {
        slot.fields.pointee.call.pointee.flags |= MOOR_CALL_NOWAIT
        perform(slot)
        // A plugin that doesn't complete at once breaks its promise; then its completion is waited for.
        guard slot.isDone else { return false }
        if slot.hasFailed(with: .busy) {
            slot.beginAgain(slot.operation, target: self)
            return false
        }
        return true
    }

    private func runOnWorker<Value: CallValue>(_ slot: CallSlot) async throws(StorageError) -> Value {
        let (pool, operation, generation) = (policy.pool, slot.operation, slot.generation)
        let finished = await slot.wait(as: .queued, for: self) {
            if pool?.submit(.call(self, slot, generation: generation)) == true { return }
            _ = slot.complete(generation: generation) { _ throws(StorageError) -> Nothing in throw self.busy() }
        }
        guard finished else { throw abandoned(operation) }
        return try claim(slot)
    }

    /// Makes a call that may block on this very thread; the task's cancellation reaches it meanwhile.
    private func performCancellably(_ slot: CallSlot) async {
        let generation = slot.generation
        slot.fields.pointee.call.pointee.flags |= MOOR_CALL_MAY_BLOCK
        slot.beginRunning(policy.timeouts, in: CallContext.sequence)
        await withTaskCancellationHandler {
            perform(slot)
        } onCancel: {
            slot.cancel(.cancelled, generation: generation)
        }
        slot.endRunning()
    }

    /// The error of a call for which the plugin has no room; its slot is used up.
    @inline(never)
    private func refusal(_ slot: CallSlot) -> StorageError {
        slot.end()
        return busy("too many calls of the plugin \(identity.name) aren't completed")
    }

    private func busy(_ message: String = "too many calls wait for a worker thread") -> StorageError {
        var error = StorageError(.busy, message, driver: identity.driver)
        error.isRetryable = true
        error.retryAfter = .seconds(1)
        error.hadNoEffect = true
        return error
    }

    private func abandoned(_ operation: CallOperation) -> StorageError {
        let message = PluginError(.completes, plugin: identity.name, CallSlot.abandonment(operation)).description
        var error = StorageError(.timeout, message, driver: identity.driver)
        error.isRetryable = true
        return error
    }

    /// Takes the result of a call that is done. The slot is used up.
    @inline(__always)
    private func claim<Value: CallValue>(_ slot: CallSlot) throws(StorageError) -> Value {
        guard slot.fields.pointee.result.kind == Value.resultKind else { throw failure(of: slot) }
        let value = slot.fields.pointee.result.take(Value.self)
        slot.end()
        return value
    }

    @inline(never)
    private func failure(of slot: CallSlot) -> StorageError {
        let error =
            slot.fields.pointee.result.failure
            ?? identity.violation(.resultPresent, "\(slot.operation) was completed as another operation")
        slot.fields.pointee.result.discard()
        slot.end()
        return error
    }

    /// Runs `body`, which may block and makes no calls, where calls may block: as one call.
    func runBlocking<Value: Sendable>(
        _ operation: CallOperation, _ body: @escaping @Sendable () throws -> Value
    ) async throws -> Value {
        try await runSequence { [self] in
            let slot = try CallSlots.acquire()
            slot.begin(operation, target: self)
            slot.beginRunning(policy.timeouts, in: CallContext.sequence)
            defer { slot.end() }
            return try body()
        }
    }

    /// Runs `body` on one of the object's worker threads; the calls it makes there don't change threads again. Each has its
    /// own deadline. The sequence has none once it has its thread: it is given up with a call that doesn't return.
    func runSequence<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        guard policy.blocks, let pool = policy.pool, !pool.isCurrent else { return try await body() }
        guard identity.hasRoom else { throw busy("too many calls of the plugin \(identity.name) aren't completed") }
        let slot = try CallSlots.acquire()
        slot.begin(.worker, target: self)
        let generation = slot.generation
        let result = SequenceResult<Value>()
        let finished = await withTaskCancellationHandler {
            await wait(slot, generation: generation, result, pool, body)
        } onCancel: {
            result.task.withLock { $0 }?.cancel()
        }
        guard finished else {
            result.task.withLock { $0 }?.cancel()
            throw abandoned(.worker)
        }
        let _: Nothing = try claim(slot)
        guard let value = result.value.withLock({ $0 }) else {
            throw StorageError(.internal, "a sequence of calls gave no result", driver: identity.driver)
        }
        return try value.get()
    }

    private func wait<Value: Sendable>(
        _ slot: CallSlot, generation: UInt64, _ result: SequenceResult<Value>, _ pool: WorkerPool,
        _ body: @escaping @Sendable () async throws -> Value
    ) async -> Bool {
        let context = CallContext(index: slot.fields.pointee.index, plugin: 0, generation: generation)
        return await slot.wait(as: .queued, for: self) {
            let task = Task(executorPreference: pool) {
                guard !slot.endIfLate(generation), slot.start(generation: generation) else { return }
                slot.fields.pointee.deadline.store(.max, ordering: .relaxed)
                do {
                    let value = try await CallContext.$sequence.withValue(context) { try await body() }
                    result.value.withLock { $0 = .success(value) }
                } catch {
                    result.value.withLock { $0 = .failure(error) }
                }
                _ = slot.complete(generation: generation) { _ in Nothing() }
            }
            result.task.withLock { $0 = task }
        }
    }
}

/// Where a sequence of calls leaves its result.
private final class SequenceResult<Value: Sendable>: Sendable {
    let value = Mutex<Result<Value, any Error>?>(nil)
    let task = Mutex<Task<Void, Never>?>(nil)
}
