import NIOCore
import PluginABI
import RegistryStorage

func finish(_ result: Result<ByteBuffer, StorageError>, _ context: ExportedCall, _ done: @escaping moor_done_buf) {
    switch result {
    case .failure(let error): error.withTable { done(context.done, $0, nil) }
    case .success(let buffer):
        var moved = moor_buf(moving: buffer)
        done(context.done, nil, &moved)
    }
}

func finish(_ result: Result<Void, StorageError>, _ context: ExportedCall, _ done: @escaping moor_done_void) {
    switch result {
    case .failure(let error): error.withTable { done(context.done, $0) }
    case .success: done(context.done, nil)
    }
}

func finish(_ result: Result<UInt64, StorageError>, _ context: ExportedCall, _ done: @escaping moor_done_u64) {
    switch result {
    case .failure(let error): error.withTable { done(context.done, $0, 0) }
    case .success(let number): done(context.done, nil, number)
    }
}

func finish(_ result: Result<StorageStat, StorageError>, _ context: ExportedCall, _ done: @escaping moor_done_stat) {
    switch result {
    case .failure(let error): error.withTable { done(context.done, $0, nil) }
    case .success(let stat): stat.withTable { done(context.done, nil, $0) }
    }
}

func finish(_ result: Result<StoragePage, StorageError>, _ context: ExportedCall, _ done: @escaping moor_done_page) {
    switch result {
    case .failure(let error): error.withTable { done(context.done, $0, nil) }
    case .success(let page): page.withTable { done(context.done, nil, $0) }
    }
}

extension moor_buf {
    /// Moves a buffer's bytes out; its storage lives until the release.
    init(moving buffer: ByteBuffer) {
        self = buffer.withUnsafeReadableBytesWithStorageManagement { raw, storage in
            moor_buf(
                ptr: raw.baseAddress?.assumingMemoryBound(to: UInt8.self), len: raw.count,
                release: { context in
                    if let context { Unmanaged<AnyObject>.fromOpaque(context).release() }
                }, release_ctx: storage.retain().toOpaque())
        }
    }
}

extension StorageStat {
    /// Lends the entry as a C struct.
    func withTable<Value>(_ body: (UnsafePointer<moor_stat>) -> Value) -> Value {
        var (path, etag, checksum) = (path, etag, checksum)
        return path.withUTF8 { path in
            etag.withUTF8 { etag in
                checksum.withUTF8 { checksum in
                    var table = moor_stat()
                    table.struct_size = UInt32(MemoryLayout<moor_stat>.size)
                    table.kind = kind.rawValue
                    table.size = size
                    table.mtime_ns = modified
                    table.path = moor_str(path)
                    table.etag = moor_str(etag)
                    table.checksum = moor_str(checksum)
                    return withUnsafePointer(to: &table, body)
                }
            }
        }
    }
}

extension StoragePage {
    /// Lends the page as a C struct.
    func withTable(_ body: (UnsafePointer<moor_page>) -> Void) {
        lendEntries { pointers in
            pointers.withUnsafeBufferPointer { entries in
                (next ?? []).withUnsafeBufferPointer { token in
                    var page = moor_page()
                    page.struct_size = UInt32(MemoryLayout<moor_page>.size)
                    page.flags = next == nil ? 1 : 0
                    page.entries = entries.baseAddress
                    page.nentries = entries.count
                    page.next_token = moor_bytes(ptr: token.baseAddress, len: token.count)
                    withUnsafePointer(to: &page, body)
                }
            }
        }
    }

    /// Copies all entries into memory of their own, so that a long page doesn't nest a closure per entry.
    private func lendEntries(
        _ body: ([UnsafePointer<moor_stat>?]) -> Void
    ) {
        let tables = UnsafeMutablePointer<moor_stat>.allocate(capacity: max(1, entries.count))
        var texts: [UnsafeMutablePointer<CChar>] = []
        defer {
            tables.deallocate()
            for text in texts { text.deallocate() }
        }
        func copy(_ text: String) -> moor_str {
            let count = text.utf8.count
            let place = UnsafeMutablePointer<CChar>.allocate(capacity: max(1, count))
            for (index, byte) in text.utf8.enumerated() { place[index] = CChar(bitPattern: byte) }
            texts.append(place)
            return moor_str(ptr: UnsafePointer(place), len: count)
        }
        for (index, entry) in entries.enumerated() {
            var table = moor_stat()
            table.struct_size = UInt32(MemoryLayout<moor_stat>.size)
            table.kind = entry.kind.rawValue
            table.size = entry.size
            table.mtime_ns = entry.modified
            table.path = copy(entry.path)
            table.etag = copy(entry.etag)
            table.checksum = copy(entry.checksum)
            (tables + index).initialize(to: table)
        }
        body(entries.indices.map { UnsafePointer(tables + $0) })
    }
}

/// A reader of the host as a C table.
final class ExportedReader: Sendable {
    private let reader: any StorageReader
    private let driver: ExportedDriver

    private init(_ reader: any StorageReader, _ driver: ExportedDriver) {
        self.reader = reader
        self.driver = driver
    }

    /// Completes an `open_reader` with the reader's table.
    static func complete(_ reader: any StorageReader, _ context: ExportedCall, _ done: @escaping moor_done_reader) {
        var table = table(reader, context.exported)
        var etag = reader.etag
        etag.withUTF8 { etag in
            table.etag = moor_str(etag)
            done(context.done, nil, &table)
        }
    }

    private static func table(_ reader: any StorageReader, _ driver: ExportedDriver) -> moor_reader {
        var table = moor_reader()
        table.struct_size = UInt32(MemoryLayout<moor_reader>.size)
        table.object_size = reader.objectSize
        table.offset = reader.offset
        table.length = reader.length
        table.fd = -1
        table.obj = Unmanaged.passRetained(ExportedReader(reader, driver)).toOpaque()
        table.read_next = { obj, call, maximum, done in
            guard let obj else { return }
            let exported = Unmanaged<ExportedReader>.fromOpaque(obj).takeUnretainedValue()
            let context = ExportedCall(exported.driver, call)
            context.start {
                try await exported.reader.next(upTo: maximum) ?? ByteBuffer()
            } _: {
                finish($0, context, done)
            }
        }
        table.close_reader = { obj in
            guard let obj else { return }
            Unmanaged<ExportedReader>.fromOpaque(obj).takeRetainedValue().reader.close()
        }
        return table
    }
}

/// A writer of the host as a C table.
final class ExportedWriter: Sendable {
    private let writer: any StorageWriter
    private let driver: ExportedDriver

    private init(_ writer: any StorageWriter, _ driver: ExportedDriver) {
        self.writer = writer
        self.driver = driver
    }

    /// Completes an `open_writer` with the writer's table.
    static func complete(_ writer: any StorageWriter, _ context: ExportedCall, _ done: @escaping moor_done_writer) {
        var table = moor_writer()
        table.struct_size = UInt32(MemoryLayout<moor_writer>.size)
        table.durable_offset = writer.startOffset
        table.obj = Unmanaged.passRetained(ExportedWriter(writer, context.exported)).toOpaque()
        table.write = { obj, call, parts, count, done in
            let buffers = UnsafeBufferPointer(start: parts, count: max(0, count)).map { ByteBuffer(bytes: $0.array) }
            ExportedWriter.start(obj, call, { try await $0.write(buffers) }, { finish($0, $1, done) })
        }
        table.sync_writer = { obj, call, done in
            ExportedWriter.start(obj, call, { try await $0.sync() }, { finish($0, $1, done) })
        }
        table.commit = { obj, call, condition, checksum, done in
            let (condition, checksum) = (StorageCondition(condition), checksum.string)
            ExportedWriter.start(
                obj, call, { try await $0.commit(checksum: checksum, if: condition) }, { finish($0, $1, done) })
        }
        table.cancel_writer = { obj, call, done in
            ExportedWriter.start(obj, call, { try await $0.cancel() }, { finish($0, $1, done) })
        }
        table.close_writer = { obj in
            guard let obj else { return }
            let exported = Unmanaged<ExportedWriter>.fromOpaque(obj).takeRetainedValue()
            exported.driver.close(exported.writer)
        }
        writer.resumeToken.withUnsafeBufferPointer { token in
            table.resume_token = moor_bytes(ptr: token.baseAddress, len: token.count)
            done(context.done, nil, &table)
        }
    }

    private static func start<Value>(
        _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>,
        _ body: @escaping @Sendable (any StorageWriter) async throws -> Value,
        _ complete: @escaping @Sendable (Result<Value, StorageError>, ExportedCall) -> Void
    ) {
        guard let obj else { return }
        let exported = Unmanaged<ExportedWriter>.fromOpaque(obj).takeUnretainedValue()
        let context = ExportedCall(exported.driver, call)
        context.start {
            try await body(exported.writer)
        } _: {
            complete($0, context)
        }
    }
}
