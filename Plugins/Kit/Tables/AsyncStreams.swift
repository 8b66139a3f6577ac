import PluginABI
import Synchronization

/// What `moor_reader.obj` stands for when the driver is async; retained by the reader until close.
final class AsyncReader: Sendable {
    let reader: any ObjectReader
    let storage: AsyncStorage

    private init(_ reader: any ObjectReader, _ storage: AsyncStorage) {
        self.reader = reader
        self.storage = storage
    }

    /// The table of an opened object, which moves into it.
    static func table(_ opened: consuming OpenedStream, _ storage: AsyncStorage) -> moor_reader {
        var table = moor_reader()
        table.struct_size = UInt32(MemoryLayout<moor_reader>.size)
        table.object_size = opened.size
        table.offset = opened.window.offset
        table.length = opened.window.length
        table.fd = -1
        switch opened.take() {
        case .file(let descriptor):
            table.flags = MOOR_FD_REGULAR
            table.fd_offset = table.offset
            table.fd = descriptor
        case .reader(let reader):
            table.obj = Unmanaged.passRetained(AsyncReader(reader, storage)).toOpaque()
            table.read_next = asyncReadNext
            table.close_reader = { obj in if let obj { Unmanaged<AsyncReader>.fromOpaque(obj).release() } }
        case .inner(let reader): table = reader
        }
        return table
    }
}

private func asyncReadNext(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ maximum: Int, _ done: moor_done_buf
) {
    guard let obj else { return missingObject.withCError { done(call.pointee.done_ctx, $0, nil) } }
    let reader = Unmanaged<AsyncReader>.fromOpaque(obj).takeUnretainedValue()
    launch(reader.storage, call) { _, call in
        guard maximum > 0 else { throw PluginError(.invalidArgument, "a read of no bytes") }
        return try await reader.reader.next(maximum: maximum, call).take()
    } succeeded: { context, buffer in
        withUnsafePointer(to: buffer) { done(context, nil, $0) }
    } failed: {
        done($0, $1, nil)
    }
}

/// What `moor_writer.obj` stands for when the driver is async; retained by the writer until close.
final class AsyncWriter: Sendable {
    enum State: Int, AtomicRepresentable { case open, committed, cancelled }

    let writer: any ObjectWriter
    let storage: AsyncStorage
    /// As asked for; the stat of the commit shows it.
    let path: [UInt8]
    let state = Atomic<State>(.open)

    private init(_ writer: any ObjectWriter, _ path: String, _ storage: AsyncStorage) {
        self.writer = writer
        self.path = Array(path.utf8)
        self.storage = storage
    }

    /// The table of a writer, which moves into it. The writer of an inner storage is passed on as it is.
    static func table(_ writer: any ObjectWriter, _ path: String, _ storage: AsyncStorage) -> moor_writer {
        if let inner = writer as? InnerWriter { return inner.take() }
        var table = moor_writer()
        table.struct_size = UInt32(MemoryLayout<moor_writer>.size)
        table.durable_offset = writer.offset
        table.min_chunk = writer.minimumChunk
        table.preferred_chunk = writer.preferredChunk
        table.obj = Unmanaged.passRetained(AsyncWriter(writer, path, storage)).toOpaque()
        table.write = asyncWrite
        if storage.capabilities.contains(.fileDescriptorWrite) { table.write_fd = asyncWriteDescriptor }
        table.sync_writer = asyncSync
        table.commit = asyncCommit
        table.cancel_writer = asyncCancel
        table.close_writer = { obj in
            if let obj { Unmanaged<AsyncWriter>.fromOpaque(obj).takeRetainedValue().writer.close() }
        }
        return table
    }

    func requireOpen() throws(PluginError) {
        guard state.load(ordering: .relaxed) == .open else {
            throw PluginError(.invalidArgument, "the writer was committed or cancelled", noEffect: true)
        }
    }

    static func from(_ obj: UnsafeMutableRawPointer) -> AsyncWriter {
        Unmanaged<AsyncWriter>.fromOpaque(obj).takeUnretainedValue()
    }
}

/// Runs an operation that completes with an offset, beside an error the one that is still known good.
private func launch(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ done: @escaping moor_done_u64,
    _ body: @escaping @Sendable (AsyncWriter, CallContext) async throws -> UInt64
) {
    guard let obj else { return missingObject.withCError { done(call.pointee.done_ctx, $0, 0) } }
    let writer = AsyncWriter.from(obj)
    launch(writer.storage, call) { _, call in
        try writer.requireOpen()
        return try await body(writer, call)
    } succeeded: { context, offset in
        done(context, nil, offset)
    } failed: {
        done($0, $1, writer.writer.offset)
    }
}

private func asyncWrite(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ parts: UnsafePointer<moor_bytes>,
    _ count: Int, _ done: moor_done_u64
) {
    let parts = Lent(parts)
    launch(obj, call, done) { writer, call in
        try await writer.writer.write(ByteParts(parts.value, count), call)
        return writer.writer.offset
    }
}

private func asyncWriteDescriptor(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ descriptor: Int32, _ offset: UInt64,
    _ length: UInt64, _ done: moor_done_u64
) {
    launch(obj, call, done) { writer, call in
        try await writer.writer.write(descriptor: descriptor, offset: offset, length: length, call)
        return writer.writer.offset
    }
}

private func asyncSync(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ done: moor_done_u64
) {
    launch(obj, call, done) { writer, call in try await writer.writer.sync(call) }
}

private func asyncCommit(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ condition: UnsafePointer<moor_precond>?,
    _ checksum: moor_str, _ done: moor_done_stat
) {
    guard let obj else { return missingObject.withCError { done(call.pointee.done_ctx, $0, nil) } }
    let writer = AsyncWriter.from(obj)
    let input = Lent((condition: condition, checksum: checksum))
    launch(writer.storage, call) { driver, call in
        try writer.requireOpen()
        let condition = try Precondition(input.value.condition, capabilities: driver.capabilities)
        let stat = try await writer.writer.commit(if: condition, checksum: input.value.checksum.text, call)
        writer.state.store(.committed, ordering: .relaxed)
        return stat
    } succeeded: { context, stat in
        writer.path.withUnsafeBufferPointer { path in
            stat.withCStat(path: moor_str(path)) { done(context, nil, $0) }
        }
    } failed: {
        done($0, $1, nil)
    }
}

private func asyncCancel(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ done: moor_done_void
) {
    guard let obj else { return missingObject.withCError { done(call.pointee.done_ctx, $0) } }
    let writer = AsyncWriter.from(obj)
    launch(writer.storage, call) { _, call in
        guard writer.state.load(ordering: .relaxed) != .cancelled else { return }
        try writer.requireOpen()
        try await writer.writer.cancel(call)
        writer.state.store(.cancelled, ordering: .relaxed)
    } succeeded: { context, _ in
        done(context, nil)
    } failed: {
        done($0, $1)
    }
}
