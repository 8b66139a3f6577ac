import Glibc
import PluginABI
import Synchronization

extension OpenedStream {
    /// A reader of the stream, whatever its source: for a middleware that looks at the bytes or changes them.
    public consuming func makeReader() -> any ObjectReader {
        let window = window
        switch take() {
        case .reader(let reader): return reader
        case .file(let descriptor): return FileReader(OwnedDescriptor(descriptor), at: window.offset, window.length)
        case .inner(let table):
            if table.read_next != nil { return InnerReader(table) }
            defer { table.close_reader?(table.obj) }
            return FileReader(OwnedDescriptor(table.fd), at: table.fd_offset, table.length)
        }
    }
}

/// A reader of an inner storage.
final class InnerReader: ObjectReader, @unchecked Sendable {
    // Sendable: an immutable table, called by one at a time (ABI).
    private let table: moor_reader

    init(_ table: moor_reader) {
        // Its own way of reading is enough.
        if table.fd >= 0 { _ = OwnedDescriptor(table.fd) }
        self.table = table
    }

    deinit { table.close_reader?(table.obj) }

    func next(maximum: Int, _ call: CallContext) async throws -> OwnedBytes {
        guard let function = table.read_next else { throw PluginError.unsupported }
        let outcome = try await InnerCall.make(call) { _, call in
            function(table.obj, call, maximum, InnerCall.buffer)
        }
        guard case .buffer(let buffer) = outcome else { throw InnerStorage.mismatch }
        return OwnedBytes(taking: buffer)
    }
}

/// Reads a window of a file. A storage that gives files blocks, so its middlewares run where that is allowed.
final class FileReader: ObjectReader {
    private let file: OwnedDescriptor
    private let end: UInt64
    private let position: Atomic<UInt64>

    init(_ file: consuming OwnedDescriptor, at offset: UInt64, _ length: UInt64) {
        self.file = file
        let (end, overflow) = offset.addingReportingOverflow(length)
        self.end = overflow ? offset : end
        position = Atomic(offset)
    }

    func next(maximum: Int, _ call: CallContext) async throws -> OwnedBytes {
        let start = position.load(ordering: .relaxed)
        let wanted = Int(min(end - start, UInt64(min(max(maximum, 0), 1 << 20))))
        guard wanted > 0 else { return OwnedBytes() }
        guard let memory = malloc(wanted) else { throw PluginError(.busy, "no memory for the read") }
        while true {
            let count = pread(file.raw, memory, wanted, off_t(clamping: start))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let code = errno
                free(memory)
                throw count == 0
                    ? PluginError(.corrupt, "the file ended early")
                    : PluginError(.internalFailure, "reading a file: \(String(cString: strerror(code)))", osErrno: code)
            }
            position.store(start + UInt64(count), ordering: .relaxed)
            return OwnedBytes(malloced: memory, count: count)
        }
    }
}
