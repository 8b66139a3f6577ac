import Glibc
import PluginKit

/// Lends a path as the kernel wants it: relative to the root, ended by NUL, on the stack. The root itself is `.`.
@inline(__always)
func withCPath<R: ~Copyable>(
    _ relative: UnsafeRawBufferPointer, _ body: (UnsafeMutablePointer<CChar>) throws(PluginError) -> R
) throws(PluginError) -> R {
    try withUnsafeTemporaryAllocation(byteCount: relative.count + 2, alignment: 1) { buffer throws(PluginError) -> R in
        let memory = buffer.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self)
        if let source = relative.baseAddress, relative.count > 0 {
            memcpy(memory, source, relative.count)
            memory[relative.count] = 0
        } else {
            memory[0] = CChar(UInt8(ascii: "."))
            memory[1] = 0
        }
        return try body(memory)
    }
}

/// Where the parent of a relative path ends: 0 if it is the root.
func parentLength(_ relative: UnsafeRawBufferPointer) -> Int {
    relative.lastIndex(of: UInt8(ascii: "/")) ?? 0
}

/// The last segment of a relative path.
func lastName(_ relative: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
    let slash = relative.lastIndex(of: UInt8(ascii: "/"))
    return UnsafeRawBufferPointer(rebasing: relative[(slash.map { $0 + 1 } ?? 0)...])
}

extension [UInt8] {
    /// Lends the bytes.
    func withBytes<R, E: Error>(_ body: (UnsafeRawBufferPointer) throws(E) -> R) throws(E) -> R {
        try withUnsafeBufferPointer { bytes throws(E) in try body(UnsafeRawBufferPointer(bytes)) }
    }
}

extension stat {
    /// The format bits.
    var isRegular: Bool { st_mode & S_IFMT == S_IFREG }
    var isDirectory: Bool { st_mode & S_IFMT == S_IFDIR }

    var modifiedNanoseconds: Int64 { Int64(st_mtim.tv_sec) &* 1_000_000_000 &+ Int64(st_mtim.tv_nsec) }

    /// Inode, size and time. Every change of content comes with a new time of nanoseconds, and mostly a new inode, so the
    /// tag can't come back; a rename leaves it alone.
    var objectStat: ObjectStat {
        let size = UInt64(clamping: st_size)
        return ObjectStat(
            size: size, modifiedNanoseconds: modifiedNanoseconds,
            etag: EntityTag(UInt64(st_ino), size, UInt64(bitPattern: modifiedNanoseconds)))
    }
}
