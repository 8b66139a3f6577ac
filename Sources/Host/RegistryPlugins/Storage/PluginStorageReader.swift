import CHostLinux
import Glibc
import NIOCore
import PluginABI
import RegistryStorage
import Synchronization

/// A descriptor that a plugin moved to the host.
final class MovedDescriptor: OwnedDescriptor {
    let number: CInt

    init(_ number: CInt) { self.number = number }

    deinit { close(number) }
}

/// A reader behind the C table of a plugin.
final class PluginStorageReader: StorageReader, CallTarget, @unchecked Sendable {
    // @unchecked: the table never changes; `isClosed` is atomic; `position` belongs to the one call at a time.

    let etag: String
    let file: StorageFileRange?
    private let table: moor_reader
    private let driver: PluginStorageDriver
    private let isClosed = Atomic<Bool>(false)
    private var position: UInt64 = 0
    private var isAtEnd = false

    init(_ opened: OpenedReader, driver: PluginStorageDriver) {
        table = opened.table
        etag = opened.etag
        self.driver = driver
        if table.fd >= 0, table.flags & 1 != 0 {
            let descriptor = MovedDescriptor(table.fd)
            file = StorageFileRange(descriptor: descriptor, offset: table.fd_offset, length: table.length)
        } else {
            file = nil
        }
    }

    deinit { close() }

    var identity: PluginIdentity { driver.identity }
    var policy: ExecutionPolicy { driver.policy }
    var objectSize: UInt64 { table.object_size }
    var offset: UInt64 { table.offset }
    var length: UInt64 { table.length }

    /// Whether the reader serves what was asked for, and can.
    func check(offset: UInt64, length: UInt64?) throws(StorageError) {
        let (end, overflow) = table.offset.addingReportingOverflow(table.length)
        let isCut = end == table.object_size && table.length <= length ?? .max
        guard table.offset == offset, !overflow, end <= table.object_size, table.length == length || isCut else {
            throw identity.violation(
                .lengthsInRange,
                "a reader serves \(table.length) bytes from \(table.offset) of \(table.object_size); asked for "
                    + "\(length.map(String.init) ?? "all") from \(offset)")
        }
        guard table.fd >= 0 else {
            if table.read_next == nil {
                throw identity.violation(.resultPresent, "a reader has neither a descriptor nor read_next")
            }
            return
        }
        try checkDescriptor()
    }

    private func checkDescriptor() throws(StorageError) {
        guard driver.capabilities.contains(.descriptorRead) else {
            if file == nil { Glibc.close(table.fd) }
            throw identity.violation(.descriptorValid, "a reader has a descriptor, but MOOR_CAP_FD_READ isn't claimed")
        }
        guard let file else {
            // A pipe or socket would need its own path; read_next serves such objects.
            Glibc.close(table.fd)
            if table.read_next == nil {
                throw identity.violation(.descriptorValid, "a reader's descriptor is not a regular file")
            }
            return
        }
        var status = Glibc.stat()
        guard fstat(file.descriptor.number, &status) == 0 else {
            throw identity.violation(.descriptorValid, "a reader's descriptor \(table.fd) is not open")
        }
        let (end, overflow) = file.offset.addingReportingOverflow(file.length)
        guard status.st_mode & S_IFMT == S_IFREG, !overflow, status.st_size >= 0, end <= UInt64(status.st_size) else {
            throw identity.violation(
                .descriptorValid, "a reader's descriptor holds \(status.st_size) bytes; \(end) are promised")
        }
    }

    func perform(_ slot: CallSlot) {
        table.read_next?(table.obj, slot.call, Int(clamping: slot.arguments.number1), doneBuffer)
    }

    func next(upTo maximum: Int) async throws(StorageError) -> ByteBuffer? {
        guard maximum > 0, !isAtEnd else { return nil }
        if let file { return try await readFile(file, maximum) }
        guard table.read_next != nil else { return nil }
        let slot = try CallSlots.acquire()
        slot.arguments.number1 = UInt64(maximum)
        let moved: moor_buf = try await run(slot, .read)
        let buffer = try driver.take(moved, limit: maximum, .read)
        return try advance(buffer)
    }

    private func advance(_ buffer: ByteBuffer) throws(StorageError) -> ByteBuffer? {
        position += UInt64(buffer.readableBytes)
        guard position <= table.length else {
            throw identity.violation(.lengthsInRange, "a reader gives more than its \(table.length) bytes")
        }
        if buffer.readableBytes > 0 { return buffer }
        isAtEnd = true
        guard position == table.length else {
            throw identity.violation(
                .lengthsInRange, "a reader ended after \(position) of its \(table.length) bytes")
        }
        return nil
    }

    /// Reads the descriptor on a worker: who asks for bytes can't use the file itself.
    private func readFile(_ file: StorageFileRange, _ maximum: Int) async throws(StorageError) -> ByteBuffer? {
        let start = position
        let count = Int(min(UInt64(maximum), file.length - start))
        guard count > 0 else { return nil }
        if policy.readsFromMemory, let buffer = file.readCached(at: start, count: count) { return try advance(buffer) }
        let buffer: ByteBuffer
        do {
            buffer = try await runBlocking(.read) { try file.read(at: start, count: count) }
        } catch let error as StorageError {
            throw error
        } catch {
            throw StorageError(.internal, "\(error)", driver: identity.driver)
        }
        return try advance(buffer)
    }

    func close() {
        guard !isClosed.exchange(true, ordering: .acquiringAndReleasing) else { return }
        table.close_reader?(table.obj)
    }
}

extension StorageFileRange {
    /// `count` bytes at `position` of the window, if they are in memory.
    func readCached(at position: UInt64, count: Int) -> ByteBuffer? {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        let place = off_t(clamping: offset + position)
        let got = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { memory in
            guard let base = memory.baseAddress else { return 0 }
            return max(0, host_read_cached(descriptor.number, base, count, place))
        }
        return got == count ? buffer : nil
    }

    /// Up to `count` bytes at `position` of the window, read with one or more `pread`.
    func read(at position: UInt64, count: Int) throws(StorageError) -> ByteBuffer {
        var buffer = ByteBufferAllocator().buffer(capacity: count)
        var failure: CInt = 0
        let start = offset + position
        while buffer.readableBytes < count {
            let done = buffer.readableBytes
            let got = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count - done) { place in
                let got = pread(
                    descriptor.number, place.baseAddress, count - done, off_t(clamping: start + UInt64(done)))
                if got < 0 { failure = errno }
                return max(0, got)
            }
            if got == 0, failure == EINTR {
                failure = 0
                continue
            }
            if got == 0 { break }
        }
        if failure != 0 {
            var error = StorageError(.internal, "read: \(String(cString: strerror(failure)))")
            error.systemError = failure
            throw error
        }
        return buffer
    }
}
