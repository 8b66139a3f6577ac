import NIOCore
import RegistryStorage

/// A driver of the host that is no plugin: hands every call on to another one.
final class ForwardingDriver: StorageDriver {
    private let inner: any StorageDriver

    init(_ inner: any StorageDriver) { self.inner = inner }

    var name: String { inner.name }
    var capabilities: StorageCapabilities { inner.capabilities }

    func content(at path: StoragePath, limit: Int) async throws(StorageError) -> ByteBuffer {
        try await inner.content(at: path, limit: limit)
    }

    func put(
        _ body: ByteBuffer, at path: StoragePath, if condition: StorageCondition?
    ) async throws(StorageError) -> StorageStat {
        try await inner.put(body, at: path, if: condition)
    }

    func openReader(
        at path: StoragePath, offset: UInt64, length: UInt64?
    ) async throws(StorageError) -> any StorageReader {
        try await inner.openReader(at: path, offset: offset, length: length)
    }

    func openWriter(
        at path: StoragePath, mode: StorageWriteMode, sizeHint: UInt64?
    ) async throws(StorageError) -> any StorageWriter {
        try await inner.openWriter(at: path, mode: mode, sizeHint: sizeHint)
    }

    func stat(_ path: StoragePath) async throws(StorageError) -> StorageStat { try await inner.stat(path) }

    func list(
        _ path: StoragePath, from cursor: StorageCursor, limit: Int
    ) async throws(StorageError) -> StoragePage {
        try await inner.list(path, from: cursor, limit: limit)
    }

    func walk(
        _ prefix: StoragePath, from cursor: StorageCursor, limit: Int
    ) async throws(StorageError) -> StoragePage {
        try await inner.walk(prefix, from: cursor, limit: limit)
    }

    func move(
        _ source: StoragePath, to destination: StoragePath, if condition: StorageCondition?
    ) async throws(StorageError) {
        try await inner.move(source, to: destination, if: condition)
    }

    func remove(_ path: StoragePath, tree: Bool) async throws(StorageError) {
        try await inner.remove(path, tree: tree)
    }

    func redirectURL(_ request: StorageRedirect) async throws(StorageError) -> String? {
        try await inner.redirectURL(request)
    }

    func copy(
        _ source: StoragePath, to destination: StoragePath, if condition: StorageCondition?
    ) async throws(StorageError) -> StorageStat {
        try await inner.copy(source, to: destination, if: condition)
    }

    func removeBatch(_ paths: [StoragePath]) async throws(StorageError) -> [StorageError?] {
        try await inner.removeBatch(paths)
    }

    func checksum(of path: StoragePath, algorithm: String) async throws(StorageError) -> String {
        try await inner.checksum(of: path, algorithm: algorithm)
    }
}
