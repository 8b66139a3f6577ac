import NIOCore
import PluginABI
import RegistryStorage
import Synchronization

/// A writer behind the C table of a plugin.
final class PluginStorageWriter: StorageWriter, CallTarget, @unchecked Sendable {
    // @unchecked: the table never changes; `isClosed` is atomic; the offsets belong to the one call at a time.

    let resumeToken: [UInt8]
    private let table: moor_writer
    private let path: String
    private let driver: PluginStorageDriver
    private let isClosed = Atomic<Bool>(false)
    private let isTableClosed = Atomic<Bool>(false)
    /// How many bytes the plugin has accepted.
    private var offset: UInt64
    /// How many it may have accepted, where a write failed: its answer may have been lost.
    private var reach: UInt64

    init(_ opened: OpenedWriter, path: String, driver: PluginStorageDriver) {
        table = opened.table
        self.path = path
        self.driver = driver
        resumeToken = opened.token
        offset = table.durable_offset
        reach = offset
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
    var minimumChunk: Int { Int(table.min_chunk) }

    /// Whether the writer starts where it was asked to, and can do its work.
    func check(_ mode: StorageWriteMode) async throws(StorageError) {
        guard table.write != nil, table.commit != nil, table.cancel_writer != nil, table.close_writer != nil else {
            throw identity.violation(.tableSize, "a writer lacks write, commit, cancel_writer or close_writer")
        }
        let expected: UInt64? =
            switch mode {
            case .create: 0
            case .append(let offset, _), .take(let offset, _): offset
            }
        if let expected, expected != table.durable_offset {
            throw identity.violation(
                .lengthsInRange, "a writer starts at \(table.durable_offset) instead of \(expected)")
        }
    }

    func perform(_ slot: CallSlot) {
        let call = slot.call
        switch slot.operation {
        case .write:
            if let parts = slot.arguments.parts {
                table.write?(table.obj, call, UnsafePointer(parts), slot.arguments.partCount, doneNumber)
            }
        case .writeFile:
            table.write_fd?(
                table.obj, call, CInt(truncatingIfNeeded: slot.arguments.flags), slot.arguments.number1,
                slot.arguments.number2, doneNumber)
        case .sync: table.sync_writer?(table.obj, call, doneNumber)
        case .commit: table.commit?(table.obj, call, slot.arguments.condition, slot.arguments.path2, doneStat)
        default: table.cancel_writer?(table.obj, call, doneVoid)
        }
    }

    func write(_ parts: [ByteBuffer]) async throws(StorageError) -> UInt64 {
        var count: UInt64 = 0
        for part in parts { count += UInt64(part.readableBytes) }
        let slot = try CallSlots.acquire()
        slot.store(parts: parts)
        return try await advance(by: count) { () throws(StorageError) in try await run(slot, .write) }
    }

    func write(_ file: StorageFileRange) async throws(StorageError) -> UInt64 {
        guard table.write_fd != nil, driver.capabilities.contains(.descriptorWrite) else {
            throw StorageError(.unsupported, "the driver takes no files", driver: driver.name)
        }
        let slot = try CallSlots.acquire()
        slot.arguments.flags = UInt32(bitPattern: file.descriptor.number)
        slot.arguments.number1 = file.offset
        slot.arguments.number2 = file.length
        // The descriptor is borrowed until the end.
        defer { withExtendedLifetime(file) {} }
        return try await advance(by: file.length) { () throws(StorageError) in try await run(slot, .writeFile) }
    }

    private func advance(
        by count: UInt64, _ write: () async throws(StorageError) -> UInt64
    ) async throws(StorageError) -> UInt64 {
        let (most, overflow) = reach.addingReportingOverflow(count)
        let reached: UInt64
        do throws(StorageError) {
            reached = try await write()
        } catch {
            if !overflow, !error.hadNoEffect { reach = most }
            if let known = error.durableOffset, known <= reach { offset = known }
            throw error
        }
        // All or none: after a failure before, from where that one left it.
        guard !overflow, reached >= count, reached <= most, reached == most || isUncertain else {
            throw identity.violation(
                .lengthsInRange, "write reached \(reached) from \(offset) with \(count) bytes")
        }
        (offset, reach) = (reached, reached)
        return reached
    }

    /// Whether it isn't known how much was accepted.
    private var isUncertain: Bool { reach != offset }

    func sync() async throws(StorageError) -> UInt64 {
        guard table.sync_writer != nil else { return offset }
        let slot = try CallSlots.acquire()
        let durable: UInt64 = try await run(slot, .sync)
        guard durable <= reach else {
            throw identity.violation(.lengthsInRange, "\(durable) bytes are durable of \(offset) accepted")
        }
        return durable
    }

    func commit(checksum: String, if condition: StorageCondition?) async throws(StorageError) -> StorageStat {
        let slot = try CallSlots.acquire()
        slot.arguments.path2 = slot.store(checksum)
        slot.arguments.condition = slot.store(condition)
        let found: FoundStat = try await run(slot, .commit)
        guard found.size == offset || isUncertain && found.size <= reach else {
            throw identity.violation(
                .lengthsInRange, "commit published \(found.size) bytes of \(offset) accepted")
        }
        return found.at(path)
    }

    func cancel() async throws(StorageError) {
        let _: Nothing = try await run(try CallSlots.acquire(), .cancel)
    }

    func close() async {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        let table = SendableTable(table: table)
        do {
            try await runBlocking(.close) { self.closeTable(table) }
        } catch {
            // No room, or the task was cancelled while it waited for a thread; the plugin's writer must be closed anyhow.
            guard policy.pool?.submit(.function { self.closeTable(table) }) == true else { return closeTable(table) }
        }
    }

    private func closeTable(_ table: SendableTable) {
        if !isTableClosed.exchange(true, ordering: .acquiringAndReleasing) { table.close() }
    }
}

/// The C table of a writer, to be closed on another thread.
private struct SendableTable: @unchecked Sendable {
    // @unchecked: used once, by whoever closes the writer.
    let table: moor_writer

    func close() { table.close_writer?(table.obj) }
}
