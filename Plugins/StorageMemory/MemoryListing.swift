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
            var position = store.objects.lowerBound(key)
            while let entry = store.objects[position], prefix.begins(entry.path) {
                if page.count == limit {
                    page.hasMore = true
                    break
                }
                let slash = entry.path[prefix.count...].firstIndex(of: UInt8(ascii: "/"))
                page.append(entry, from: prefix.count, to: slash)
                position = store.objects.next(position)
                guard let slash else { continue }
                // Past all that lies below this name: often only the one object, else found by its place.
                guard let next = store.objects[position], next.path.starts(with: entry.path[...slash]) else { continue }
                key.removeAll(keepingCapacity: true)
                key.append(contentsOf: entry.path[..<slash])
                key.append(leastNameByte)
                position = store.objects.lowerBound(key)
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

extension ListPage {
    /// Appends an object, or the prefix it lies below if its path goes on behind a slash.
    fileprivate mutating func append(_ entry: PathIndex.Entry, from start: Int, to slash: Int?) {
        entry.path.withBytes { bytes in
            let name = UnsafeRawBufferPointer(rebasing: bytes[start..<(slash ?? bytes.count)])
            if slash != nil { return append(name, .prefix) }
            append(
                name, .object, size: entry.object.size, modifiedNanoseconds: entry.object.modifiedNanoseconds)
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
