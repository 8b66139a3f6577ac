import NIOCore
import PluginABI
import RegistryStorage
import Synchronization

/// A writer behind the C table of a plugin.
final class PluginStorageWriter: StorageWriter, CallTarget, @unchecked Sendable {
    // @unchecked: the table never changes; `isClosed` is atomic; `offset` belongs to the one call at a time.

    let resumeToken: [UInt8]
    private let table: moor_writer
    private let path: String
    private let driver: PluginStorageDriver
    private let isClosed = Atomic<Bool>(false)
    private var offset: UInt64

    init(_ table: moor_writer, path: String, token: [UInt8], driver: PluginStorageDriver) {
        self.table = table
        self.path = path
        self.driver = driver
        resumeToken = token
        offset = table.durable_offset
    }

    deinit {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        let (table, pool) = (SendableTable(table: table), policy.pool)
        // Closing may block; nobody waits for it here.
        guard policy.blocks, let pool, !pool.isCurrent, pool.submit(.function { table.close() }) else {
            return table.close()
        }
    }

    var identity: PluginIdentity { driver.identity }
    var policy: ExecutionPolicy { driver.policy }
    var startOffset: UInt64 { table.durable_offset }

    /// Whether the writer starts where it was asked to, and can do its work.
    func check(_ mode: StorageWriteMode) async throws(StorageError) {
        guard table.write != nil, table.commit != nil, table.cancel_writer != nil, table.close_writer != nil else {
            throw identity.violation(.tableSize, "a writer lacks write, commit, cancel_writer or close_writer")
        }
        let expected: UInt64? =
            switch mode {
            case .create: 0
            case .append(let offset, _): offset
            }
        if let expected, expected != table.durable_offset {
            throw identity.violation(
                .lengthsInRange, "a writer starts at \(table.durable_offset) instead of \(expected)")
        }
    }

    func perform(_ slot: CallSlot) {
        let call = UnsafePointer(slot.memory)
        switch slot.operation {
        case .write:
            if let parts = slot.parts {
                table.write?(table.obj, call, UnsafePointer(parts), slot.partCount, doneNumber)
            }
        case .sync: table.sync_writer?(table.obj, call, doneNumber)
        case .commit: table.commit?(table.obj, call, slot.condition, slot.path2, doneStat)
        default: table.cancel_writer?(table.obj, call, doneVoid)
        }
    }

    func write(_ parts: [ByteBuffer]) async throws(StorageError) -> UInt64 {
        var count: UInt64 = 0
        for part in parts { count += UInt64(part.readableBytes) }
        let slot = try CallSlots.shared.acquire()
        slot.store(parts: parts)
        guard case .number(let reached) = try await run(slot, .write) else { throw driver.unexpected(.write) }
        let (expected, overflow) = offset.addingReportingOverflow(count)
        guard !overflow, reached == expected else {
            throw identity.violation(
                .lengthsInRange, "write reached \(reached) from \(offset) with \(count) bytes")
        }
        offset = reached
        return reached
    }

    func sync() async throws(StorageError) -> UInt64 {
        guard table.sync_writer != nil else { return offset }
        let slot = try CallSlots.shared.acquire()
        guard case .number(let durable) = try await run(slot, .sync) else { throw driver.unexpected(.sync) }
        guard durable <= offset else {
            throw identity.violation(.lengthsInRange, "\(durable) bytes are durable of \(offset) accepted")
        }
        return durable
    }

    func commit(checksum: String, if condition: StorageCondition?) async throws(StorageError) -> StorageStat {
        let slot = try CallSlots.shared.acquire()
        slot.path2 = slot.store(checksum)
        slot.condition = slot.store(condition)
        guard case .stat(var stat) = try await run(slot, .commit) else { throw driver.unexpected(.commit) }
        stat.path = path
        guard stat.size == offset else {
            throw identity.violation(
                .lengthsInRange, "commit published \(stat.size) bytes of \(offset) accepted")
        }
        return stat
    }

    func cancel() async throws(StorageError) {
        _ = try await run(try CallSlots.shared.acquire(), .cancel)
    }

    func close() async {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        let table = SendableTable(table: table)
        _ = try? await runSequence { table.close() }
    }
}

/// The C table of a writer, to be closed on another thread.
private struct SendableTable: @unchecked Sendable {
    // @unchecked: used once, by whoever closes the writer.
    let table: moor_writer

    func close() { table.close_writer?(table.obj) }
}
