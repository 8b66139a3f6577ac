import CHostLinux
import Glibc
import NIOCore
import NIOPosix

/// Reads of files that may or may not be in the page cache. An event loop must not wait for a disk.
enum PageCache {
    /// The kernel reads ahead at least this far from a touched page.
    private static let stride: UInt64 = 128 * 1024

    /// Reads what the page cache holds; nil if it holds nothing there (or cannot tell).
    static func read(_ descriptor: CInt, into target: UnsafeMutableRawBufferPointer, at offset: UInt64) -> Int? {
        guard let position = off_t(exactly: offset), let memory = target.baseAddress else { return nil }
        let count = host_read_cached(descriptor, memory, target.count, position)
        return count > 0 ? count : nil
    }

    /// Whether a range is probably in the page cache: its first and its last page are.
    static func isResident(_ descriptor: CInt, at offset: UInt64, count: UInt64) -> Bool {
        guard count > 0 else { return true }
        return isResident(descriptor, at: offset) && isResident(descriptor, at: offset + count - 1)
    }

    private static func isResident(_ descriptor: CInt, at offset: UInt64) -> Bool {
        var byte: UInt8 = 0
        return withUnsafeMutableBytes(of: &byte) { read(descriptor, into: $0, at: offset) == 1 }
    }

    /// Brings a range into the page cache; blocks.
    ///
    /// - Parameter ahead: how much will be wanted from `offset` on
    static func load(_ descriptor: CInt, at offset: UInt64, count: UInt64, ahead: UInt64) {
        let advised = min(ahead, count.multipliedReportingOverflow(by: 2).partialValue)
        guard let start = off_t(exactly: offset), let length = off_t(exactly: advised) else { return }
        _ = posix_fadvise(descriptor, start, length, POSIX_FADV_WILLNEED)
        var byte: UInt8 = 0
        var position = offset
        while position < offset + count {
            guard pread(descriptor, &byte, 1, off_t(position)) == 1 else { return }
            position += stride
        }
    }

    /// Whether a file is long enough for its range: `sendfile` at the end of a file yields nothing, for ever.
    static func holds(_ file: HTTPFileBody) -> Bool {
        let (end, overflow) = file.offset.addingReportingOverflow(file.length)
        var status = stat()
        guard !overflow, fstat(file.descriptor, &status) == 0 else { return false }
        return end <= UInt64(max(0, status.st_size))
    }
}

extension NIOThreadPool {
    /// Runs blocking work; the caller resumes on its own executor. Work that the pool refuses, since it is shut down,
    /// is left out.
    func run(_ work: @escaping @Sendable () -> Void) async {
        await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
            submit { state in
                if state == .active { work() }
                continuation.resume()
            }
        }
    }
}

/// A range of a file in two recycled buffers: what is in the page cache is read in place, the rest on the pool.
final class FileChunks: HTTPBodySource, @unchecked Sendable {  // Guard: one call at a time, by contract; the pool's
    // job is awaited within the call.

    struct ReadError: Error {
        let errno: CInt
    }

    private let file: HTTPFileBody
    private let pool: NIOThreadPool
    private var position: UInt64
    private let end: UInt64
    private var buffers = [ByteBuffer(), ByteBuffer()]
    private var turn = 0

    init(file: HTTPFileBody, pool: NIOThreadPool) {
        self.file = file
        self.pool = pool
        position = file.offset
        end = PageCache.holds(file) ? file.offset + file.length : file.offset
    }

    func next(upTo maximum: Int) async throws -> ByteBuffer? {
        guard position < end else { return nil }
        let count = Int(min(UInt64(max(1, maximum)), end - position))
        turn ^= 1
        // Allocates anew if the buffer is still on its way out.
        buffers[turn].clear(minimumCapacity: count)
        if fill(count, { PageCache.read(self.file.descriptor, into: $0, at: self.position) ?? 0 }) == 0 {
            await pool.run { [self] in _ = fill(count, readBlocking) }
        }
        let read = buffers[turn].readableBytes
        guard read > 0 else { throw ReadError(errno: EIO) }
        position += UInt64(read)
        return buffers[turn]
    }

    func close() {}

    private func fill(_ count: Int, _ read: (UnsafeMutableRawBufferPointer) -> Int) -> Int {
        buffers[turn].writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
            read(UnsafeMutableRawBufferPointer(rebasing: bytes.prefix(count)))
        }
    }

    private func readBlocking(_ target: UnsafeMutableRawBufferPointer) -> Int {
        while true {
            let count = pread(file.descriptor, target.baseAddress, target.count, off_t(clamping: position))
            if count >= 0 { return count }
            if errno != EINTR { return 0 }
        }
    }
}
