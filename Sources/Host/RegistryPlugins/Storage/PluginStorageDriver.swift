import Glibc
import NIOCore
import PluginABI
import RegistryStorage
import Synchronization

/// A storage driver behind the C table of a plugin: every result is checked before it is believed.
final class PluginStorageDriver: StorageDriver, CallTarget, @unchecked Sendable {
    // @unchecked: the table is a copy that never changes; its functions are callable from any thread by contract.

    let name: String
    let identity: PluginIdentity
    let policy: ExecutionPolicy
    let capabilities: StorageCapabilities
    let table: moor_storage
    /// Bit n: operation n is offered, by the table or by what it may be passed on to.
    let offered: UInt64
    /// Bit n: operation n is offered by the table itself.
    let own: UInt64
    /// The inner driver of a transparent middleware: operations that the middleware lacks go there.
    let bypass: PluginStorageDriver?
    private let maximumPath: Int
    private let maximumPage: Int
    /// Keeps the instance, and for a middleware the inner driver, alive.
    private let owner: AnyObject

    /// - Parameters:
    ///   - table: filled by the plugin, already checked for its size and required operations.
    ///   - owner: kept as long as the driver.
    ///   - bypass: the inner driver, for a middleware that says that bypassing it is harmless.
    init(
        name: String, table: moor_storage, identity: PluginIdentity, policy: ExecutionPolicy, owner: AnyObject,
        bypass: PluginStorageDriver? = nil
    ) {
        self.name = name
        self.table = table
        self.identity = identity
        self.policy = policy
        self.owner = owner
        self.bypass = bypass
        own = table.offeredOperations
        offered = own | (bypass?.offered ?? 0)
        capabilities = StorageCapabilities(rawValue: table.caps & ~Self.missing(in: offered))
        maximumPath = table.max_key_len == 0 ? 1024 : min(1024, Int(table.max_key_len))
        maximumPage = table.max_list_page == 0 ? 1000 : min(10_000, Int(table.max_list_page))
    }

    /// The capabilities whose operation isn't offered: a bit without its function means nothing.
    private static func missing(in offered: UInt64) -> UInt64 {
        let needs: [(CallOperation, StorageCapabilities)] = [
            (.walk, .walk), (.copy, .copy), (.removeBatch, .batchRemove), (.checksum, .checksum),
        ]
        return needs.reduce(0) { offered >> UInt64($1.0.rawValue) & 1 == 0 ? $0 | $1.1.rawValue : $0 }
    }

    // MARK: StorageDriver

    func content(at path: StoragePath, limit: Int) async throws(StorageError) -> ByteBuffer {
        let slot = try slot(path)
        slot.arguments.number1 = UInt64(max(0, limit))
        let buffer: moor_buf = try await run(slot, .getContent)
        return try take(buffer, limit: limit, .getContent)
    }

    func put(
        _ body: ByteBuffer, at path: StoragePath, if condition: StorageCondition?
    ) async throws(StorageError) -> StorageStat {
        let slot = try slot(path)
        slot.arguments.bytes = slot.refer(to: body)
        slot.arguments.condition = slot.store(condition)
        let found: FoundStat = try await run(slot, .putContent)
        return found.at(path.string)
    }

    func openReader(
        at path: StoragePath, offset: UInt64, length: UInt64?
    ) async throws(StorageError) -> any StorageReader {
        let slot = try slot(path)
        slot.arguments.number1 = offset
        slot.arguments.number2 = length ?? .max
        let opened: OpenedReader = try await run(slot, .openReader)
        let reader = PluginStorageReader(opened, driver: self)
        try reader.check(offset: offset, length: length)
        return reader
    }

    func openWriter(
        at path: StoragePath, mode: StorageWriteMode, sizeHint: UInt64?
    ) async throws(StorageError) -> any StorageWriter {
        if case .take = mode, !capabilities.contains(.take) {
            throw StorageError(.unsupported, "the driver can't go on with an object", driver: name)
        }
        let slot = try slot(path)
        switch mode {
        case .create:
            slot.arguments.flags = 0
            slot.arguments.number1 = 0
            slot.arguments.bytes = moor_bytes()
        case .append(let offset, let token):
            slot.arguments.flags = 1
            slot.arguments.number1 = offset ?? .max
            slot.arguments.bytes = slot.store(token)
        case .take(let offset, let etag):
            slot.arguments.flags = 2
            slot.arguments.number1 = offset ?? .max
            slot.arguments.bytes = slot.store(Array(etag.utf8))
        }
        slot.arguments.number2 = sizeHint ?? .max
        let opened: OpenedWriter = try await run(slot, .openWriter)
        let writer = PluginStorageWriter(opened, path: path.string, driver: self)
        try await writer.check(mode)
        return writer
    }

    func stat(_ path: StoragePath) async throws(StorageError) -> StorageStat {
        let found: FoundStat = try await run(try slot(path), .stat)
        return found.at(path.string)
    }

    func list(
        _ path: StoragePath, from cursor: StorageCursor, limit: Int
    ) async throws(StorageError) -> StoragePage {
        try await page(.list, path, cursor, limit)
    }

    func walk(
        _ prefix: StoragePath, from cursor: StorageCursor, limit: Int
    ) async throws(StorageError) -> StoragePage {
        try require(.walk, .walk)
        return try await page(.walk, prefix, cursor, limit)
    }

    func move(
        _ source: StoragePath, to destination: StoragePath, if condition: StorageCondition?
    ) async throws(StorageError) {
        let slot = try slot(source)
        slot.arguments.path2 = slot.store(destination.string)
        slot.arguments.condition = slot.store(condition)
        let _: Nothing = try await run(slot, .move)
    }

    func remove(_ path: StoragePath, tree: Bool) async throws(StorageError) {
        if tree { try require(.removeTree, .remove) }
        let slot = try slot(path)
        slot.arguments.flags = tree ? 1 : 0
        let _: Nothing = try await run(slot, .remove)
    }

    func redirectURL(_ request: StorageRedirect) async throws(StorageError) -> String? {
        let slot = try slot(request.path)
        slot.arguments.flags = request.method.rawValue
        slot.arguments.number1 = UInt64(max(0, request.lifetime.components.seconds)) &* 1000
        slot.prepareRedirect(request)
        let buffer: moor_buf = try await run(slot, .redirect)
        let url = try take(buffer, limit: 16_384, .redirect)
        guard url.readableBytes > 0 else { return nil }
        guard let text = String(validating: url.readableBytesView, as: UTF8.self) else {
            throw identity.violation(.textIsUTF8, "a redirect URL is not UTF-8")
        }
        return text
    }

    func copy(
        _ source: StoragePath, to destination: StoragePath, if condition: StorageCondition?
    ) async throws(StorageError) -> StorageStat {
        try require(.copy, .copy)
        let slot = try slot(source)
        slot.arguments.path2 = slot.store(destination.string)
        slot.arguments.condition = slot.store(condition)
        let found: FoundStat = try await run(slot, .copy)
        return found.at(destination.string)
    }

    func removeBatch(_ paths: [StoragePath]) async throws(StorageError) -> [StorageError?] {
        try require(.batchRemove, .removeBatch)
        guard paths.count <= 1000 else {
            throw StorageError(.invalidArgument, "\(paths.count) paths in a batch; at most 1000", driver: name)
        }
        let slot = try CallSlots.acquire()
        slot.store(paths: paths.map(\.string))
        let results: ItemErrors = try await run(slot, .removeBatch)
        return results.errors
    }

    func checksum(of path: StoragePath, algorithm: String) async throws(StorageError) -> String {
        try require(.checksum, .checksum)
        let slot = try slot(path)
        slot.arguments.path2 = slot.store(algorithm)
        let buffer: moor_buf = try await run(slot, .checksum)
        return String(buffer: try take(buffer, limit: 1024, .checksum))
    }

    func withWorker<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await runSequence(body)
    }

    func withLookups<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        policy.readsFromMemory ? try await body() : try await runSequence(body)
    }

    // MARK: Parts

    func slot(_ path: StoragePath) throws(StorageError) -> CallSlot {
        guard path.string.utf8.count <= maximumPath else {
            throw StorageError(
                .invalidArgument, "the path has \(path.string.utf8.count) bytes; at most \(maximumPath)", driver: name)
        }
        let slot = try CallSlots.acquire()
        slot.arguments.path = slot.store(path.string)
        return slot
    }

    private func page(
        _ operation: CallOperation, _ path: StoragePath, _ cursor: StorageCursor, _ limit: Int
    ) async throws(StorageError) -> StoragePage {
        let slot = try slot(path)
        switch cursor {
        case .start: slot.arguments.bytes = moor_bytes()
        case .after(let name): slot.arguments.bytes = slot.store([0] + name.utf8)
        case .token(let token): slot.arguments.bytes = slot.store(token)
        }
        slot.arguments.flags = UInt32(clamping: min(maximumPage, max(1, limit)))
        slot.arguments.number2 = operation == .walk && capabilities.contains(.walkByKey) ? 1 : 0
        return try await run(slot, operation)
    }

    private func require(_ capability: StorageCapabilities, _ operation: CallOperation) throws(StorageError) {
        guard offers(operation), capabilities.contains(capability) else {
            let what = capability == .removeTree ? "removal of a tree" : "\(operation)"
            throw StorageError(.unsupported, "the driver offers no \(what)", driver: name)
        }
    }

    func offers(_ operation: CallOperation) -> Bool { offered >> UInt64(operation.rawValue) & 1 != 0 }

    /// Copies a moved buffer and gives it back.
    func take(_ buffer: moor_buf, limit: Int, _ operation: CallOperation) throws(StorageError) -> ByteBuffer {
        defer { buffer.release?(buffer.release_ctx) }
        guard (0...max(0, limit)).contains(buffer.len) else {
            throw identity.violation(
                .lengthsInRange, "\(operation) gave \(buffer.len) bytes; at most \(limit) were asked for")
        }
        guard let pointer = buffer.ptr, buffer.len > 0 else { return ByteBuffer() }
        return ByteBuffer(bytes: UnsafeRawBufferPointer(start: pointer, count: buffer.len))
    }
}
