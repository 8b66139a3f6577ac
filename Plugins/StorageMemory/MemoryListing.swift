import PluginKit
import Synchronization

extension MemoryDriver {
    func list(
        _ path: StoragePath, from start: ListStart, limit: Int, _ call: CallContext
    ) throws(PluginError) -> ListPage {
        let prefix = path.bytes.below
        var key = try start.key(behind: prefix)
        if key.count > prefix.count { key.append(leastNameByte) }
        return store.withLock { store in
            var page = ListPage(below: path, reserving: min(limit, 64))
            while let entry = store.objects[store.objects.lowerBound(key)], prefix.begins(entry.path) {
                if page.count == limit {
                    page.hasMore = true
                    break
                }
                let slash = entry.path[prefix.count...].firstIndex(of: UInt8(ascii: "/"))
                let end = slash ?? entry.path.count
                entry.path.withBytes { bytes in
                    let name = UnsafeRawBufferPointer(rebasing: bytes[prefix.count..<end])
                    if slash == nil {
                        page.append(
                            name, .object, size: entry.object.size,
                            modifiedNanoseconds: entry.object.modifiedNanoseconds)
                    } else {
                        page.append(name, .prefix)
                    }
                }
                // Past all that lies below this name.
                key = entry.path[..<end] + [leastNameByte]
            }
            return page
        }
    }

    func walk(
        _ path: StoragePath, from start: ListStart, limit: Int, _ call: CallContext
    ) throws(PluginError) -> ListPage {
        let prefix = path.bytes.below
        let key = try start.key(behind: prefix)
        return store.withLock { store in
            var page = ListPage(below: path, reserving: min(limit, 64))
            var position = store.objects.lowerBound(key)
            while let entry = store.objects[position], prefix.begins(entry.path) {
                position = store.objects.next(position)
                if entry.path == key { continue }
                if page.count == limit {
                    page.hasMore = true
                    break
                }
                entry.path.withBytes {
                    page.append(
                        UnsafeRawBufferPointer(rebasing: $0[prefix.count...]), .object, size: entry.object.size,
                        modifiedNanoseconds: entry.object.modifiedNanoseconds)
                }
            }
            return page
        }
    }
}

extension ListStart {
    /// The prefix and the name or path to begin behind.
    fileprivate func key(behind prefix: [UInt8]) throws(PluginError) -> [UInt8] {
        switch self {
        case .beginning: return prefix
        case .after(let name): return prefix + name
        case .token, .foreign:
            throw PluginError(.invalidArgument, "the token wasn't made by this driver", noEffect: true)
        }
    }
}
