/// A storage driver whose methods run on the calling thread: the fast path for disks and memory.
///
/// Methods may be called on many threads at once. They block only if the component says `.blocking`; with `.inline` they
/// return within microseconds, because the host calls them on an event loop. Paths, conditions and tokens have been
/// checked. The kit refuses calls after `stop`, waits for those in flight, and completes each exactly once.
///
/// The contract of each operation is the one of the same operation in `mooring/plugin.h`, §4.
public protocol BlockingStorageDriver: AnyObject, Sendable {
    /// What the driver claims; constant.
    var capabilities: StorageCapabilities { get }
    /// The most operations at once; 0: no limit. Constant.
    var maximumConcurrency: UInt32 { get }

    /// Opens for business: here is the place for the first I/O.
    func start(_ call: CallContext) throws(PluginError)
    /// Closes; no operation is in flight.
    func stop()
    /// How the driver is.
    func health(_ call: CallContext) throws(PluginError) -> Health

    /// The whole object; larger than `limit`: `range`. Nothing, or a prefix: `notFound`.
    func readContent(at path: StoragePath, limit: UInt64, _ call: CallContext) throws(PluginError) -> OwnedBytes
    /// Creates or replaces an object, atomically and durably.
    func putContent(
        _ body: UnsafeRawBufferPointer, at path: StoragePath, if condition: Precondition, _ call: CallContext
    ) throws(PluginError) -> ObjectStat
    /// Opens `length` bytes from `offset`, cut at the end (`ReadWindow`).
    func openReader(
        at path: StoragePath, offset: UInt64, length: UInt64, _ call: CallContext
    ) throws(PluginError) -> OpenedObject
    /// Opens a writer. `sizeHint`: the final size, if known.
    func openWriter(
        at path: StoragePath, mode: WriterMode, sizeHint: UInt64?, _ call: CallContext
    ) throws(PluginError) -> any BlockingObjectWriter
    /// What stands at a path.
    func stat(_ path: StoragePath, _ call: CallContext) throws(PluginError) -> ObjectStat
    /// Up to `limit` direct children in bytewise order. A missing prefix: an empty page.
    func list(
        _ path: StoragePath, from start: ListStart, limit: Int, _ call: CallContext
    ) throws(PluginError) -> ListPage
    /// Renames an object. The kit has dealt with `source` equal to `destination`, provided the object exists.
    func move(
        _ source: StoragePath, to destination: StoragePath, if condition: Precondition, _ call: CallContext
    ) throws(PluginError)
    /// Removes an object; with `tree` all below a prefix too.
    func remove(_ path: StoragePath, tree: Bool, _ call: CallContext) throws(PluginError)

    /// A URL at which the client gets the object itself; nil: serve it yourself.
    func redirectURL(
        for request: RedirectRequest, at path: StoragePath, _ call: CallContext
    ) throws(PluginError) -> String?
    /// Up to `limit` objects at any depth, in bytewise order with `/` first. With `.walk`.
    func walk(
        _ path: StoragePath, from start: ListStart, limit: Int, _ call: CallContext
    ) throws(PluginError) -> ListPage
    /// Copies an object, atomically and durably. With `.copy`.
    func copy(
        _ source: StoragePath, to destination: StoragePath, if condition: Precondition, _ call: CallContext
    ) throws(PluginError) -> ObjectStat
    /// The digest of an object as "algorithm:hex". With `.checksum`.
    func checksum(of path: StoragePath, algorithm: String, _ call: CallContext) throws(PluginError) -> String
}

extension BlockingStorageDriver {
    /// No limit.
    public var maximumConcurrency: UInt32 { 0 }
    /// Nothing to do.
    public func start(_ call: CallContext) throws(PluginError) {}
    /// Nothing to do.
    public func stop() {}
    /// Well.
    public func health(_ call: CallContext) throws(PluginError) -> Health { Health(.ok) }
    /// Serve it yourself.
    public func redirectURL(
        for request: RedirectRequest, at path: StoragePath, _ call: CallContext
    ) throws(PluginError) -> String? { nil }
    /// Not offered.
    public func walk(
        _ path: StoragePath, from start: ListStart, limit: Int, _ call: CallContext
    ) throws(PluginError) -> ListPage { throw .unsupported }
    /// Not offered.
    public func copy(
        _ source: StoragePath, to destination: StoragePath, if condition: Precondition, _ call: CallContext
    ) throws(PluginError) -> ObjectStat { throw .unsupported }
    /// Not offered.
    public func checksum(
        of path: StoragePath, algorithm: String, _ call: CallContext
    ) throws(PluginError) -> String { throw .unsupported }
}

/// How an instance is.
public struct Health: Sendable {
    /// In one word.
    public enum Status: String, Sendable {
        /// Works.
        case ok
        /// Works, but.
        case degraded
        /// Doesn't work.
        case down
    }

    /// In one word.
    public var status: Status
    /// One line for an operator; may be empty.
    public var message: String

    /// A state, and why.
    public init(_ status: Status, _ message: String = "") {
        self.status = status
        self.message = message
    }

    var json: String {
        let detail = message.isEmpty ? "" : ",\"message\":\(JSONText.quote(message))"
        return "{\"status\":\"\(status.rawValue)\"\(detail)}"
    }
}

/// An object that was opened for reading: a descriptor, a reader, or both.
public struct OpenedObject: ~Copyable, Sendable {
    /// Bytes of the whole object.
    public let size: UInt64
    /// What is served.
    public let window: ReadWindow
    /// Of the content that is served.
    public let etag: EntityTag
    /// A regular file in which the window begins at `descriptorOffset`.
    var descriptor: OwnedDescriptor?
    let descriptorOffset: UInt64
    let reader: (any BlockingObjectReader)?

    /// An object as a window of a regular file, which the host reads at explicit offsets.
    public init(size: UInt64, window: ReadWindow, etag: EntityTag, file: consuming OwnedDescriptor) {
        self.size = size
        self.window = window
        self.etag = etag
        descriptor = consume file
        descriptorOffset = window.offset
        reader = nil
    }

    /// An object that is read piece by piece.
    public init(size: UInt64, window: ReadWindow, etag: EntityTag, reader: any BlockingObjectReader) {
        self.size = size
        self.window = window
        self.etag = etag
        descriptor = nil
        descriptorOffset = 0
        self.reader = reader
    }
}

/// Reads an object piece by piece. Never called twice at once; freed when the host closes it.
public protocol BlockingObjectReader: AnyObject, Sendable {
    /// The next 1 to `maximum` bytes; none at the end, and again at every later call.
    func next(maximum: Int, _ call: CallContext) throws(PluginError) -> OwnedBytes
}

/// Writes an object from its first byte to its last. Never called twice at once.
///
/// The kit keeps the order: after `commit` or `cancel` succeeded nothing follows but `close`.
public protocol BlockingObjectWriter: AnyObject, Sendable {
    /// The bytes accepted so far; before the first write where the writer starts. Beside an error: still known good.
    var offset: UInt64 { get }
    /// Names the suspended bytes, also after a restart; at most 1024 bytes; empty without `.resume`.
    var resumeToken: [UInt8] { get }
    /// Every write but the last brings at least this many bytes; 0: any.
    var minimumChunk: UInt32 { get }
    /// What works best; 0: no wish.
    var preferredChunk: UInt32 { get }

    /// Appends all parts or none.
    func write(_ parts: ByteParts, _ call: CallContext) throws(PluginError)
    /// As `write`, from a regular file, whose position stays untouched. With `.fileDescriptorWrite`.
    func write(
        descriptor: Int32, offset: UInt64, length: UInt64, _ call: CallContext
    ) throws(PluginError)
    /// Makes what was accepted survive a power cut; returns the offset from which a crashed upload resumes.
    func sync(_ call: CallContext) throws(PluginError) -> UInt64
    /// Publishes the object in one step and durably. `checksum` may be empty.
    func commit(
        if condition: Precondition, checksum: String, _ call: CallContext
    ) throws(PluginError) -> ObjectStat
    /// Discards the bytes.
    func cancel(_ call: CallContext) throws(PluginError)
    /// Lets go. Without commit or cancel before: suspends, the bytes are kept.
    func close()
}

extension BlockingObjectWriter {
    /// None.
    public var resumeToken: [UInt8] { [] }
    /// Any.
    public var minimumChunk: UInt32 { 0 }
    /// No wish.
    public var preferredChunk: UInt32 { 0 }
    /// Not offered.
    public func write(
        descriptor: Int32, offset: UInt64, length: UInt64, _ call: CallContext
    ) throws(PluginError) { throw .unsupported }
}
