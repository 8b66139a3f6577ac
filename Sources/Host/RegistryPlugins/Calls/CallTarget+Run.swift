import PluginABI
import RegistryStorage
import Synchronization

extension CallTarget {
    /// Makes the call that the slot describes and gives what came of it. The slot is used up.
    ///
    /// What completes before it returns costs no frame of an asynchronous function: this is inlined into each operation.
    @inline(__always)
    func run(_ slot: CallSlot, _ operation: CallOperation) async throws(StorageError) -> CallOutcome {
        guard policy.isDirect else { return try await runInTurn(slot, operation) }
        slot.begin(operation, target: self)
        perform(slot)
        if slot.state == .done { return try claim(slot) }
        return try await claimLater(slot, operation)
    }

    private func claimLater(_ slot: CallSlot, _ operation: CallOperation) async throws(StorageError) -> CallOutcome {
        guard await slot.wait(for: self) else { throw abandoned(operation) }
        return try claim(slot)
    }

    private func runInTurn(_ slot: CallSlot, _ operation: CallOperation) async throws(StorageError) -> CallOutcome {
        if let gate = policy.gate {
            guard await gate.enter() else {
                slot.finish()
                CallSlots.shared.release(slot)
                throw cancelledBeforeCall()
            }
            defer { gate.leave() }
            return try await runUngated(slot, operation)
        }
        return try await runUngated(slot, operation)
    }

    private func runUngated(_ slot: CallSlot, _ operation: CallOperation) async throws(StorageError) -> CallOutcome {
        slot.begin(operation, target: self)
        if policy.needsWorker(operation) {
            if policy.triesFromMemory(operation), tryFromMemory(slot, operation) { return try claim(slot) }
            if slot.state == .pending, slot.memory.pointee.flags & MOOR_CALL_NOWAIT == 0 {
                return try await runOnWorker(slot, operation)
            }
            return try await claimLater(slot, operation)
        }
        if policy.blocks {
            await performCancellably(slot)
        } else {
            perform(slot)
        }
        if slot.state == .done { return try claim(slot) }
        return try await claimLater(slot, operation)
    }

    /// Asks for what is in memory.
    /// - Returns: whether the call is done; otherwise it is to be made again where it may wait.
    private func tryFromMemory(_ slot: CallSlot, _ operation: CallOperation) -> Bool {
        slot.memory.pointee.flags |= MOOR_CALL_NOWAIT
        perform(slot)
        // A plugin that doesn't complete at once breaks its promise; then its completion is waited for.
        guard slot.state == .done else { return false }
        if slot.hasFailed(with: .busy) {
            slot.beginAgain(operation, target: self)
            return false
        }
        return true
    }

    private func runOnWorker(_ slot: CallSlot, _ operation: CallOperation) async throws(StorageError) -> CallOutcome {
        let pool = policy.pool
        let generation = slot.generation
        let finished = await slot.wait(
            for: self,
            start: {
                if pool?.submit(.call(self, slot)) == true { return }
                slot.complete(generation: generation) { _ in .failure(self.busy(), number: 0) }
            })
        guard finished else { throw abandoned(operation) }
        return try claim(slot)
    }

    /// Makes a call that may block on this very thread; the task's cancellation reaches it meanwhile.
    private func performCancellably(_ slot: CallSlot) async {
        let generation = slot.generation
        slot.expectCancellation()
        slot.memory.pointee.flags |= 1 << 1  // MOOR_CALL_MAY_BLOCK
        await withTaskCancellationHandler {
            perform(slot)
        } onCancel: {
            slot.cancel(.cancelled, generation: generation)
        }
    }

    private func cancelledBeforeCall() -> StorageError {
        var error = StorageError(.cancelled, "cancelled while it waited for its turn", driver: identity.driver)
        error.hadNoEffect = true
        return error
    }

    private func busy() -> StorageError {
        var error = StorageError(.busy, "too many calls wait for a worker thread", driver: identity.driver)
        error.isRetryable = true
        error.hadNoEffect = true
        return error
    }

    private func abandoned(_ operation: CallOperation) -> StorageError {
        let message = PluginError(.completes, plugin: identity.name, CallSlot.abandonment(operation)).description
        var error = StorageError(.timeout, message, driver: identity.driver)
        error.isRetryable = true
        return error
    }

    private func claim(_ slot: CallSlot) throws(StorageError) -> CallOutcome {
        let outcome = slot.takeOutcome()
        slot.finish()
        CallSlots.shared.release(slot)
        switch consume outcome {
        case .failure(let error, _): throw error
        case let outcome: return outcome
        }
    }

    /// Runs `body` on one of the object's worker threads; the calls it makes there don't change threads again.
    func runSequence<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        guard policy.blocks, let pool = policy.pool, !pool.isCurrent else { return try await body() }
        let slot = try CallSlots.shared.acquire()
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
        _ = try claim(slot)
        guard let value = result.value.withLock({ $0 }) else {
            throw StorageError(.internal, "a sequence of calls gave no result", driver: identity.driver)
        }
        return try value.get()
    }

    private func wait<Value: Sendable>(
        _ slot: CallSlot, generation: UInt64, _ result: SequenceResult<Value>, _ pool: WorkerPool,
        _ body: @escaping @Sendable () async throws -> Value
    ) async -> Bool {
        await slot.wait(
            for: self,
            start: {
                let task = Task(executorPreference: pool) {
                    do {
                        let value = try await body()
                        result.value.withLock { $0 = .success(value) }
                    } catch {
                        result.value.withLock { $0 = .failure(error) }
                    }
                    slot.complete(generation: generation) { _ in .void }
                }
                result.task.withLock { $0 = task }
            })
    }
}

/// Where a sequence of calls leaves its result.
private final class SequenceResult<Value: Sendable>: Sendable {
    let value = Mutex<Result<Value, any Error>?>(nil)
    let task = Mutex<Task<Void, Never>?>(nil)
}
