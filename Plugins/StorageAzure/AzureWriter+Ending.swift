import ObjectStoreKit
import PluginKit
import Synchronization

/// How a writer ends: published, discarded or suspended.
extension AzureWriter {
    func commit(if condition: Precondition, checksum: String, _ call: CallContext) async throws -> ObjectStat {
        try requireUsable()
        let deadline = Deadline(call)
        let stat =
            state.withLock({ $0.isInMemory })
            ? try await commitWhole(condition, deadline) : try await commitStaged(condition, deadline)
        state.withLock { $0.hasEnded = true }
        return stat
    }

    /// A content that never left the memory is put in one request.
    private func commitWhole(_ condition: Precondition, _ deadline: Deadline) async throws -> ObjectStat {
        let bytes = state.withLock { $0.takeWhole() }
        do {
            return try await driver.putBlob(
                staging.object, .shared(bytes), digest: Base64.encode(Digests.md5(bytes)), condition, deadline)
        } catch {
            state.withLock { $0.whole = bytes }
            throw error
        }
    }

    /// The staging blob becomes whole, is copied to its place within the service, and goes. Other writers at the same
    /// place keep their bytes: those are in blobs of their own.
    private func commitStaged(_ condition: Precondition, _ deadline: Deadline) async throws -> ObjectStat {
        try await flush(deadline)
        let (blocks, size) = state.withLock { ($0.blocks, $0.offset) }
        var staged = try await driver.putBlockList(blocks, of: staging.blob, deadline)
        staged.size = size
        let stat = try await driver.transfer(staging.blob, staged, to: staging.object, if: condition, deadline)
        await discard()
        return stat
    }

    /// Removes the staging blob of a writer that is committed. If that fails the object is there all the same.
    private func discard() async {
        do {
            try await driver.deleteBlob(staging.blob, .after(milliseconds: 30_000))
        } catch let error as StoreError where error.kind == .notFound {
        } catch {
            driver.host.log.write(.warning, "a staged blob was not removed: \(error)", [("blob", staging.blob)])
        }
    }

    func cancel(_ call: CallContext) async throws {
        uploads.cancel()
        await uploads.drain()
        let hasStaging = state.withLock { state in
            state.dropMemory()
            return state.hasStaging
        }
        if hasStaging { try await driver.discardStaged(staging.blob, Deadline(call)) }
        state.withLock { $0.hasEnded = true }
    }

    func close() {
        isClosed.store(true, ordering: .relaxed)
        let (hasEnded, isStored) = state.withLock { ($0.hasEnded, $0.isStored) }
        // Bytes that came after a failure aren't to be stored; those before are.
        guard !hasEnded, !isStored else { return OpenWriters.shared.release(scopedName) }
        let task = Task.detached(executorPreference: HostExecutor(driver.host)) { [self] in
            do {
                if state.withLock({ $0.isBroken }) { state.withLock { $0.dropMemory() } }
                try await store(.after(milliseconds: 60_000))
            } catch {
                driver.host.log.write(
                    .warning, "the last bytes of a suspended upload were not stored: \(error)", [("blob", staging.blob)]
                )
            }
            OpenWriters.shared.release(scopedName)
        }
        OpenWriters.shared.settle(scopedName, by: task)
    }
}

extension AzureWriter.State {
    /// Whether the service has nothing of it.
    var isInMemory: Bool { !hasStaging && blocks.isEmpty }

    /// Whether nothing is left to be stored.
    var isStored: Bool {
        buffer == nil && whole == nil && unsent.isEmpty && hasStaging && blocks.last?.end ?? 0 == nextOffset
    }

    mutating func takeWhole() -> SharedBytes {
        if let whole = whole.take() { return whole }
        if let buffer = buffer.take() { return buffer.freeze() }
        return SharedBytes()
    }

    mutating func dropMemory() {
        buffer = nil
        whole = nil
        unsent = []
    }
}
