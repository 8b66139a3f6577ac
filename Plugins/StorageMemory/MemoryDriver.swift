import PluginKit
import Synchronization

/// Objects in memory. Every operation is a short step under one lock; bytes are copied outside of it.
final class MemoryDriver: BlockingStorageDriver {
    let store = Mutex(MemoryStore())

    /// "Other processes" have no way in, so every condition is atomic; suspended bytes last as long as the instance.
    let capabilities: StorageCapabilities = [
        .putIfAbsent, .ifMatch, .atomicMove, .copy, .batchRemove, .resume, .walk, .strongList, .removeTree, .take,
    ]

    func readContent(at path: StoragePath, limit: UInt64, _ call: CallContext) throws(PluginError) -> OwnedBytes {
        let content = try object(at: path).content
        guard UInt64(content.bytes.count) <= limit else {
            throw PluginError(.range, "the object is larger than the limit", noEffect: true)
        }
        return content.bytes.isEmpty ? OwnedBytes() : OwnedBytes(inside: content, content.bytes)
    }

    func putContent(
        _ body: UnsafeRawBufferPointer, at path: StoragePath, if condition: Precondition, _ call: CallContext
    ) throws(PluginError) -> ObjectStat {
        let content = try Content.copy(of: body)
        return try store.withLock { store throws(PluginError) in
            let object = store.object(content)
            try store.put(object, at: path.bytes, if: condition)
            return object.stat
        }
    }

    func openReader(
        at path: StoragePath, offset: UInt64, length: UInt64, _ call: CallContext
    ) throws(PluginError) -> OpenedObject {
        let object = try object(at: path)
        let window = try ReadWindow(offset: offset, length: length, ofSize: object.size)
        return OpenedObject(
            size: object.size, window: window, etag: object.etag, reader: MemoryReader(object.content, window))
    }

    func stat(_ path: StoragePath, _ call: CallContext) throws(PluginError) -> ObjectStat {
        try store.withLock { store throws(PluginError) in
            if let object = store.objects.find(path.bytes) { return object.stat }
            guard path.isRoot || store.objects.hasObjects(below: path.bytes.below) else { throw .notFound }
            return ObjectStat(prefixModifiedNanoseconds: 0)
        }
    }

    func move(
        _ source: StoragePath, to destination: StoragePath, if condition: Precondition, _ call: CallContext
    ) throws(PluginError) {
        try store.withLock { store throws(PluginError) in
            let object = try store.movable(source.bytes)
            try store.put(object, at: destination.bytes, if: condition)
            _ = store.objects.remove(source.bytes)
        }
    }

    func copy(
        _ source: StoragePath, to destination: StoragePath, if condition: Precondition, _ call: CallContext
    ) throws(PluginError) -> ObjectStat {
        try store.withLock { store throws(PluginError) in
            let object = store.object(try store.object(at: source.bytes).content)
            try store.put(object, at: destination.bytes, if: condition)
            return object.stat
        }
    }

    func remove(_ path: StoragePath, tree: Bool, _ call: CallContext) throws(PluginError) {
        try store.withLock { store throws(PluginError) in
            var removed = store.objects.remove(path.bytes)
            if tree {
                removed = store.objects.removeAll(below: path.bytes.below) || removed
                removed = store.removePartials(at: path.bytes) || removed
            } else if !removed, store.objects.hasObjects(below: path.bytes.below) {
                throw PluginError(.invalidArgument, "a prefix stands at this path", noEffect: true)
            }
            guard removed else { throw .notFound }
        }
    }

    private func object(at path: StoragePath) throws(PluginError) -> MemoryObject {
        try store.withLock { store throws(PluginError) in try store.object(at: path.bytes) }
    }
}

extension MemoryStore {
    /// An object that is to be moved; a prefix can't be.
    fileprivate func movable(_ path: UnsafeRawBufferPointer) throws(PluginError) -> MemoryObject {
        if let object = objects.find(path) { return object }
        guard objects.hasObjects(below: path.below) else { throw .notFound }
        throw PluginError(.invalidArgument, "a prefix can't be moved", noEffect: true)
    }
}

/// Serves slices of the content; nothing is copied.
final class MemoryReader: BlockingObjectReader {
    private let content: Content
    private let end: Int
    // One read at a time (ABI); atomic only so that the compiler can see it.
    private let position: Atomic<Int>

    init(_ content: Content, _ window: ReadWindow) {
        self.content = content
        // The window lies inside the content.
        position = Atomic(Int(window.offset))
        end = Int(window.offset + window.length)
    }

    func next(maximum: Int, _ call: CallContext) throws(PluginError) -> OwnedBytes {
        let start = position.load(ordering: .relaxed)
        let count = min(maximum, end - start)
        guard count > 0 else { return OwnedBytes() }
        position.store(start + count, ordering: .relaxed)
        return OwnedBytes(
            inside: content, UnsafeRawBufferPointer(rebasing: content.bytes[start..<(start + count)]))
    }
}
