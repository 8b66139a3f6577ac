import PluginABI
import Synchronization

/// A writer of an inner storage. Handed on to the host it is used directly, without a detour through the kit.
final class InnerWriter: ObjectWriter, @unchecked Sendable {
    // Sendable: an immutable table, called by one at a time (ABI), and atomics.
    private let table: moor_writer
    let resumeToken: [UInt8]
    private let position: Atomic<UInt64>
    /// Whether somebody else closes it.
    private let isGone = Atomic<Bool>(false)

    init(_ table: moor_writer, _ token: [UInt8]) {
        self.table = table
        resumeToken = token
        position = Atomic(table.durable_offset)
    }

    deinit { close() }

    var offset: UInt64 { position.load(ordering: .relaxed) }
    var minimumChunk: UInt32 { table.min_chunk }
    var preferredChunk: UInt32 { table.preferred_chunk }

    /// Gives the table away.
    func take() -> moor_writer {
        isGone.store(true, ordering: .relaxed)
        return table
    }

    func write(_ parts: ByteParts, _ call: CallContext) async throws {
        guard let function = table.write else { throw PluginError.unsupported }
        try await advance(call) { _, call in
            parts.withCParts { function(table.obj, call, $0, parts.count, InnerCall.offset) }
        }
    }

    func write(descriptor: Int32, offset: UInt64, length: UInt64, _ call: CallContext) async throws {
        guard let function = table.write_fd else { throw PluginError.unsupported }
        try await advance(call) { _, call in
            function(table.obj, call, descriptor, offset, length, InnerCall.offset)
        }
    }

    func sync(_ call: CallContext) async throws -> UInt64 {
        guard let function = table.sync_writer else { throw PluginError.unsupported }
        let outcome = try await InnerCall.make(call) { _, call in function(table.obj, call, InnerCall.offset) }
        guard case .offset(let offset) = outcome else { throw InnerStorage.mismatch }
        return offset
    }

    func commit(if condition: Precondition, checksum: String, _ call: CallContext) async throws -> ObjectStat {
        guard let function = table.commit else { throw PluginError.unsupported }
        return try await InnerCall.make(call) { inner, call in
            function(table.obj, call, inner.keep(condition), inner.keep(checksum), InnerCall.stat)
        }.stat
    }

    func cancel(_ call: CallContext) async throws {
        guard let function = table.cancel_writer else { throw PluginError.unsupported }
        _ = try await InnerCall.make(call) { _, call in function(table.obj, call, InnerCall.void) }
    }

    func close() {
        if !isGone.exchange(true, ordering: .relaxed) { table.close_writer?(table.obj) }
    }

    /// Makes a call that moves the offset, also when it fails.
    private func advance(
        _ call: CallContext, _ start: (InnerCall, UnsafePointer<moor_call>) -> Void
    ) async throws {
        let outcome = await InnerCall.ask(call, start)
        switch outcome {
        case .offset(let offset): position.store(offset, ordering: .relaxed)
        case .failed(let error, let offset):
            position.store(offset, ordering: .relaxed)
            throw error
        default: throw InnerStorage.mismatch
        }
    }
}
