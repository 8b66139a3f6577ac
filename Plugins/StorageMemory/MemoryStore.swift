import Glibc
import PluginKit

/// What an instance holds; guarded by the driver's lock.
struct MemoryStore {
    var objects = PathIndex()
    /// Bytes that writers have not published, by token.
    var partials: [[UInt8]: Partial] = [:]
    private var lastVersion: UInt64 = 0
    private var lastModified: Int64 = 0

    /// An object of this content that is newer than all others.
    mutating func object(_ content: Content) -> MemoryObject {
        lastVersion += 1
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        lastModified = max(Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec), lastModified + 1)
        return MemoryObject(content: content, modifiedNanoseconds: lastModified, version: lastVersion)
    }

    /// Puts an object at a path if that is possible and the condition holds.
    mutating func put(
        _ object: MemoryObject, at path: UnsafeRawBufferPointer, if condition: Precondition
    ) throws(PluginError) {
        try check(path, condition)
        objects.set(path, object)
    }

    /// Throws if no object can be put there.
    func check(_ path: UnsafeRawBufferPointer, _ condition: Precondition) throws(PluginError) {
        let current = objects.find(path)
        switch condition {
        case .none: break
        case .absent:
            guard current == nil, !objects.hasObjects(below: path.below) else {
                throw PluginError(.alreadyExists, "something stands at this path", noEffect: true)
            }
        case .matches(let tag):
            guard let current, current.etag == tag else {
                throw PluginError(.precondition, "the object has another tag", noEffect: true)
            }
        }
        if current == nil { try checkNew(path) }
    }

    /// Throws if a path is a prefix already, or lies below an object.
    private func checkNew(_ path: UnsafeRawBufferPointer) throws(PluginError) {
        if objects.hasObjects(below: path.below) {
            throw PluginError(.invalidArgument, "a prefix stands at this path", noEffect: true)
        }
        for index in 1..<path.count where path[index] == UInt8(ascii: "/") {
            if objects.find(UnsafeRawBufferPointer(rebasing: path[..<index])) != nil {
                throw PluginError(.invalidArgument, "an object stands above this path", noEffect: true)
            }
        }
    }

    /// The object at a path.
    func object(at path: UnsafeRawBufferPointer) throws(PluginError) -> MemoryObject {
        guard let object = objects.find(path) else { throw .notFound }
        return object
    }
}
