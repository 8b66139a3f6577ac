import NIOCore
import RegistryStorage
import Synchronization

/// Whether a reader or writer may still be used; notes it if one is used that mayn't.
private final class Usage: Sendable {
    private let what: String
    private let storage: TestStorage
    private let isClosed = Mutex(false)

    init(_ what: String, _ storage: TestStorage) {
        self.what = what
        self.storage = storage
    }

    func use(_ call: String) {
        if isClosed.withLock({ $0 }) { storage.note("\(call) after close: \(what)") }
    }

    func close() {
        let again = isClosed.withLock { closed in
            defer { closed = true }
            return closed
        }
        if again { storage.note("closed twice: \(what)") }
    }

    func end() {
        if !isClosed.withLock({ $0 }) { storage.note("never closed: \(what)") }
    }
}

final class TestReader: StorageReader {
    let objectSize: UInt64
    let offset: UInt64
    let length: UInt64
    let etag = ""
    let file: StorageFileRange? = nil
    private let storage: TestStorage
    private let path: String
    private let rest: Mutex<ByteBuffer>
    private let usage: Usage

    init(_ storage: TestStorage, _ path: String, _ bytes: ByteBuffer, offset: UInt64, size: UInt64) {
        self.storage = storage
        self.path = path
        self.offset = offset
        objectSize = size
        length = UInt64(bytes.readableBytes)
        rest = Mutex(bytes)
        usage = Usage("reader of \(path)", storage)
    }

    deinit { usage.end() }

    func next(upTo maximum: Int) async throws(StorageError) -> ByteBuffer? {
        usage.use("next")
        return try await storage.perform(.read, path) { [self] _ in
            rest.withLock { rest in
                let count = min(maximum, rest.readableBytes)
                return count > 0 ? rest.readSlice(length: count) : nil
            }
        }
    }

    func close() { usage.close() }
}

final class TestWriter: StorageWriter {
    let startOffset: UInt64
    let resumeToken: [UInt8]
    private let storage: TestStorage
    private let path: StoragePath
    private let key: String
    private let usage: Usage
    let minimumChunk: Int
    private let wasShort = Mutex(false)

    init(
        _ storage: TestStorage, _ path: StoragePath, key: String, offset: UInt64, token: [UInt8], minimumChunk: Int
    ) {
        self.minimumChunk = minimumChunk
        self.storage = storage
        self.path = path
        self.key = key
        startOffset = offset
        resumeToken = token
        usage = Usage("writer of \(path)", storage)
    }

    deinit { usage.end() }

    func write(_ parts: [ByteBuffer]) async throws(StorageError) -> UInt64 {
        usage.use("write")
        let isShort = parts.reduce(0) { $0 + $1.readableBytes } < minimumChunk
        let wasShort = self.wasShort.withLock { short in
            defer { short = short || isShort }
            return short
        }
        if wasShort { storage.note("a write after one of less than \(minimumChunk) bytes: \(path)") }
        return try await storage.perform(.write, path.string) { [key] state throws(StorageError) in
            guard state.suspended[key] != nil else { throw StorageError(.precondition, "the bytes are gone") }
            for part in parts { state.suspended[key]?.bytes.writeImmutableBuffer(part) }
            return UInt64(state.suspended[key]?.bytes.readableBytes ?? 0)
        }
    }

    func sync() async throws(StorageError) -> UInt64 {
        usage.use("sync")
        return try await storage.perform(.sync, path.string) { [key] state throws(StorageError) in
            guard let bytes = state.suspended[key]?.bytes else {
                throw StorageError(.precondition, "the bytes are gone")
            }
            return UInt64(bytes.readableBytes)
        }
    }

    func commit(checksum: String, if condition: StorageCondition?) async throws(StorageError) -> StorageStat {
        usage.use("commit")
        return try await storage.perform(.commit, path.string) { [path, key] state throws(StorageError) in
            guard let bytes = state.suspended[key]?.bytes else {
                throw StorageError(.precondition, "the bytes are gone")
            }
            let stat = try state.store(bytes, path, condition)
            state.suspended[key] = nil
            return stat
        }
    }

    func cancel() async throws(StorageError) {
        usage.use("cancel")
        try await storage.perform(.cancel, path.string) { [key] state in state.suspended[key] = nil }
    }

    func close() async {
        usage.close()
        _ = try? await storage.perform(.suspend, path.string) { [key] state in state.suspended[key]?.isOpen = false }
    }
}
