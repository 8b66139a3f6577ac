import PluginABI

/// What `moor_storage.obj` stands for when the driver blocks or runs inline.
final class BlockingStorage: Sendable {
    let driver: any BlockingStorageDriver
    let capabilities: StorageCapabilities
    let gate: OperationGate
    private let execution: UInt32

    init(_ driver: any BlockingStorageDriver, execution: UInt32, gate: OperationGate) {
        self.driver = driver
        self.capabilities = driver.capabilities
        self.execution = execution
        self.gate = gate
    }

    /// The table. `obj` isn't retained: the instance keeps this object until its destroy.
    func table() -> moor_storage {
        var table = moor_storage()
        table.struct_size = UInt32(MemoryLayout<moor_storage>.size)
        table.exec_flags = execution
        table.caps = capabilities.rawValue
        table.obj = Unmanaged.passUnretained(self).toOpaque()
        table.get_content = blockingGetContent
        table.put_content = blockingPutContent
        table.open_reader = blockingOpenReader
        table.open_writer = blockingOpenWriter
        table.stat_path = blockingStat
        table.list_page = blockingList
        table.move_path = blockingMove
        table.remove_path = blockingRemove
        table.redirect_url = blockingRedirect
        if capabilities.contains(.walk) { table.walk_page = blockingWalk }
        if capabilities.contains(.copy) { table.copy_path = blockingCopy }
        if capabilities.contains(.batchRemove) { table.remove_batch = blockingRemoveBatch }
        if capabilities.contains(.checksum) { table.checksum_path = blockingChecksum }
        return table
    }
}

/// The longest page; what a limit of 0 means.
let maximumPage = 1000

/// Runs one operation: refused after stop, cancelled or too late it doesn't begin; what it throws goes to `failed`.
/// `body` ends with the completion, so that there is exactly one.
@inline(__always)
func perform(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>,
    _ body: (BlockingStorage, CallContext) throws(PluginError) -> Void,
    failed: (UnsafePointer<moor_error>) -> Void
) {
    guard let obj else { return missingObject.withCError(failed) }
    // Not retained: the host destroys the instance after the last completion, and destroy waits for the gate.
    Unmanaged<BlockingStorage>.fromOpaque(obj)._withUnsafeGuaranteedRef { storage in
        guard storage.gate.enter() else { return shutdownError.withCError(failed) }
        do throws(PluginError) {
            let context = CallContext(call, gate: storage.gate)
            try context.checkStart()
            try body(storage, context)
        } catch {
            error.withCError(failed)
        }
        storage.gate.leave()
    }
}

/// What a call without its object gets.
var missingObject: PluginError { PluginError(.internalFailure, "the call came without its obj", noEffect: true) }

/// What an operation after stop gets.
var shutdownError: PluginError { PluginError(.shutdown, "the instance was stopped", noEffect: true) }

// MARK: - Whole objects

private func blockingGetContent(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ limit: UInt64,
    _ done: moor_done_buf
) {
    let context = call.pointee.done_ctx
    perform(obj, call) { storage, call throws(PluginError) in
        let bytes = try storage.driver.readContent(at: StoragePath(path), limit: limit, call)
        withUnsafePointer(to: bytes.take()) { done(context, nil, $0) }
    } failed: {
        done(context, $0, nil)
    }
}

private func blockingPutContent(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ body: moor_bytes,
    _ condition: UnsafePointer<moor_precond>?, _ done: moor_done_stat
) {
    let context = call.pointee.done_ctx
    perform(obj, call) { storage, call throws(PluginError) in
        guard body.ptr != nil || body.len == 0 else {
            throw PluginError(.invalidArgument, "the body has a length and no bytes", noEffect: true)
        }
        let condition = try Precondition(condition, capabilities: storage.capabilities)
        let stat = try storage.driver.putContent(body.bytes, at: StoragePath(path), if: condition, call)
        stat.withCStat(path: path) { done(context, nil, $0) }
    } failed: {
        done(context, $0, nil)
    }
}

private func blockingStat(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ done: moor_done_stat
) {
    let context = call.pointee.done_ctx
    perform(obj, call) { storage, call throws(PluginError) in
        let stat = try storage.driver.stat(StoragePath(path, root: true), call)
        stat.withCStat(path: path) { done(context, nil, $0) }
    } failed: {
        done(context, $0, nil)
    }
}

private func blockingChecksum(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ algorithm: moor_str,
    _ done: moor_done_buf
) {
    let context = call.pointee.done_ctx
    perform(obj, call) { storage, call throws(PluginError) in
        let digest = try storage.driver.checksum(of: StoragePath(path), algorithm: algorithm.text, call)
        withUnsafePointer(to: try OwnedBytes(digest).take()) { done(context, nil, $0) }
    } failed: {
        done(context, $0, nil)
    }
}

private func blockingRedirect(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ request: UnsafePointer<moor_redirect_req>,
    _ done: moor_done_buf
) {
    let context = call.pointee.done_ctx
    perform(obj, call) { storage, call throws(PluginError) in
        let path = try StoragePath(request.pointee.path)
        guard let request = RedirectRequest(request) else { throw .unsupported }
        let url = try storage.driver.redirectURL(for: request, at: path, call) ?? ""
        withUnsafePointer(to: try OwnedBytes(url).take()) { done(context, nil, $0) }
    } failed: {
        done(context, $0, nil)
    }
}

// MARK: - Names

private func blockingMove(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ source: moor_str, _ destination: moor_str,
    _ condition: UnsafePointer<moor_precond>?, _ done: moor_done_void
) {
    let context = call.pointee.done_ctx
    perform(obj, call) { storage, call throws(PluginError) in
        let source = try StoragePath(source)
        let destination = try StoragePath(destination)
        let condition = try Precondition(condition, capabilities: storage.capabilities)
        if source == destination {
            guard try storage.driver.stat(source, call).kind == .object else {
                throw PluginError(.invalidArgument, "a prefix can't be moved", noEffect: true)
            }
        } else {
            try storage.driver.move(source, to: destination, if: condition, call)
        }
        done(context, nil)
    } failed: {
        done(context, $0)
    }
}

private func blockingCopy(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ source: moor_str, _ destination: moor_str,
    _ condition: UnsafePointer<moor_precond>?, _ done: moor_done_stat
) {
    let context = call.pointee.done_ctx
    perform(obj, call) { storage, call throws(PluginError) in
        let condition = try Precondition(condition, capabilities: storage.capabilities)
        let target = try StoragePath(destination)
        let stat = try storage.driver.copy(StoragePath(source), to: target, if: condition, call)
        stat.withCStat(path: destination) { done(context, nil, $0) }
    } failed: {
        done(context, $0, nil)
    }
}

private func blockingRemove(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ flags: UInt32,
    _ done: moor_done_void
) {
    let context = call.pointee.done_ctx
    perform(obj, call) { storage, call throws(PluginError) in
        let tree = flags & MOOR_REMOVE_TREE != 0
        if flags & ~MOOR_REMOVE_TREE != 0 || tree && !storage.capabilities.contains(.removeTree) {
            throw .unsupported
        }
        try storage.driver.remove(StoragePath(path), tree: tree, call)
        done(context, nil)
    } failed: {
        done(context, $0)
    }
}

private func blockingRemoveBatch(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ paths: UnsafePointer<moor_str>, _ count: Int,
    _ done: moor_done_items
) {
    let context = call.pointee.done_ctx
    perform(obj, call) { storage, call throws(PluginError) in
        guard count >= 0, count <= 1000 else {
            throw PluginError(.invalidArgument, "a batch holds at most 1000 paths", noEffect: true)
        }
        let results = (0..<count).map { index -> PluginError? in
            do throws(PluginError) {
                try call.checkCancellation()
                try storage.driver.remove(StoragePath(paths[index]), tree: false, call)
                return nil
            } catch {
                return error
            }
        }
        results.withCItems { done(context, nil, $0, $1) }
    } failed: {
        done(context, $0, nil, 0)
    }
}

// MARK: - Pages

private func blockingList(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ token: moor_bytes,
    _ limit: UInt32, _ done: moor_done_page
) {
    let context = call.pointee.done_ctx
    perform(obj, call) { storage, call throws(PluginError) in
        let page = try storage.driver.list(
            StoragePath(path, root: true), from: ListStart(token), limit: pageLimit(limit), call)
        page.withCPage { done(context, nil, $0) }
    } failed: {
        done(context, $0, nil)
    }
}

private func blockingWalk(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ token: moor_bytes,
    _ limit: UInt32, _ done: moor_done_page
) {
    let context = call.pointee.done_ctx
    perform(obj, call) { storage, call throws(PluginError) in
        let page = try storage.driver.walk(
            StoragePath(path, root: true), from: ListStart(token), limit: pageLimit(limit), call)
        page.withCPage { done(context, nil, $0) }
    } failed: {
        done(context, $0, nil)
    }
}

func pageLimit(_ limit: UInt32) -> Int { limit == 0 ? maximumPage : min(Int(limit), maximumPage) }

// MARK: - Streams

private func blockingOpenReader(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ offset: UInt64,
    _ length: UInt64, _ flags: UInt32, _ done: moor_done_reader
) {
    let context = call.pointee.done_ctx
    perform(obj, call) { storage, call throws(PluginError) in
        guard flags == 0 else { throw .unsupported }
        let opened = try storage.driver.openReader(at: StoragePath(path), offset: offset, length: length, call)
        BlockingReader.complete(opened, storage: storage) { done(context, nil, $0) }
    } failed: {
        done(context, $0, nil)
    }
}

private func blockingOpenWriter(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ mode: UInt32,
    _ offset: UInt64, _ token: moor_bytes, _ sizeHint: UInt64, _ done: moor_done_writer
) {
    let context = call.pointee.done_ctx
    perform(obj, call) { storage, call throws(PluginError) in
        let path = try StoragePath(path)
        let mode = try WriterMode(mode, offset: offset, token: token, capabilities: storage.capabilities)
        let hint = sizeHint == MOOR_UNKNOWN_SIZE ? nil : sizeHint
        let writer = try storage.driver.openWriter(at: path, mode: mode, sizeHint: hint, call)
        BlockingWriter.complete(writer, at: path, storage: storage) { done(context, nil, $0) }
    } failed: {
        done(context, $0, nil)
    }
}

extension WriterMode {
    init(
        _ mode: UInt32, offset: UInt64, token: moor_bytes, capabilities: StorageCapabilities
    ) throws(PluginError) {
        switch mode {
        case MOOR_W_CREATE:
            guard offset == 0 else {
                throw PluginError(.invalidArgument, "a new writer starts at 0", noEffect: true)
            }
            self = .create
        case MOOR_W_APPEND where capabilities.contains(.resume):
            self = .append(offset: offset == MOOR_UNKNOWN_SIZE ? nil : offset, token: [UInt8](token.bytes))
        case MOOR_W_TAKE where capabilities.contains(.take):
            self = .take(
                offset: offset == MOOR_UNKNOWN_SIZE ? nil : offset,
                etag: String(decoding: token.bytes, as: UTF8.self))
        default: throw .unsupported
        }
    }
}
