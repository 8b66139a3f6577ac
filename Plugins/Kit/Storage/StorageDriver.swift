/// A storage driver whose methods are async: for backends behind a network.
///
/// The kit runs each call as a task on the host's threads (`HostExecutor`); a method never blocks, and a plugin adds no
/// thread. When the host cancels, the deadline passes or the instance is stopped, the task is cancelled: `Task.isCancelled`
/// and `withTaskCancellationHandler` tell, and a `CancellationError` becomes the right code. Use the host's timer
/// instead of `Task.sleep`, which would wake a timer thread of the plugin's own.
///
/// The contract of each operation is the one of the same operation in `mooring/plugin.h`, §4. Errors that aren't
/// `PluginError` become `internalFailure`.
public protocol StorageDriver: AnyObject, Sendable {
    /// What the driver claims; constant from `start` on, which may look what the backend can do.
    var capabilities: StorageCapabilities { get }
    /// The most operations at once; 0: no limit. Constant.
    var maximumConcurrency: UInt32 { get }
    /// The most bytes of a path; 0: 1024. Constant.
    var maximumPathLength: UInt32 { get }

    /// Opens for business: here is the place for the first I/O.
    func start(_ call: CallContext) async throws
    /// Closes; no operation is in flight.
    func stop() async
    /// How the driver is.
    func health(_ call: CallContext) async throws -> Health

    /// The whole object; larger than `limit`: `range`. Nothing, or a prefix: `notFound`.
    func readContent(at path: String, limit: UInt64, _ call: CallContext) async throws -> OwnedBytes
    /// Creates or replaces an object, atomically and durably. The body is lent until the method returns.
    func putContent(
        _ body: UnsafeRawBufferPointer, at path: String, if condition: Precondition, _ call: CallContext
    ) async throws -> ObjectStat
    /// Opens `length` bytes from `offset`, cut at the end (`ReadWindow`).
    func openReader(
        at path: String, offset: UInt64, length: UInt64, _ call: CallContext
    ) async throws -> OpenedStream
    /// Opens a writer. `sizeHint`: the final size, if known.
    func openWriter(
        at path: String, mode: WriterMode, sizeHint: UInt64?, _ call: CallContext
    ) async throws -> any ObjectWriter
    /// What stands at a path.
    func stat(_ path: String, _ call: CallContext) async throws -> ObjectStat
    /// Up to `limit` direct children in bytewise order. A missing prefix: an empty page.
    func list(_ path: String, from start: ListStart, limit: Int, _ call: CallContext) async throws -> ListPage
    /// Renames an object; `source` and `destination` may be equal.
    func move(
        _ source: String, to destination: String, if condition: Precondition, _ call: CallContext
    ) async throws
    /// Removes an object; with `tree` all below a prefix too.
    func remove(_ path: String, tree: Bool, _ call: CallContext) async throws

    /// A URL at which the client gets the object itself; nil: serve it yourself.
    func redirectURL(for request: RedirectRequest, at path: String, _ call: CallContext) async throws -> String?
    /// Up to `limit` objects at any depth, in bytewise order with `/` first. With `.walk`.
    func walk(_ path: String, from start: ListStart, limit: Int, _ call: CallContext) async throws -> ListPage
    /// Copies an object, atomically and durably. With `.copy`.
    func copy(
        _ source: String, to destination: String, if condition: Precondition, _ call: CallContext
    ) async throws -> ObjectStat
    /// Removes objects; an error or nil for each, in the order given. With `.batchRemove`.
    func removeBatch(_ paths: [String], _ call: CallContext) async throws -> [PluginError?]
    /// The digest of an object as "algorithm:hex". With `.checksum`.
    func checksum(of path: String, algorithm: String, _ call: CallContext) async throws -> String
}

extension StorageDriver {
    /// No limit.
    public var maximumConcurrency: UInt32 { 0 }
    /// As long as the ABI allows.
    public var maximumPathLength: UInt32 { 0 }
    /// Nothing to do.
    public func start(_ call: CallContext) async throws {}
    /// Nothing to do.
    public func stop() async {}
    /// Well.
    public func health(_ call: CallContext) async throws -> Health { Health(.ok) }
    /// Serve it yourself.
    public func redirectURL(
        for request: RedirectRequest, at path: String, _ call: CallContext
    ) async throws -> String? { nil }
    /// Not offered.
    public func walk(
        _ path: String, from start: ListStart, limit: Int, _ call: CallContext
    ) async throws -> ListPage { throw PluginError.unsupported }
    /// Not offered.
    public func copy(
        _ source: String, to destination: String, if condition: Precondition, _ call: CallContext
    ) async throws -> ObjectStat { throw PluginError.unsupported }
    /// One after the other.
    public func removeBatch(_ paths: [String], _ call: CallContext) async throws -> [PluginError?] {
        var results: [PluginError?] = []
        for path in paths {
            do {
                try await remove(path, tree: false, call)
                results.append(nil)
            } catch {
                results.append(PluginError(wrapping: error))
            }
        }
        return results
    }
    /// Not offered.
    public func checksum(
        of path: String, algorithm: String, _ call: CallContext
    ) async throws -> String { throw PluginError.unsupported }
}

/// Reads an object piece by piece. Never called twice at once; freed when the host closes it.
public protocol ObjectReader: AnyObject, Sendable {
    /// The next 1 to `maximum` bytes; none at the end, and again at every later call.
    func next(maximum: Int, _ call: CallContext) async throws -> OwnedBytes
}

/// Writes an object from its first byte to its last. Never called twice at once.
///
/// The kit keeps the order: after `commit` or `cancel` succeeded nothing follows but `close`.
public protocol ObjectWriter: AnyObject, Sendable {
    /// The bytes accepted so far; before the first write where the writer starts. Beside an error: still known good.
    var offset: UInt64 { get }
    /// Names the suspended bytes, also after a restart; at most 1024 bytes; empty without `.resume`.
    var resumeToken: [UInt8] { get }
    /// Every write but the last brings at least this many bytes; 0: any.
    var minimumChunk: UInt32 { get }
    /// What works best; 0: no wish.
    var preferredChunk: UInt32 { get }

    /// Appends all parts or none. The parts are lent until the method returns.
    func write(_ parts: ByteParts, _ call: CallContext) async throws
    /// As `write`, from a regular file, whose position stays untouched. With `.fileDescriptorWrite`.
    func write(descriptor: Int32, offset: UInt64, length: UInt64, _ call: CallContext) async throws
    /// Makes what was accepted survive a power cut; returns the offset from which a crashed upload resumes.
    func sync(_ call: CallContext) async throws -> UInt64
    /// Publishes the object in one step and durably. `checksum` may be empty.
    func commit(if condition: Precondition, checksum: String, _ call: CallContext) async throws -> ObjectStat
    /// Discards the bytes.
    func cancel(_ call: CallContext) async throws
    /// Lets go, and doesn't wait. Without commit or cancel before: suspends, the bytes are kept.
    func close()
}

extension ObjectWriter {
    /// None.
    public var resumeToken: [UInt8] { [] }
    /// Any.
    public var minimumChunk: UInt32 { 0 }
    /// No wish.
    public var preferredChunk: UInt32 { 0 }
    /// Not offered.
    public func write(
        descriptor: Int32, offset: UInt64, length: UInt64, _ call: CallContext
    ) async throws { throw PluginError.unsupported }
}
