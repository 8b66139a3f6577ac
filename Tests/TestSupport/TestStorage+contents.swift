import NIOCore
import RegistryStorage

extension TestStorage {
    /// A path of the storage: an object, or what has objects below it.
    struct Node {
        var bytes: ByteBuffer?
        var children: [Substring: Node] = [:]

        func node(_ path: ArraySlice<Substring>) -> Node? {
            guard let first = path.first else { return self }
            return children[first]?.node(path.dropFirst())
        }

        mutating func set(_ bytes: ByteBuffer, at path: ArraySlice<Substring>) {
            guard let first = path.first else {
                self.bytes = bytes
                return
            }
            children[first, default: Node()].set(bytes, at: path.dropFirst())
        }

        /// Whether nothing is left below.
        mutating func remove(_ path: ArraySlice<Substring>) -> Bool {
            if let first = path.first {
                if path.count == 1 || children[first]?.remove(path.dropFirst()) == true { children[first] = nil }
            }
            return children.isEmpty && bytes == nil
        }

        func objects(below path: String) -> [String: ByteBuffer] {
            var found: [String: ByteBuffer] = [:]
            if let bytes { found[path] = bytes }
            for (name, child) in children { found.merge(child.objects(below: "\(path)/\(name)")) { $1 } }
            return found
        }

        func stat(_ path: String, hasTag: Bool) -> StorageStat {
            guard let bytes else { return StorageStat(path: path, kind: .prefix, size: 0) }
            return StorageStat(
                path: path, kind: .object, size: UInt64(bytes.readableBytes), etag: hasTag ? "\(bytes.hashValue)" : "")
        }
    }
}

extension TestStorage.State {
    func object(_ path: StoragePath) throws(StorageError) -> ByteBuffer {
        guard let bytes = root.node(path.segments)?.bytes else { throw StorageError(.notFound, path.string) }
        return bytes
    }

    @discardableResult
    mutating func store(
        _ bytes: ByteBuffer, _ path: StoragePath, _ condition: StorageCondition?
    ) throws(StorageError) -> StorageStat {
        let node = root.node(path.segments)
        if let node, node.bytes == nil { throw StorageError(.invalidArgument, "\(path) is a prefix") }
        if condition == .ifAbsent, node != nil { throw StorageError(.alreadyExists, path.string) }
        root.set(bytes, at: path.segments)
        return TestStorage.Node(bytes: bytes).stat(path.string, hasTag: hasTags)
    }

    func page(_ path: StoragePath, after start: String, _ limit: Int) -> StoragePage {
        let children = root.node(path.segments)?.children ?? [:]
        let names = children.keys.filter { $0 > start }.sorted()
        let entries = names.prefix(limit).compactMap { name in children[name]?.stat("\(path)/\(name)", hasTag: hasTags)
        }
        guard names.count > limit, let last = entries.last else { return StoragePage(entries: entries, next: nil) }
        return StoragePage(entries: entries, next: Array(last.name.utf8))
    }

    mutating func removeTree(_ path: StoragePath, allowed: Bool) throws(StorageError) {
        guard allowed else { throw StorageError(.unsupported, "removal of trees") }
        let gone = suspended.filter { $0.value.path.hasPrefix(path.string + "/") }.map(\.key)
        for key in gone { suspended[key] = nil }
        guard root.node(path.segments) != nil || !gone.isEmpty else { throw StorageError(.notFound, path.string) }
        _ = root.remove(path.segments)
    }

    // MARK: Writers

    mutating func newWriter(_ path: String, _ bytes: ByteBuffer) -> (key: String, offset: UInt64) {
        nextToken += 1
        let key = "writer-\(nextToken)"
        suspended[key] = TestStorage.Suspended(path: path, order: nextToken, bytes: bytes, isOpen: true)
        return (key, UInt64(bytes.readableBytes))
    }

    mutating func resume(
        _ path: StoragePath, _ token: [UInt8], _ offset: UInt64?, adopts: Bool
    ) throws(StorageError) -> (key: String, offset: UInt64) {
        let newest = suspended.filter { $0.value.path == path.string }.max { $0.value.order < $1.value.order }?.key
        let key = token.isEmpty ? newest : String(decoding: token, as: UTF8.self)
        guard let key, let found = suspended[key], adopts || found.path == path.string else {
            guard token.isEmpty else { throw StorageError(.notFound, "no such writer") }
            let bytes = try object(path)
            try require(bytes, offset)
            return newWriter(path.string, bytes)
        }
        guard !found.isOpen else { throw StorageError(.busy, "the writer is open") }
        try require(found.bytes, offset)
        suspended[key]?.isOpen = true
        return (key, UInt64(found.bytes.readableBytes))
    }

    mutating func take(
        _ path: StoragePath, _ offset: UInt64?, _ etag: String, allowed: Bool
    ) throws(StorageError) -> (key: String, offset: UInt64) {
        guard allowed else { throw StorageError(.unsupported, "going on with an object") }
        let bytes = try object(path)
        let stat = TestStorage.Node(bytes: bytes).stat(path.string, hasTag: hasTags)
        guard etag.isEmpty || etag == stat.etag else { throw StorageError(.precondition, "another tag") }
        let end = offset ?? stat.size
        guard end <= stat.size, let kept = bytes.getSlice(at: bytes.readerIndex, length: Int(end)) else {
            throw StorageError(.offset, "ends before")
        }
        _ = root.remove(path.segments)
        return newWriter(path.string, kept)
    }

    private func require(_ bytes: ByteBuffer, _ offset: UInt64?) throws(StorageError) {
        if let offset, offset != UInt64(bytes.readableBytes) { throw StorageError(.offset, "ends elsewhere") }
    }
}
