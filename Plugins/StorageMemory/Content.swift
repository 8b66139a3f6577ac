import Glibc
import PluginKit

/// The bytes of an object. Never changed, so that readers share them with the store, without a copy and beyond its end.
final class Content: @unchecked Sendable {
    // Sendable: immutable.
    let bytes: UnsafeRawBufferPointer

    /// Takes over memory from `malloc`.
    init(malloced memory: UnsafeMutableRawPointer?, count: Int) {
        bytes = UnsafeRawBufferPointer(start: memory, count: memory == nil ? 0 : count)
    }

    deinit { free(UnsafeMutableRawPointer(mutating: bytes.baseAddress)) }

    /// A copy of the bytes.
    static func copy(of bytes: UnsafeRawBufferPointer) throws(PluginError) -> Content {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return Content(malloced: nil, count: 0) }
        guard let memory = malloc(bytes.count) else { throw Content.noMemory }
        memcpy(memory, source, bytes.count)
        return Content(malloced: memory, count: bytes.count)
    }

    static var noMemory: PluginError { PluginError(.noSpace, "no memory for the object", noEffect: true) }
}

/// An object: its bytes, when they came, and a number that no other content of the store has.
struct MemoryObject: Sendable {
    let content: Content
    let modifiedNanoseconds: Int64
    let version: UInt64

    var size: UInt64 { UInt64(content.bytes.count) }

    var etag: EntityTag { EntityTag(version, size, UInt64(bitPattern: modifiedNanoseconds)) }

    var stat: ObjectStat { ObjectStat(size: size, modifiedNanoseconds: modifiedNanoseconds, etag: etag) }
}
