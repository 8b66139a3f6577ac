import PluginKit
import Synchronization

/// Objects in a dictionary, for as long as the process lives.
final class DictionaryDriver: BlockingStorageDriver {
    /// Objects, and the bytes of writers that were suspended, by path.
    struct Contents {
        var objects: [String: [UInt8]] = [:]
        var suspended: [String: [UInt8]] = [:]

        /// The names directly below a path, each an object with its size or a prefix.
        func children(of path: String) -> [(name: String, size: Int?)] {
            let prefix = path == "/" ? path : path + "/"
            var names: [String: Int?] = [:]
            for (key, bytes) in objects where key.hasPrefix(prefix) {
                let rest = key.dropFirst(prefix.count)
                let name = String(rest.prefix { $0 != "/" })
                names.updateValue(name.count == rest.count ? bytes.count : nil, forKey: name)
            }
            return names.map { (name: $0.key, size: $0.value) }
                .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        }
    }

    let contents = Mutex(Contents())
    let capabilities: StorageCapabilities = [.putIfAbsent, .atomicMove, .resume, .removeTree, .strongList]

    private func object(_ path: StoragePath) throws(PluginError) -> [UInt8] {
        guard let bytes = contents.withLock({ $0.objects[path.text] }) else { throw .notFound }
        return bytes
    }

    /// Puts bytes at a path if the condition holds there.
    func publish(_ bytes: [UInt8], at path: String, if condition: Precondition) throws(PluginError) -> ObjectStat {
        let done = contents.withLock { contents in
            if case .absent = condition, contents.objects[path] != nil { return false }
            contents.objects[path] = bytes
            return true
        }
        guard done else { throw PluginError(.alreadyExists, "something is there", noEffect: true) }
        return ObjectStat(size: UInt64(bytes.count), modifiedNanoseconds: 0, etag: EntityTag())
    }

    func readContent(at path: StoragePath, limit: UInt64, _ call: CallContext) throws(PluginError) -> OwnedBytes {
        let bytes = try object(path)
        guard bytes.count <= limit else { throw PluginError(.range, "larger than the limit", noEffect: true) }
        return try OwnedBytes(bytes)
    }

    func putContent(
        _ body: UnsafeRawBufferPointer, at path: StoragePath, if condition: Precondition, _ call: CallContext
    ) throws(PluginError) -> ObjectStat {
        try publish([UInt8](body), at: path.text, if: condition)
    }

    func openReader(
        at path: StoragePath, offset: UInt64, length: UInt64, _ call: CallContext
    ) throws(PluginError) -> OpenedObject {
        let bytes = try object(path)
        let size = UInt64(bytes.count)
        let window = try ReadWindow(offset: offset, length: length, ofSize: size)
        return OpenedObject(size: size, window: window, etag: EntityTag(), reader: DictionaryReader(bytes, window))
    }

    func openWriter(
        at path: StoragePath, mode: WriterMode, sizeHint: UInt64?, _ call: CallContext
    ) throws(PluginError) -> any BlockingObjectWriter {
        let text = path.text
        guard case .append(let offset, _) = mode else { return DictionaryWriter(self, text, []) }
        guard let bytes = contents.withLock({ $0.suspended.removeValue(forKey: text) ?? $0.objects[text] }) else {
            throw .notFound
        }
        guard offset == nil || offset == UInt64(bytes.count) else {
            throw PluginError(.offset, "the bytes end at \(bytes.count)", noEffect: true)
        }
        return DictionaryWriter(self, text, bytes)
    }

    func stat(_ path: StoragePath, _ call: CallContext) throws(PluginError) -> ObjectStat {
        let text = path.text
        if let size = contents.withLock({ $0.objects[text]?.count }) {
            return ObjectStat(size: UInt64(size), modifiedNanoseconds: 0, etag: EntityTag())
        }
        guard path.isRoot || contents.withLock({ !$0.children(of: text).isEmpty }) else { throw .notFound }
        return ObjectStat(prefixModifiedNanoseconds: 0)
    }

    func list(
        _ path: StoragePath, from start: ListStart, limit: Int, _ call: CallContext
    ) throws(PluginError) -> ListPage {
        var last = ""
        if case .after(let name) = start { last = String(decoding: name, as: UTF8.self) }
        let all = contents.withLock { $0.children(of: path.text) }
        let rest = all.filter { last.utf8.lexicographicallyPrecedes($0.name.utf8) }
        let count = limit > 0 ? limit : 1000
        var page = ListPage(below: path, reserving: min(count, rest.count))
        for (name, size) in rest.prefix(count) {
            page.append(name, size == nil ? .prefix : .object, size: UInt64(size ?? 0))
        }
        page.hasMore = rest.count > count
        return page
    }

    func move(
        _ source: StoragePath, to destination: StoragePath, if condition: Precondition, _ call: CallContext
    ) throws(PluginError) {
        _ = try publish(try object(source), at: destination.text, if: condition)
        _ = contents.withLock { $0.objects.removeValue(forKey: source.text) }
    }

    func remove(_ path: StoragePath, tree: Bool, _ call: CallContext) throws(PluginError) {
        let text = path.text
        let removed = contents.withLock { contents in
            let before = contents.objects.count
            contents.objects[text] = nil
            if tree { contents.objects = contents.objects.filter { !$0.key.hasPrefix(text + "/") } }
            return before - contents.objects.count
        }
        if removed == 0 { throw .notFound }
    }
}

/// Serves a window of an object as it was when it was opened.
final class DictionaryReader: BlockingObjectReader {
    private let bytes: [UInt8]
    private let range: Range<Int>
    private let position: Mutex<Int>

    init(_ bytes: [UInt8], _ window: ReadWindow) {
        self.bytes = bytes
        range = Int(window.offset)..<Int(window.offset + window.length)
        position = Mutex(range.lowerBound)
    }

    func next(maximum: Int, _ call: CallContext) throws(PluginError) -> OwnedBytes {
        try position.withLock { position throws(PluginError) -> OwnedBytes in
            let end = min(position + maximum, range.upperBound)
            defer { position = end }
            return try OwnedBytes(bytes[position..<end])
        }
    }
}

/// Collects bytes until they are published, thrown away, or left for later.
final class DictionaryWriter: BlockingObjectWriter {
    private let driver: DictionaryDriver
    private let path: String
    /// `nil` once they were published or thrown away.
    private let bytes: Mutex<[UInt8]?>

    init(_ driver: DictionaryDriver, _ path: String, _ bytes: [UInt8]) {
        self.driver = driver
        self.path = path
        self.bytes = Mutex(bytes)
    }

    var offset: UInt64 { UInt64(bytes.withLock { $0?.count ?? 0 }) }
    var resumeToken: [UInt8] { Array(path.utf8) }

    func write(_ parts: ByteParts, _ call: CallContext) throws(PluginError) {
        bytes.withLock { bytes in
            for index in 0..<parts.count { bytes?.append(contentsOf: parts[index]) }
        }
    }

    func sync(_ call: CallContext) throws(PluginError) -> UInt64 { offset }

    func commit(
        if condition: Precondition, checksum: String, _ call: CallContext
    ) throws(PluginError) -> ObjectStat {
        let stat = try driver.publish(bytes.withLock { $0 ?? [] }, at: path, if: condition)
        bytes.withLock { $0 = nil }
        return stat
    }

    func cancel(_ call: CallContext) throws(PluginError) { bytes.withLock { $0 = nil } }

    func close() {
        guard let rest = bytes.withLock({ $0 }) else { return }
        driver.contents.withLock { $0.suspended[path] = rest }
    }
}
