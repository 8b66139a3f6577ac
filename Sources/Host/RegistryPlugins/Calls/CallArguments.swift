import NIOCore
import PluginABI
import RegistryStorage

/// What the C call of a slot is made with; which members count depends on the operation.
struct CallArguments {
    var operation = CallOperation.stat
    var path = moor_str()
    var path2 = moor_str()
    var condition: UnsafePointer<moor_precond>?
    var number1: UInt64 = 0
    var number2: UInt64 = 0
    var flags: UInt32 = 0
    var bytes = moor_bytes()
    var parts: UnsafeMutablePointer<moor_bytes>?
    var partCount = 0
    var structure: UnsafeRawPointer?
}

extension CallSlot {
    /// Bytes for paths and small arrays.
    static let arenaSize = 4096

    /// Copies a text into the slot's memory.
    @inline(__always)
    func store(_ text: String) -> moor_str {
        // Without the copy that `withUTF8` needs.
        if let stored = text.utf8.withContiguousStorageIfAvailable({ store(utf8: $0) }) { return stored }
        var text = text
        return text.withUTF8 { store(utf8: $0) }
    }

    @inline(__always)
    private func store(utf8: UnsafeBufferPointer<UInt8>) -> moor_str {
        guard let base = utf8.baseAddress, utf8.count > 0 else { return moor_str() }
        let place = allocate(utf8.count, alignment: 1)
        place.copyMemory(from: base, byteCount: utf8.count)
        return moor_str(ptr: UnsafePointer(place.assumingMemoryBound(to: CChar.self)), len: utf8.count)
    }

    /// Copies bytes into the slot's memory.
    func store(_ bytes: [UInt8]) -> moor_bytes {
        bytes.withUnsafeBytes { raw in
            guard let base = raw.baseAddress, raw.count > 0 else { return moor_bytes() }
            let place = allocate(raw.count, alignment: 1)
            place.copyMemory(from: base, byteCount: raw.count)
            return moor_bytes(ptr: UnsafePointer(place.assumingMemoryBound(to: UInt8.self)), len: raw.count)
        }
    }

    /// Refers to a buffer's bytes without copying; the slot keeps its storage until the completion.
    func refer(to buffer: ByteBuffer) -> moor_bytes {
        buffer.withUnsafeReadableBytesWithStorageManagement { raw, storage in
            fields.pointee.retained.append(storage.retain())
            fields.pointee.holdsMore = true
            guard let base = raw.baseAddress, raw.count > 0 else { return moor_bytes() }
            return moor_bytes(ptr: base.assumingMemoryBound(to: UInt8.self), len: raw.count)
        }
    }

    func store(_ condition: StorageCondition?) -> UnsafePointer<moor_precond>? {
        guard let condition else { return nil }
        let place = allocate(MemoryLayout<moor_precond>.size, alignment: 8).bindMemory(
            to: moor_precond.self, capacity: 1)
        switch condition {
        case .ifAbsent: place.initialize(to: moor_precond(flags: 1 << 0, reserved0: 0, etag: moor_str()))
        case .ifMatch(let etag): place.initialize(to: moor_precond(flags: 1 << 1, reserved0: 0, etag: store(etag)))
        }
        return UnsafePointer(place)
    }

    func store(parts buffers: [ByteBuffer]) {
        let place = allocate(max(1, buffers.count) * MemoryLayout<moor_bytes>.stride, alignment: 8)
            .bindMemory(to: moor_bytes.self, capacity: max(1, buffers.count))
        for (index, buffer) in buffers.enumerated() {
            (place + index).initialize(to: refer(to: buffer))
        }
        arguments.parts = place
        arguments.partCount = buffers.count
    }

    /// Memory that lives until the completion.
    @inline(__always)
    func allocate(_ count: Int, alignment: Int) -> UnsafeMutableRawPointer {
        let start = (fields.pointee.arenaUsed + alignment - 1) & ~(alignment - 1)
        guard count <= Self.arenaSize - start else { return allocateMore(count, alignment) }
        fields.pointee.arenaUsed = start + count
        return fields.pointee.arena + start
    }

    @inline(never)
    private func allocateMore(_ count: Int, _ alignment: Int) -> UnsafeMutableRawPointer {
        let place = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: max(alignment, 16))
        fields.pointee.extraMemory.append(place)
        fields.pointee.holdsMore = true
        return place
    }

    /// Lets go of what the arguments kept alive. Pointers into it go too.
    @inline(never)
    func releaseMore() {
        for place in fields.pointee.extraMemory { place.deallocate() }
        fields.pointee.extraMemory.removeAll(keepingCapacity: true)
        for object in fields.pointee.retained { object.release() }
        fields.pointee.retained.removeAll(keepingCapacity: true)
        fields.pointee.arguments = CallArguments()
        fields.pointee.continuation = nil
        if fields.pointee.target != nil { fields.pointee.user?.endWaiting() }
        fields.pointee.target = nil
        fields.pointee.holdsMore = false
    }
}
