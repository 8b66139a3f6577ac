/// A storage around another one. Passes every call on; override what should be different.
///
/// ```swift
/// final class ReadOnly: StorageMiddleware {
///     override func putContent(
///         _ body: UnsafeRawBufferPointer, at path: String, if condition: Precondition, _ call: CallContext
///     ) async throws -> ObjectStat { throw PluginError(.permission, "read only", noEffect: true) }
/// }
/// ```
///
/// Readers and writers of the inner storage that are returned as they are cost nothing: the host uses them directly.
open class StorageMiddleware: StorageDriver, @unchecked Sendable {
    // Sendable: immutable here; a subclass with state of its own guards it.
    /// What is wrapped. Never called after `stop`.
    public let inner: InnerStorage

    /// Wraps a storage.
    public init(_ inner: InnerStorage) { self.inner = inner }

    /// Those of the inner storage; a subset of them, and what the middleware itself provides.
    open var capabilities: StorageCapabilities { inner.capabilities }
    /// No limit of its own.
    open var maximumConcurrency: UInt32 { 0 }
    /// Ends the middleware, not the inner storage.
    open func stop() async {}

    /// Passed on.
    open func readContent(at path: String, limit: UInt64, _ call: CallContext) async throws -> OwnedBytes {
        try await inner.readContent(at: path, limit: limit, call)
    }
    /// Passed on.
    open func putContent(
        _ body: UnsafeRawBufferPointer, at path: String, if condition: Precondition, _ call: CallContext
    ) async throws -> ObjectStat { try await inner.putContent(body, at: path, if: condition, call) }
    /// Passed on.
    open func openReader(
        at path: String, offset: UInt64, length: UInt64, _ call: CallContext
    ) async throws -> OpenedStream { try await inner.openReader(at: path, offset: offset, length: length, call) }
    /// Passed on.
    open func openWriter(
        at path: String, mode: WriterMode, sizeHint: UInt64?, _ call: CallContext
    ) async throws -> any ObjectWriter {
        try await inner.openWriter(at: path, mode: mode, sizeHint: sizeHint, call)
    }
    /// Passed on.
    open func stat(_ path: String, _ call: CallContext) async throws -> ObjectStat {
        try await inner.stat(path, call)
    }
    /// Passed on.
    open func list(
        _ path: String, from start: ListStart, limit: Int, _ call: CallContext
    ) async throws -> ListPage { try await inner.list(path, from: start, limit: limit, call) }
    /// Passed on.
    open func walk(
        _ path: String, from start: ListStart, limit: Int, _ call: CallContext
    ) async throws -> ListPage { try await inner.walk(path, from: start, limit: limit, call) }
    /// Passed on.
    open func move(
        _ source: String, to destination: String, if condition: Precondition, _ call: CallContext
    ) async throws { try await inner.move(source, to: destination, if: condition, call) }
    /// Passed on.
    open func copy(
        _ source: String, to destination: String, if condition: Precondition, _ call: CallContext
    ) async throws -> ObjectStat { try await inner.copy(source, to: destination, if: condition, call) }
    /// Passed on.
    open func remove(_ path: String, tree: Bool, _ call: CallContext) async throws {
        try await inner.remove(path, tree: tree, call)
    }
    /// Passed on.
    open func removeBatch(_ paths: [String], _ call: CallContext) async throws -> [PluginError?] {
        try await inner.removeBatch(paths, call)
    }
    /// Passed on.
    open func redirectURL(
        for request: RedirectRequest, at path: String, _ call: CallContext
    ) async throws -> String? { try await inner.redirectURL(for: request, at: path, call) }
    /// Passed on.
    open func checksum(of path: String, algorithm: String, _ call: CallContext) async throws -> String {
        try await inner.checksum(of: path, algorithm: algorithm, call)
    }
}
