public import NIOCore
public import RegistryStorage
import Synchronization

/// A storage in memory that does what a driver must do and no more, notes every call, and fails where a test wants it to.
///
/// It is strict where drivers may be lax: calls that the contract forbids are noted in `violations`.
public final class TestStorage: StorageDriver {
    /// One call.
    public struct Call: Hashable, Sendable, CustomStringConvertible {
        /// What was called.
        public enum Kind: String, Sendable {
            case content, put, openReader, create, append, take, stat, list, move, remove, removeTree, redirect
            case read, write, sync, commit, cancel, suspend
        }

        /// What was called.
        public let kind: Kind
        /// The path; of a reader or writer the one it was opened for.
        public let path: String

        /// The call as messages show it.
        public var description: String { "\(kind) \(path)" }
    }

    /// What happens to a call.
    public enum Fault: Sendable {
        /// It fails before it does anything.
        case before(StorageError)
        /// It does what it should, and then fails: the answer got lost.
        case after(StorageError)
    }

    struct State {
        var root = Node()
        var hasTags = true
        var modified: Int64 = 0
        var suspended: [String: Suspended] = [:]
        var nextToken = 0
        var calls: [Call] = []
        var violations: [String] = []
        var fault: (@Sendable (Call, Int) -> Fault?)?
        var pause: (@Sendable (Call) async -> Void)?
        var url: (@Sendable (StorageRedirect) -> String?)?
    }

    /// Bytes of a writer that wasn't committed.
    struct Suspended {
        let path: String
        let order: Int
        var bytes: ByteBuffer
        var isOpen: Bool
    }

    /// As in `StorageDriver`.
    public let name = "test"
    /// As in `StorageDriver`.
    public let capabilities: StorageCapabilities
    private let namesWriters: Bool
    private let minimumChunk: Int
    private let state = Mutex(State())

    /// - Parameters:
    ///   - capabilities: what it claims; it can remove trees only if it claims to.
    ///   - namesWriters: whether writers have resume tokens, and objects tags.
    ///   - minimumChunk: as writers tell it.
    public init(
        capabilities: StorageCapabilities = TestStorage.able, namesWriters: Bool = true, minimumChunk: Int = 0
    ) {
        self.capabilities = capabilities
        self.namesWriters = namesWriters
        self.minimumChunk = minimumChunk
        state.withLock { $0.hasTags = namesWriters }
    }

    /// What the drivers of disks can do.
    public static let able: StorageCapabilities = [
        .resume, .removeTree, .atomicMove, .strongList, .putIfAbsent, .take,
    ]
    /// What those of buckets can do: bytes on their way stay with a writer.
    public static let suspending: StorageCapabilities = [.resume, .removeTree, .atomicMove, .strongList]

    // MARK: What tests see and set

    /// The calls since the last `forget`, closing of readers left out.
    public var calls: [Call] { state.withLock { $0.calls } }
    /// Calls that the contract forbids.
    public var violations: [String] { state.withLock { $0.violations } }
    /// All objects by path.
    public var objects: [String: ByteBuffer] { state.withLock { $0.root.objects(below: "") } }
    /// Paths of writers that were neither committed nor cancelled.
    public var suspendedPaths: [String] { state.withLock { $0.suspended.values.map(\.path).sorted() } }

    /// Forgets the calls so far.
    public func forget() { state.withLock { $0.calls = [] } }

    /// Decides for every call, given with its number since the last `forget`, whether it fails.
    public func fail(_ fault: (@Sendable (Call, Int) -> Fault?)?) { state.withLock { $0.fault = fault } }

    /// Runs before every call; what it waits for holds the call up.
    public func pause(_ pause: (@Sendable (Call) async -> Void)?) { state.withLock { $0.pause = pause } }

    /// Sets when all objects were written, as a status tells it; 0: unknown.
    public func date(_ nanoseconds: Int64) { state.withLock { $0.modified = nanoseconds } }

    /// Gives the URLs of redirects.
    public func redirect(_ url: (@Sendable (StorageRedirect) -> String?)?) { state.withLock { $0.url = url } }

    /// Puts an object there without a call.
    public func plant(_ text: String, at path: String) {
        state.withLock { $0.root.set(ByteBuffer(string: text), at: path.split(separator: "/")[...]) }
    }

    /// Takes an object away without a call.
    public func uproot(_ path: String) {
        state.withLock { _ = $0.root.remove(path.split(separator: "/")[...]) }
    }

    // MARK: Calls

    /// Notes a call, lets it fail if that is wanted, and does it in one step.
    func perform<Value: Sendable>(
        _ kind: Call.Kind, _ path: String, _ body: @Sendable (inout State) throws(StorageError) -> Value
    ) async throws(StorageError) -> Value {
        let call = Call(kind: kind, path: path)
        let (number, fault, pause) = state.withLock { state in
            state.calls.append(call)
            let number = state.calls.count - 1
            return (number, state.fault, state.pause)
        }
        await pause?(call)
        let outcome = fault?(call, number)
        if case .before(let error)? = outcome { throw error }
        let result = state.withLock { state in
            Result<Value, StorageError> { () throws(StorageError) in try body(&state) }
        }
        if case .after(let error)? = outcome { throw error }
        return try result.get()
    }

    func note(_ violation: String) { state.withLock { $0.violations.append(violation) } }

    /// As in `StorageDriver`.
    public func content(at path: StoragePath, limit: Int) async throws(StorageError) -> ByteBuffer {
        try await perform(.content, path.string) { state throws(StorageError) in
            let bytes = try state.object(path)
            guard bytes.readableBytes <= limit else { throw StorageError(.range, "too large") }
            return bytes
        }
    }

    /// As in `StorageDriver`.
    public func put(
        _ body: ByteBuffer, at path: StoragePath, if condition: StorageCondition?
    ) async throws(StorageError) -> StorageStat {
        try await perform(.put, path.string) { state throws(StorageError) in
            try state.store(body, path, condition)
        }
    }

    /// As in `StorageDriver`.
    public func openReader(
        at path: StoragePath, offset: UInt64, length: UInt64?
    ) async throws(StorageError) -> any StorageReader {
        try await perform(.openReader, path.string) { [self] state throws(StorageError) in
            let bytes = try state.object(path)
            let size = UInt64(bytes.readableBytes)
            guard offset <= size else { throw StorageError(.range, "beyond the end") }
            let count = min(length ?? .max, size - offset)
            let part = bytes.getSlice(at: bytes.readerIndex + Int(offset), length: Int(count)) ?? ByteBuffer()
            return TestReader(self, path.string, part, offset: offset, size: size)
        }
    }

    /// As in `StorageDriver`.
    public func openWriter(
        at path: StoragePath, mode: StorageWriteMode, sizeHint: UInt64?
    ) async throws(StorageError) -> any StorageWriter {
        let kind: Call.Kind =
            switch mode {
            case .create: .create
            case .append: .append
            case .take: .take
            }
        let opened = try await perform(kind, path.string) { [capabilities] state throws(StorageError) in
            switch mode {
            case .create: state.newWriter(path.string, ByteBuffer())
            case .append(let offset, let token):
                try state.resume(path, token, offset, adopts: capabilities.contains(.adopt))
            case .take(let offset, let etag):
                try state.take(path, offset, etag, allowed: capabilities.contains(.take))
            }
        }
        return TestWriter(
            self, path, key: opened.key, offset: opened.offset, token: namesWriters ? Array(opened.key.utf8) : [],
            minimumChunk: minimumChunk)
    }

    /// As in `StorageDriver`.
    public func stat(_ path: StoragePath) async throws(StorageError) -> StorageStat {
        try await perform(.stat, path.string) { state throws(StorageError) in
            guard let node = state.root.node(path.segments) else { throw StorageError(.notFound, path.string) }
            var stat = node.stat(path.string, hasTag: state.hasTags)
            stat.modified = state.modified
            return stat
        }
    }

    /// As in `StorageDriver`.
    public func list(
        _ path: StoragePath, from cursor: StorageCursor, limit: Int
    ) async throws(StorageError) -> StoragePage {
        try await perform(.list, path.string) { state throws(StorageError) in
            guard (1...1000).contains(limit) else { throw StorageError(.invalidArgument, "a limit of \(limit)") }
            let start: String
            switch cursor {
            case .start: start = ""
            case .after(let name):
                guard (try? StoragePath("/" + name))?.segments.count == 1, name.utf8.count <= 255 else {
                    throw StorageError(.invalidArgument, "no name: \(name)")
                }
                start = name
            case .token(let token): start = String(decoding: token, as: UTF8.self)
            }
            return state.page(path, after: start, limit)
        }
    }

    /// As in `StorageDriver`.
    public func walk(
        _ prefix: StoragePath, from cursor: StorageCursor, limit: Int
    ) async throws(StorageError) -> StoragePage {
        throw StorageError(.unsupported, "walk")
    }

    /// As in `StorageDriver`.
    public func move(
        _ source: StoragePath, to destination: StoragePath, if condition: StorageCondition?
    ) async throws(StorageError) {
        try await perform(.move, destination.string) { state throws(StorageError) in
            let bytes = try state.object(source)
            try state.store(bytes, destination, condition)
            if source != destination { _ = state.root.remove(source.segments) }
        }
    }

    /// As in `StorageDriver`.
    public func remove(_ path: StoragePath, tree: Bool) async throws(StorageError) {
        let kind: Call.Kind = tree ? .removeTree : .remove
        try await perform(kind, path.string) { [capabilities] state throws(StorageError) in
            if tree { try state.removeTree(path, allowed: capabilities.contains(.removeTree)) }
            if !tree {
                _ = try state.object(path)
                _ = state.root.remove(path.segments)
            }
        }
    }

    /// As in `StorageDriver`.
    public func redirectURL(_ request: StorageRedirect) async throws(StorageError) -> String? {
        try await perform(.redirect, request.path.string) { state in state.url?(request) }
    }

    /// As in `StorageDriver`.
    public func copy(
        _ source: StoragePath, to destination: StoragePath, if condition: StorageCondition?
    ) async throws(StorageError) -> StorageStat {
        throw StorageError(.unsupported, "copy")
    }

    /// As in `StorageDriver`.
    public func removeBatch(_ paths: [StoragePath]) async throws(StorageError) -> [StorageError?] {
        throw StorageError(.unsupported, "removeBatch")
    }

    /// As in `StorageDriver`.
    public func checksum(of path: StoragePath, algorithm: String) async throws(StorageError) -> String {
        throw StorageError(.unsupported, "checksum")
    }
}

extension StoragePath {
    var segments: ArraySlice<Substring> { string.split(separator: "/")[...] }
}
