public import NIOCore

/// What a driver can do beyond the required operations.
public struct StorageCapabilities: OptionSet, Sendable {
    /// The bits.
    public let rawValue: UInt64

    /// - Parameter rawValue: the bits `MOOR_CAP_*` of the plugin header.
    public init(rawValue: UInt64) {
        self.rawValue = rawValue
    }

    /// `.ifAbsent` is atomic, also against other processes.
    public static let putIfAbsent = Self(rawValue: 1 << 0)
    /// `.ifMatch` is atomic, also against other processes.
    public static let ifMatch = Self(rawValue: 1 << 1)
    /// A move is one step, seen by all.
    public static let atomicMove = Self(rawValue: 1 << 2)
    /// `copy` works.
    public static let copy = Self(rawValue: 1 << 3)
    /// `removeBatch` works.
    public static let batchRemove = Self(rawValue: 1 << 4)
    /// `checksum` works.
    public static let checksum = Self(rawValue: 1 << 5)
    /// `redirectURL` may answer for GET and HEAD.
    public static let redirectGet = Self(rawValue: 1 << 6)
    /// `redirectURL` may answer for PUT.
    public static let redirectPut = Self(rawValue: 1 << 7)
    /// Suspended writers can be resumed, also after a restart.
    public static let resume = Self(rawValue: 1 << 8)
    /// Readers may carry a descriptor.
    public static let descriptorRead = Self(rawValue: 1 << 9)
    /// Writers take a file's bytes from a descriptor.
    public static let descriptorWrite = Self(rawValue: 1 << 10)
    /// `walk` works.
    public static let walk = Self(rawValue: 1 << 11)
    /// A listing shows every write that completed before it.
    public static let strongList = Self(rawValue: 1 << 12)
    /// `remove` can remove all below a prefix.
    public static let removeTree = Self(rawValue: 1 << 13)
    /// Writers can go on with the object at a path itself (`StorageWriteMode.take`).
    public static let take = Self(rawValue: 1 << 14)
    /// `walk` goes by whole keys: `/` is a byte like others.
    public static let walkByKey = Self(rawValue: 1 << 15)
    /// Suspended bytes can be gone on with at another path, and are published there.
    public static let adopt = Self(rawValue: 1 << 16)
}

/// A condition on what stands at a path.
public enum StorageCondition: Sendable, Hashable {
    /// Nothing may stand there.
    case ifAbsent
    /// The object there must have this etag.
    case ifMatch(String)
}

/// What stands at a path.
public struct StorageStat: Sendable, Hashable {
    /// Object or prefix.
    public enum Kind: UInt32, Sendable {
        case object = 1
        case prefix = 2
    }

    /// The full path.
    public var path: String
    /// Object, or a prefix: a path with objects below it.
    public var kind: Kind
    /// Bytes; 0 for a prefix, and in listings when it would cost a call.
    public var size: UInt64
    /// Last change, nanoseconds since 1970; 0: unknown.
    public var modified: Int64
    /// Changes with the content and only then; may be empty.
    public var etag: String
    /// `sha256:<hex>` if the driver knows it; else empty.
    public var checksum: String

    /// A stat of all its parts.
    public init(
        path: String, kind: Kind, size: UInt64, modified: Int64 = 0, etag: String = "", checksum: String = ""
    ) {
        self.path = path
        self.kind = kind
        self.size = size
        self.modified = modified
        self.etag = etag
        self.checksum = checksum
    }

    /// The last segment of the path.
    public var name: Substring {
        path.utf8.lastIndex(of: UInt8(ascii: "/")).map { path[path.utf8.index(after: $0)...] } ?? path[...]
    }
}

/// Where a page of a listing begins.
public enum StorageCursor: Sendable, Hashable {
    case start
    /// Behind this child (`list`) or relative path (`walk`), whether it exists or not.
    case after(String)
    /// Behind the page that gave this token.
    case token([UInt8])
}

/// One page of a listing, in bytewise ascending order of path.
public struct StoragePage: Sendable {
    /// The entries.
    public var entries: [StorageStat]
    /// Where the next page begins; nil on the last one.
    public var next: [UInt8]?

    /// A page of entries.
    public init(entries: [StorageStat], next: [UInt8]?) {
        self.entries = entries
        self.next = next
    }
}

/// What a client could be sent elsewhere for.
public struct StorageRedirect: Sendable {
    /// The client's method.
    public enum Method: UInt32, Sendable {
        case get = 1
        case head = 2
        case put = 3
    }

    /// The client's method.
    public var method: Method
    /// The object.
    public var path: StoragePath
    /// Address of the client, without port; may be empty.
    public var clientAddress: String
    /// `User-Agent` of the client; may be empty.
    public var userAgent: String
    /// How long the URL may stay valid.
    public var lifetime: Duration

    /// A request for a URL.
    public init(
        method: Method, path: StoragePath, clientAddress: String = "", userAgent: String = "",
        lifetime: Duration = .seconds(1200)
    ) {
        self.method = method
        self.path = path
        self.clientAddress = clientAddress
        self.userAgent = userAgent
        self.lifetime = lifetime
    }
}

/// How a writer begins.
public enum StorageWriteMode: Sendable {
    /// From nothing.
    case create
    /// Goes on at `offset` (nil: wherever the content ends) of the suspended writer that `resumeToken` names, without a
    /// token of the newest one at the path, else of the object there.
    case append(offset: UInt64?, resumeToken: [UInt8])
    /// Goes on with the object at the path itself, which isn't there any more until the commit; what lies behind `offset`
    /// (nil: nothing) is dropped. With an etag only if the object has it, else `precondition`.
    case take(offset: UInt64?, etag: String)
}

/// A place for objects under paths. Implementations are safe to call from any task, also concurrently.
///
/// The meaning of every operation is that of `moor_storage` in `mooring/plugin.h`; every one throws `StorageError`.
public protocol StorageDriver: Sendable {
    /// The name that configurations use, for messages and metrics.
    var name: String { get }
    /// What it can do beyond the required operations.
    var capabilities: StorageCapabilities { get }

    /// The whole object, if it has at most `limit` bytes (else `range`).
    func content(at path: StoragePath, limit: Int) async throws(StorageError) -> ByteBuffer
    /// Creates or replaces an object, atomically and durably.
    @discardableResult
    func put(_ body: ByteBuffer, at path: StoragePath, if condition: StorageCondition?)
        async throws(StorageError) -> StorageStat
    /// Opens `length` bytes (nil: all) from `offset`, cut at the object's end; beyond the end: `range`.
    func openReader(at path: StoragePath, offset: UInt64, length: UInt64?)
        async throws(StorageError) -> any StorageReader
    /// Opens a writer; nothing is visible at the path before its commit.
    func openWriter(at path: StoragePath, mode: StorageWriteMode, sizeHint: UInt64?)
        async throws(StorageError) -> any StorageWriter
    /// What stands at the path.
    func stat(_ path: StoragePath) async throws(StorageError) -> StorageStat
    /// Up to `limit` direct children, objects and prefixes. A missing prefix gives an empty page.
    func list(_ path: StoragePath, from cursor: StorageCursor, limit: Int) async throws(StorageError) -> StoragePage
    /// Up to `limit` objects at any depth below `prefix`.
    func walk(_ prefix: StoragePath, from cursor: StorageCursor, limit: Int) async throws(StorageError) -> StoragePage
    /// Renames an object, replacing what stands at `destination`.
    func move(_ source: StoragePath, to destination: StoragePath, if condition: StorageCondition?)
        async throws(StorageError)
    /// Removes an object, or with `tree` all below a prefix.
    func remove(_ path: StoragePath, tree: Bool) async throws(StorageError)
    /// A URL at which the client gets the object itself; nil: serve it.
    func redirectURL(_ request: StorageRedirect) async throws(StorageError) -> String?
    /// Copies an object inside the store.
    @discardableResult
    func copy(_ source: StoragePath, to destination: StoragePath, if condition: StorageCondition?)
        async throws(StorageError) -> StorageStat
    /// Removes up to 1000 objects; one result each, nil for success.
    func removeBatch(_ paths: [StoragePath]) async throws(StorageError) -> [StorageError?]
    /// The digest of an object, `<algorithm>:<hex>`.
    func checksum(of path: StoragePath, algorithm: String) async throws(StorageError) -> String

    /// Runs `body` where this driver's operations are cheapest to call one after the other: for a driver that blocks, on
    /// one of its worker threads, so that a sequence of calls costs one change of thread and not one each.
    func withWorker<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value

    /// As `withWorker`, for a few lookups: statuses, small contents, opened readers. A driver that answers them from memory
    /// when they are warm runs `body` where it is, and changes threads only for what is cold.
    func withLookups<Value: Sendable>(_ body: @escaping @Sendable () async throws -> Value) async throws -> Value
}

extension StorageDriver {
    /// Runs `body` on a worker if the driver blocks.
    public func withLookups<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withWorker(body)
    }

    /// Runs `body` where it is: right for every driver that doesn't block.
    public func withWorker<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await body()
    }
}

/// A descriptor that is closed when the last reference goes.
public protocol OwnedDescriptor: AnyObject, Sendable {
    /// The descriptor, a regular file. Read it with explicit offsets only.
    var number: CInt { get }
}

/// The window of a file in which a reader's bytes lie.
public struct StorageFileRange: Sendable {
    /// Keeps the descriptor open.
    public let descriptor: any OwnedDescriptor
    /// Where the reader's first byte lies.
    public let offset: UInt64
    /// How many bytes there are.
    public let length: UInt64

    /// A window of a file.
    public init(descriptor: any OwnedDescriptor, offset: UInt64, length: UInt64) {
        self.descriptor = descriptor
        self.offset = offset
        self.length = length
    }
}

/// Bytes of one object. One call at a time; `close` exactly once, last (a reader that is dropped closes itself).
public protocol StorageReader: AnyObject, Sendable {
    /// Bytes of the whole object.
    var objectSize: UInt64 { get }
    /// Where the reader starts.
    var offset: UInt64 { get }
    /// How many bytes it serves.
    var length: UInt64 { get }
    /// The object's etag; may be empty.
    var etag: String { get }
    /// The bytes as a window of a file, if the driver gave one.
    var file: StorageFileRange? { get }
    /// The next 1 to `maximum` bytes; nil at the end.
    func next(upTo maximum: Int) async throws(StorageError) -> ByteBuffer?
    /// Frees what the reader holds.
    func close()
}

/// Writes one object from its first byte to its last. One call at a time; `close` exactly once, last (a writer that is
/// dropped closes itself). Without a commit before it, close suspends: the bytes are kept.
public protocol StorageWriter: AnyObject, Sendable {
    /// Where this writer started: bytes kept from earlier sessions.
    var startOffset: UInt64 { get }
    /// Names the suspended bytes for a later `append`; may be empty.
    var resumeToken: [UInt8] { get }
    /// Every write but the last brings at least so many bytes.
    var minimumChunk: Int { get }
    /// Appends all parts or none; gives the offset reached.
    @discardableResult
    func write(_ parts: [ByteBuffer]) async throws(StorageError) -> UInt64
    /// Appends all of a file's window or nothing; gives the offset reached. A driver without `descriptorWrite`:
    /// `unsupported`.
    @discardableResult
    func write(_ file: StorageFileRange) async throws(StorageError) -> UInt64
    /// Makes what was accepted survive a power cut; gives the offset from which a crashed upload resumes.
    @discardableResult
    func sync() async throws(StorageError) -> UInt64
    /// Publishes the object in one step, durably.
    @discardableResult
    func commit(checksum: String, if condition: StorageCondition?) async throws(StorageError) -> StorageStat
    /// Discards the bytes.
    func cancel() async throws(StorageError)
    /// Frees what the writer holds.
    func close() async
}

extension StorageWriter {
    /// Refuses.
    public func write(_ file: StorageFileRange) async throws(StorageError) -> UInt64 {
        throw StorageError(.unsupported, "this writer takes no files")
    }

    /// Any number of bytes.
    public var minimumChunk: Int { 0 }
}
