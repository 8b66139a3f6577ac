import Glibc
public import PluginABI

/// Bytes that move to the host (`moor_buf`); released once, on whatever thread, also after the instance is gone.
public struct OwnedBytes: ~Copyable, @unchecked Sendable {
    // Sendable: one owner, and the release function works on every thread.
    private let buffer: moor_buf

    /// No bytes.
    public init() { buffer = moor_buf() }

    /// A copy of the bytes, of an array or a slice of one for example.
    /// - Throws: `internalFailure` if there is no memory.
    public init(_ bytes: some Collection<UInt8>) throws(PluginError) {
        try self.init(capacity: bytes.count) {
            $0.copyBytes(from: bytes)
            return bytes.count
        }
    }

    /// Bytes that `fill` writes: at most `capacity`; it gives their number.
    /// - Throws: what `fill` throws, and `internalFailure` if there is no memory or the number can't be.
    public init(
        capacity: Int, _ fill: (UnsafeMutableRawBufferPointer) throws(PluginError) -> Int
    ) throws(PluginError) {
        guard capacity > 0 else {
            self.init()
            return
        }
        guard let memory = malloc(capacity) else {
            throw PluginError(.internalFailure, "no memory for \(capacity) bytes")
        }
        let bytes = OwnedBytes(malloced: memory, count: capacity)
        let count = try fill(UnsafeMutableRawBufferPointer(start: memory, count: capacity))
        guard (0...capacity).contains(count) else {
            throw PluginError(.internalFailure, "\(count) bytes were written into \(capacity)")
        }
        var buffer = bytes.take()
        buffer.len = count
        self.init(taking: buffer)
    }

    /// A copy of the bytes.
    /// - Throws: `internalFailure` if there is no memory.
    public init(copying bytes: UnsafeRawBufferPointer) throws(PluginError) {
        try self.init(capacity: bytes.count) {
            $0.copyMemory(from: bytes)
            return bytes.count
        }
    }

    /// A copy of the text's UTF-8.
    /// - Throws: `internalFailure` if there is no memory.
    public init(_ text: String) throws(PluginError) { try self.init(text.utf8) }

    /// `count` bytes in memory from `malloc`, freed at release.
    public init(malloced memory: UnsafeMutableRawPointer, count: Int) {
        var buffer = moor_buf()
        buffer.ptr = UnsafePointer(memory.assumingMemoryBound(to: UInt8.self))
        buffer.len = count
        buffer.release = { free($0) }
        buffer.release_ctx = memory
        self.buffer = buffer
    }

    /// Bytes inside an object, which is kept alive until release: no copy. The object's deinitialiser must only free.
    public init(inside owner: AnyObject, _ bytes: UnsafeRawBufferPointer) {
        var buffer = moor_buf()
        buffer.ptr = bytes.baseAddress?.assumingMemoryBound(to: UInt8.self)
        buffer.len = bytes.count
        buffer.release = { context in
            if let context { Unmanaged<AnyObject>.fromOpaque(context).release() }
        }
        buffer.release_ctx = Unmanaged.passRetained(owner).toOpaque()
        self.buffer = buffer
    }

    /// A buffer that came from elsewhere over the ABI.
    public init(taking buffer: moor_buf) { self.buffer = buffer }

    /// How many bytes there are.
    public var count: Int { buffer.len }

    /// Lends the bytes. The result may be one that has a single owner, such as other `OwnedBytes`.
    public func withUnsafeBytes<R: ~Copyable, E: Error>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> R
    ) throws(E) -> R {
        try body(UnsafeRawBufferPointer(start: buffer.ptr, count: buffer.len))
    }

    /// Hands the buffer on; the receiver releases it.
    public consuming func take() -> moor_buf {
        let buffer = buffer
        discard self
        return buffer
    }

    deinit { buffer.release?(buffer.release_ctx) }
}

/// A file descriptor with one owner, who closes it.
public struct OwnedDescriptor: ~Copyable, Sendable {
    /// The number.
    public let raw: Int32

    /// Takes over an open descriptor, opened with `O_CLOEXEC`.
    public init(_ raw: Int32) { self.raw = raw }

    /// Hands the descriptor on; the receiver closes it.
    public consuming func take() -> Int32 {
        let raw = raw
        discard self
        return raw
    }

    deinit { close(raw) }
}
