import PluginABI

/// What `moor_reader.obj` stands for; retained by the reader until close.
final class BlockingReader: Sendable {
    let reader: any BlockingObjectReader
    let storage: BlockingStorage

    private init(_ reader: any BlockingObjectReader, _ storage: BlockingStorage) {
        self.reader = reader
        self.storage = storage
    }

    /// Hands an opened object to the host. A bare descriptor needs no object on our side.
    @inline(__always)
    static func complete(
        _ opened: consuming OpenedObject, storage: BlockingStorage, _ done: (UnsafePointer<moor_reader>) -> Void
    ) {
        var table = moor_reader()
        table.struct_size = UInt32(MemoryLayout<moor_reader>.size)
        table.object_size = opened.size
        table.offset = opened.window.offset
        table.length = opened.window.length
        table.fd = -1
        if let reader = opened.reader {
            table.obj = Unmanaged.passRetained(BlockingReader(reader, storage)).toOpaque()
            table.read_next = readNext
            table.close_reader = closeReader
        }
        if let descriptor = opened.descriptor.take() {
            table.flags = MOOR_FD_REGULAR
            table.fd_offset = opened.descriptorOffset
            table.fd = descriptor.take()
        }
        opened.etag.withUnsafeBytes {
            table.etag = moor_str($0.assumingMemoryBound(to: UInt8.self))
            done(&table)
        }
    }
}

private func readNext(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ maximum: Int, _ done: moor_done_buf
) {
    let context = call.pointee.done_ctx
    guard let obj else { return missingObject.withCError { done(context, $0, nil) } }
    // Not retained: close_reader never comes while a read is outstanding.
    Unmanaged<BlockingReader>.fromOpaque(obj)._withUnsafeGuaranteedRef { reader in
        perform(Unmanaged.passUnretained(reader.storage).toOpaque(), call) { _, call throws(PluginError) in
            guard maximum > 0 else { throw PluginError(.invalidArgument, "a read of no bytes") }
            let bytes = try reader.reader.next(maximum: maximum, call)
            withUnsafePointer(to: bytes.take()) { done(context, nil, $0) }
        } failed: {
            done(context, $0, nil)
        }
    }
}

private func closeReader(_ obj: UnsafeMutableRawPointer?) {
    if let obj { Unmanaged<BlockingReader>.fromOpaque(obj).release() }
}

/// What `moor_writer.obj` stands for; retained by the writer until close.
final class BlockingWriter: @unchecked Sendable {
    // Sendable: `state` is touched by one call at a time (ABI: a writer's functions are [one-at-a-time]).
    enum State { case open, committed, cancelled }

    let writer: any BlockingObjectWriter
    let storage: BlockingStorage
    /// As asked for; the stat of the commit shows it.
    let path: [UInt8]
    var state = State.open

    private init(_ writer: any BlockingObjectWriter, _ path: StoragePath, _ storage: BlockingStorage) {
        self.writer = writer
        self.path = [UInt8](path.bytes)
        self.storage = storage
    }

    /// Hands a writer to the host.
    static func complete(
        _ writer: any BlockingObjectWriter, at path: StoragePath, storage: BlockingStorage,
        _ done: (UnsafePointer<moor_writer>) -> Void
    ) {
        var table = moor_writer()
        table.struct_size = UInt32(MemoryLayout<moor_writer>.size)
        table.durable_offset = writer.offset
        table.min_chunk = writer.minimumChunk
        table.preferred_chunk = writer.preferredChunk
        table.obj = Unmanaged.passRetained(BlockingWriter(writer, path, storage)).toOpaque()
        table.write = writeParts
        if storage.capabilities.contains(.fileDescriptorWrite) { table.write_fd = writeDescriptor }
        table.sync_writer = syncWriter
        table.commit = commitWriter
        table.cancel_writer = cancelWriter
        table.close_writer = closeWriter
        writer.resumeToken.withUnsafeBufferPointer {
            table.resume_token = moor_bytes($0)
            done(&table)
        }
    }

    func requireOpen() throws(PluginError) {
        guard state == .open else {
            throw PluginError(.invalidArgument, "the writer was committed or cancelled", noEffect: true)
        }
    }
}

/// Runs one operation of a writer.
@inline(__always)
private func perform(
    writer obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>,
    _ body: (BlockingWriter, CallContext) throws(PluginError) -> Void,
    failed: (UnsafePointer<moor_error>, UInt64) -> Void
) {
    guard let obj else { return missingObject.withCError { failed($0, 0) } }
    // Not retained: close_writer never comes while another call is outstanding.
    Unmanaged<BlockingWriter>.fromOpaque(obj)._withUnsafeGuaranteedRef { writer in
        perform(Unmanaged.passUnretained(writer.storage).toOpaque(), call) { _, call throws(PluginError) in
            try body(writer, call)
        } failed: {
            failed($0, writer.writer.offset)
        }
    }
}

private func writeParts(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ parts: UnsafePointer<moor_bytes>,
    _ count: Int, _ done: moor_done_u64
) {
    let context = call.pointee.done_ctx
    perform(writer: obj, call) { writer, call throws(PluginError) in
        try writer.requireOpen()
        try writer.writer.write(ByteParts(parts, count), call)
        done(context, nil, writer.writer.offset)
    } failed: {
        done(context, $0, $1)
    }
}

private func writeDescriptor(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ descriptor: Int32, _ offset: UInt64,
    _ length: UInt64, _ done: moor_done_u64
) {
    let context = call.pointee.done_ctx
    perform(writer: obj, call) { writer, call throws(PluginError) in
        try writer.requireOpen()
        try writer.writer.write(descriptor: descriptor, offset: offset, length: length, call)
        done(context, nil, writer.writer.offset)
    } failed: {
        done(context, $0, $1)
    }
}

private func syncWriter(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ done: moor_done_u64
) {
    let context = call.pointee.done_ctx
    perform(writer: obj, call) { writer, call throws(PluginError) in
        try writer.requireOpen()
        let offset = try writer.writer.sync(call)
        done(context, nil, offset)
    } failed: {
        done(context, $0, $1)
    }
}

private func commitWriter(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ condition: UnsafePointer<moor_precond>?,
    _ checksum: moor_str, _ done: moor_done_stat
) {
    let context = call.pointee.done_ctx
    perform(writer: obj, call) { writer, call throws(PluginError) in
        try writer.requireOpen()
        let condition = try Precondition(condition, capabilities: writer.storage.capabilities)
        let checksum = checksum.len == 0 ? "" : checksum.text
        let stat = try writer.writer.commit(if: condition, checksum: checksum, call)
        writer.state = .committed
        writer.path.withUnsafeBufferPointer { path in
            stat.withCStat(path: moor_str(path)) { done(context, nil, $0) }
        }
    } failed: { error, _ in
        done(context, error, nil)
    }
}

private func cancelWriter(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ done: moor_done_void
) {
    let context = call.pointee.done_ctx
    perform(writer: obj, call) { writer, call throws(PluginError) in
        if writer.state != .cancelled {
            try writer.requireOpen()
            try writer.writer.cancel(call)
            writer.state = .cancelled
        }
        done(context, nil)
    } failed: { error, _ in
        done(context, error)
    }
}

private func closeWriter(_ obj: UnsafeMutableRawPointer?) {
    guard let obj else { return }
    Unmanaged<BlockingWriter>.fromOpaque(obj).takeRetainedValue().writer.close()
}
