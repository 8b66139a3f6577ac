import Glibc
import PluginKit
import Synchronization

/// The bytes of a writer, kept while it is suspended.
final class Partial: @unchecked Sendable {
    // Sendable: `isOpen` changes under the store's lock only; the memory belongs to the one writer that opened it.
    let path: [UInt8]
    let token: [UInt8]
    /// Larger is newer.
    let order: UInt64
    var isOpen = true
    private var memory: UnsafeMutableRawPointer?
    private var capacity = 0
    private(set) var count = 0

    init(path: [UInt8], order: UInt64) {
        self.path = path
        self.order = order
        var random = SystemRandomNumberGenerator()
        token = (0..<32).map { _ in Array("0123456789abcdef".utf8)[Int(random.next(upperBound: 16 as UInt8))] }
    }

    deinit { free(memory) }

    /// Makes room for bytes to come.
    func reserve(_ wanted: Int) throws(PluginError) {
        guard wanted > capacity else { return }
        guard let grown = realloc(memory, wanted) else { throw Content.noMemory }
        memory = grown
        capacity = wanted
    }

    func append(_ parts: ByteParts) throws(PluginError) {
        let (end, overflow) = count.addingReportingOverflow(parts.byteCount)
        guard !overflow else { throw Content.noMemory }
        if end > capacity {
            let (double, overflow) = capacity.multipliedReportingOverflow(by: 2)
            try reserve(max(end, overflow ? end : double, 4096))
        }
        for index in 0..<parts.count { append(parts[index]) }
    }

    func append(_ bytes: UnsafeRawBufferPointer) {
        guard let memory, let source = bytes.baseAddress, count + bytes.count <= capacity else { return }
        memcpy(memory + count, source, bytes.count)
        count += bytes.count
    }

    /// Gives the bytes away; the partial is empty afterwards.
    func takeContent() -> Content {
        let exact = count > 0 ? realloc(memory, count) : nil
        if count == 0 { free(memory) }
        let content = Content(malloced: exact ?? (count > 0 ? memory : nil), count: count)
        memory = nil
        capacity = 0
        count = 0
        return content
    }
}

/// Writes an object into memory of its own; a commit hands the memory over.
final class MemoryWriter: BlockingObjectWriter {
    private let driver: MemoryDriver
    private let partial: Partial

    init(_ driver: MemoryDriver, _ partial: Partial) {
        self.driver = driver
        self.partial = partial
    }

    var offset: UInt64 { UInt64(partial.count) }
    var resumeToken: [UInt8] { partial.token }

    func write(_ parts: ByteParts, _ call: CallContext) throws(PluginError) { try partial.append(parts) }

    func sync(_ call: CallContext) throws(PluginError) -> UInt64 { offset }

    func commit(
        if condition: Precondition, checksum: String, _ call: CallContext
    ) throws(PluginError) -> ObjectStat {
        try driver.store.withLock { store throws(PluginError) in
            guard store.partials[partial.token] != nil else {
                throw PluginError(.precondition, "the bytes were removed meanwhile", noEffect: true)
            }
            return try partial.path.withBytes { path throws(PluginError) in
                try store.check(path, condition)
                let object = store.object(partial.takeContent())
                store.objects.set(path, object)
                store.partials[partial.token] = nil
                return object.stat
            }
        }
    }

    func cancel(_ call: CallContext) throws(PluginError) {
        driver.store.withLock { $0.partials[partial.token] = nil }
    }

    func close() {
        driver.store.withLock { _ in partial.isOpen = false }
    }
}

extension MemoryDriver {
    func openWriter(
        at path: StoragePath, mode: WriterMode, sizeHint: UInt64?, _ call: CallContext
    ) throws(PluginError) -> any BlockingObjectWriter {
        let partial = try store.withLock { store throws(PluginError) in
            switch mode {
            case .create: try store.newPartial(path.bytes)
            case .append(let offset, let token): try store.resume(path.bytes, token: token, at: offset)
            case .take(let offset, let etag): try store.take(path.bytes, at: offset, etag: etag)
            }
        }
        // Only a hint, so only worth so much.
        if let sizeHint { try? partial.reserve(Int(min(sizeHint, 16 << 20))) }
        return MemoryWriter(self, partial)
    }
}

extension MemoryStore {
    fileprivate mutating func newPartial(_ path: UnsafeRawBufferPointer) throws(PluginError) -> Partial {
        try check(path, .none)
        let newest = partials.values.reduce(0) { max($0, $1.order) }
        let partial = Partial(path: [UInt8](path), order: newest + 1)
        partials[partial.token] = partial
        return partial
    }

    fileprivate mutating func resume(
        _ path: UnsafeRawBufferPointer, token: [UInt8], at offset: UInt64?
    ) throws(PluginError) -> Partial {
        let candidates =
            token.isEmpty
            ? partials.values.filter { $0.path.elementsEqual(path) }.sorted { $0.order > $1.order }
            : partials[token].map { $0.path.elementsEqual(path) ? [$0] : [] } ?? []
        guard let partial = candidates.first(where: { !$0.isOpen }) else {
            guard candidates.isEmpty else {
                throw PluginError(.busy, "another writer has these bytes open", noEffect: true)
            }
            guard token.isEmpty else { throw .notFound }
            return try partialOnCopy(path, at: offset)
        }
        try require(UInt64(partial.count), offset)
        partial.isOpen = true
        return partial
    }

    private mutating func partialOnCopy(
        _ path: UnsafeRawBufferPointer, at offset: UInt64?
    ) throws(PluginError) -> Partial {
        let object = try object(at: path)
        try require(object.size, offset)
        let partial = try newPartial(path)
        do throws(PluginError) {
            try partial.reserve(object.content.bytes.count)
        } catch {
            partials[partial.token] = nil
            throw error
        }
        partial.append(object.content.bytes)
        return partial
    }

    /// Goes on with an object itself. Readers may still have its memory, so its bytes are copied.
    fileprivate mutating func take(
        _ path: UnsafeRawBufferPointer, at offset: UInt64?, etag: String
    ) throws(PluginError) -> Partial {
        let object = try object(at: path)
        guard etag.isEmpty || EntityTag(etag).map({ $0 == object.etag }) == true else {
            throw PluginError(.precondition, "the object has another tag", noEffect: true)
        }
        let end = offset ?? object.size
        guard end <= object.size else { throw .offset(durable: object.size) }
        let partial = try newPartial(path)
        do throws(PluginError) {
            try partial.reserve(Int(end))
        } catch {
            partials[partial.token] = nil
            throw error
        }
        partial.append(UnsafeRawBufferPointer(rebasing: object.content.bytes[..<Int(end)]))
        _ = objects.remove(path)
        return partial
    }

    private func require(_ end: UInt64, _ wanted: UInt64?) throws(PluginError) {
        if let wanted, wanted != end { throw .offset(durable: end) }
    }

    /// Removes the suspended bytes at and below a path; whether there were any.
    mutating func removePartials(at path: UnsafeRawBufferPointer) -> Bool {
        let below = path.below
        let gone = partials.values.filter { $0.path.elementsEqual(path) || below.begins($0.path) }
        for partial in gone { partials[partial.token] = nil }
        return !gone.isEmpty
    }
}
