import PluginABI
import Synchronization

/// What `moor_storage.obj` stands for when the driver is async.
final class AsyncStorage: Sendable {
    let driver: any StorageDriver
    let gate: OperationGate
    let executor: HostExecutor?
    private let running = Mutex<[ObjectIdentifier: RunningCall]>([:])

    init(_ driver: any StorageDriver, executor: HostExecutor?, gate: OperationGate) {
        self.driver = driver
        self.executor = executor
        self.gate = gate
    }

    /// Asked anew each time: a driver may find out in `start` what its backend can do.
    var capabilities: StorageCapabilities { driver.capabilities }

    /// The table. `obj` isn't retained: the instance keeps this object until its destroy.
    func table() -> moor_storage {
        var table = moor_storage()
        table.struct_size = UInt32(MemoryLayout<moor_storage>.size)
        table.obj = Unmanaged.passUnretained(self).toOpaque()
        let capabilities = capabilities
        table.caps = capabilities.rawValue
        table.max_key_len = driver.maximumPathLength
        table.get_content = asyncGetContent
        table.put_content = asyncPutContent
        table.open_reader = asyncOpenReader
        table.open_writer = asyncOpenWriter
        table.stat_path = asyncStat
        table.list_page = asyncList
        table.move_path = asyncMove
        table.remove_path = asyncRemove
        table.redirect_url = asyncRedirect
        if capabilities.contains(.walk) { table.walk_page = asyncWalk }
        if capabilities.contains(.copy) { table.copy_path = asyncCopy }
        if capabilities.contains(.batchRemove) { table.remove_batch = asyncRemoveBatch }
        if capabilities.contains(.checksum) { table.checksum_path = asyncChecksum }
        return table
    }

    func add(_ call: RunningCall) {
        running.withLock { $0[ObjectIdentifier(call)] = call }
        // A stop that began meanwhile has cancelled only what it saw.
        if gate.isClosed { call.cancel(moor_code(MOOR_E_SHUTDOWN)) }
    }

    func remove(_ call: RunningCall) { running.withLock { _ = $0.removeValue(forKey: ObjectIdentifier(call)) } }

    /// Cancels what is in flight; the gate is closed.
    func cancelAll() {
        for call in running.withLock({ Array($0.values) }) { call.cancel(moor_code(MOOR_E_SHUTDOWN)) }
    }
}

/// Runs one operation as a task. Refused after stop, cancelled or too late it doesn't begin. Exactly one of `succeeded`
/// and `failed` is called, with the completion's context.
func launch<Result: Sendable>(
    _ storage: AsyncStorage, _ call: UnsafePointer<moor_call>,
    _ body: @escaping @Sendable (any StorageDriver, CallContext) async throws -> Result,
    succeeded: @escaping @Sendable (UnsafeMutableRawPointer?, Result) -> Void,
    failed: @escaping @Sendable (UnsafeMutableRawPointer?, UnsafePointer<moor_error>) -> Void
) {
    let done = Lent(call.pointee.done_ctx)
    guard storage.gate.enter() else { return shutdownError.withCError { failed(done.value, $0) } }
    let context = CallContext(call, gate: storage.gate)
    do throws(PluginError) {
        try context.checkStart()
    } catch {
        error.withCError { failed(done.value, $0) }
        return storage.gate.leave()
    }
    let running = RunningCall(call)
    storage.add(running)
    let task = Task.detached(executorPreference: storage.executor) {
        let outcome: Swift.Result<Result, PluginError>
        do {
            outcome = .success(try await body(storage.driver, context))
        } catch {
            outcome = .failure(running.explain(error))
        }
        storage.remove(running)
        running.finish()
        switch outcome {
        case .success(let result): succeeded(done.value, result)
        case .failure(let error): error.withCError { failed(done.value, $0) }
        }
        storage.gate.leave()
    }
    running.attach(task)
}

/// As above, from a table's `obj`.
private func launch<Result: Sendable>(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>,
    _ body: @escaping @Sendable (any StorageDriver, CallContext) async throws -> Result,
    succeeded: @escaping @Sendable (UnsafeMutableRawPointer?, Result) -> Void,
    failed: @escaping @Sendable (UnsafeMutableRawPointer?, UnsafePointer<moor_error>) -> Void
) {
    guard let obj else { return missingObject.withCError { failed(call.pointee.done_ctx, $0) } }
    let storage = Unmanaged<AsyncStorage>.fromOpaque(obj).takeUnretainedValue()
    launch(storage, call, body, succeeded: succeeded, failed: failed)
}

// MARK: - Whole objects

private func asyncGetContent(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ limit: UInt64,
    _ done: moor_done_buf
) {
    let path = Lent(path)
    launch(obj, call) { driver, call in
        let bytes = try await driver.readContent(at: StoragePath(path.value).text, limit: limit, call)
        return bytes.take()
    } succeeded: { context, buffer in
        withUnsafePointer(to: buffer) { done(context, nil, $0) }
    } failed: {
        done($0, $1, nil)
    }
}

private func asyncPutContent(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ body: moor_bytes,
    _ condition: UnsafePointer<moor_precond>?, _ done: moor_done_stat
) {
    let input = Lent((path: path, body: body, condition: condition))
    launch(obj, call) { driver, call in
        let input = input.value
        guard input.body.ptr != nil || input.body.len == 0 else {
            throw PluginError(.invalidArgument, "the body has a length and no bytes", noEffect: true)
        }
        let condition = try Precondition(input.condition, capabilities: driver.capabilities)
        return try await driver.putContent(
            input.body.bytes, at: StoragePath(input.path).text, if: condition, call)
    } succeeded: { context, stat in
        stat.withCStat(path: input.value.path) { done(context, nil, $0) }
    } failed: {
        done($0, $1, nil)
    }
}

private func asyncStat(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ done: moor_done_stat
) {
    let path = Lent(path)
    launch(obj, call) { driver, call in
        try await driver.stat(StoragePath(path.value, root: true).text, call)
    } succeeded: { context, stat in
        stat.withCStat(path: path.value) { done(context, nil, $0) }
    } failed: {
        done($0, $1, nil)
    }
}

private func asyncChecksum(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ algorithm: moor_str,
    _ done: moor_done_buf
) {
    let input = Lent((path: path, algorithm: algorithm))
    launch(obj, call) { driver, call in
        let algorithm = input.value.algorithm.text
        let digest = try await driver.checksum(of: StoragePath(input.value.path).text, algorithm: algorithm, call)
        return try OwnedBytes(digest).take()
    } succeeded: { context, buffer in
        withUnsafePointer(to: buffer) { done(context, nil, $0) }
    } failed: {
        done($0, $1, nil)
    }
}

private func asyncRedirect(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ request: UnsafePointer<moor_redirect_req>,
    _ done: moor_done_buf
) {
    let request = Lent(request)
    launch(obj, call) { driver, call in
        let path = try StoragePath(request.value.pointee.path).text
        guard let request = RedirectRequest(request.value) else { throw PluginError.unsupported }
        return try OwnedBytes(try await driver.redirectURL(for: request, at: path, call) ?? "").take()
    } succeeded: { context, buffer in
        withUnsafePointer(to: buffer) { done(context, nil, $0) }
    } failed: {
        done($0, $1, nil)
    }
}

// MARK: - Names

private func asyncMove(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ source: moor_str, _ destination: moor_str,
    _ condition: UnsafePointer<moor_precond>?, _ done: moor_done_void
) {
    let input = Lent((source: source, destination: destination, condition: condition))
    launch(obj, call) { driver, call in
        let condition = try Precondition(input.value.condition, capabilities: driver.capabilities)
        let destination = try StoragePath(input.value.destination).text
        try await driver.move(StoragePath(input.value.source).text, to: destination, if: condition, call)
    } succeeded: { context, _ in
        done(context, nil)
    } failed: {
        done($0, $1)
    }
}

private func asyncCopy(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ source: moor_str, _ destination: moor_str,
    _ condition: UnsafePointer<moor_precond>?, _ done: moor_done_stat
) {
    let input = Lent((source: source, destination: destination, condition: condition))
    launch(obj, call) { driver, call in
        let condition = try Precondition(input.value.condition, capabilities: driver.capabilities)
        let destination = try StoragePath(input.value.destination).text
        return try await driver.copy(StoragePath(input.value.source).text, to: destination, if: condition, call)
    } succeeded: { context, stat in
        stat.withCStat(path: input.value.destination) { done(context, nil, $0) }
    } failed: {
        done($0, $1, nil)
    }
}

private func asyncRemove(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ flags: UInt32,
    _ done: moor_done_void
) {
    let path = Lent(path)
    launch(obj, call) { driver, call in
        let tree = flags & MOOR_REMOVE_TREE != 0
        if flags & ~MOOR_REMOVE_TREE != 0 || tree && !driver.capabilities.contains(.removeTree) {
            throw PluginError.unsupported
        }
        try await driver.remove(StoragePath(path.value).text, tree: tree, call)
    } succeeded: { context, _ in
        done(context, nil)
    } failed: {
        done($0, $1)
    }
}

private func asyncRemoveBatch(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ paths: UnsafePointer<moor_str>, _ count: Int,
    _ done: moor_done_items
) {
    let input = Lent(paths)
    launch(obj, call) { driver, call in
        guard count >= 0, count <= 1000 else {
            throw PluginError(.invalidArgument, "a batch holds at most 1000 paths", noEffect: true)
        }
        return try await removeBatch(input.value, count, driver, call)
    } succeeded: { context, errors in
        errors.withCItems { done(context, nil, $0, $1) }
    } failed: {
        done($0, $1, nil, 0)
    }
}

/// Asks the driver for the paths that are well formed, and puts the results in the order of the request.
private func removeBatch(
    _ paths: UnsafePointer<moor_str>, _ count: Int, _ driver: any StorageDriver, _ call: CallContext
) async throws -> [PluginError?] {
    var results = [PluginError?](repeating: StoragePath.malformed, count: count)
    var texts: [String] = []
    var places: [Int] = []
    for index in 0..<count {
        guard let path = try? StoragePath(paths[index]) else { continue }
        texts.append(path.text)
        places.append(index)
    }
    let answers = texts.isEmpty ? [] : try await driver.removeBatch(texts, call)
    guard answers.count == places.count else {
        throw PluginError(.internalFailure, "the driver gave \(answers.count) results for \(places.count) paths")
    }
    for (place, answer) in zip(places, answers) { results[place] = answer }
    return results
}

// MARK: - Pages

private func asyncList(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ token: moor_bytes,
    _ limit: UInt32, _ done: moor_done_page
) {
    launchPage(obj, call, path, token, done) { driver, path, start, call in
        try await driver.list(path, from: start, limit: pageLimit(limit), call)
    }
}

private func asyncWalk(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ token: moor_bytes,
    _ limit: UInt32, _ done: moor_done_page
) {
    launchPage(obj, call, path, token, done) { driver, path, start, call in
        try await driver.walk(path, from: start, limit: pageLimit(limit), call)
    }
}

private func launchPage(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ token: moor_bytes,
    _ done: moor_done_page,
    _ page: @escaping @Sendable (any StorageDriver, String, ListStart, CallContext) async throws -> ListPage
) {
    let input = Lent((path: path, token: token))
    launch(obj, call) { driver, call in
        try await page(driver, StoragePath(input.value.path, root: true).text, ListStart(input.value.token), call)
    } succeeded: { context, page in
        page.withCPage { done(context, nil, $0) }
    } failed: {
        done($0, $1, nil)
    }
}

// MARK: - Streams

private func asyncOpenReader(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ offset: UInt64,
    _ length: UInt64, _ flags: UInt32, _ done: moor_done_reader
) {
    guard let obj else { return missingObject.withCError { done(call.pointee.done_ctx, $0, nil) } }
    let storage = Unmanaged<AsyncStorage>.fromOpaque(obj).takeUnretainedValue()
    let path = Lent(path)
    launch(storage, call) { driver, call in
        guard flags == 0 else { throw PluginError.unsupported }
        let opened = try await driver.openReader(
            at: StoragePath(path.value).text, offset: offset, length: length, call)
        let etag = opened.etag
        return (table: AsyncReader.table(opened, storage), etag: etag)
    } succeeded: { context, opened in
        opened.etag.withUnsafeBytes { etag in
            var table = opened.table
            table.etag = moor_str(etag.assumingMemoryBound(to: UInt8.self))
            done(context, nil, &table)
        }
    } failed: {
        done($0, $1, nil)
    }
}

private func asyncOpenWriter(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ mode: UInt32,
    _ offset: UInt64, _ token: moor_bytes, _ sizeHint: UInt64, _ done: moor_done_writer
) {
    guard let obj else { return missingObject.withCError { done(call.pointee.done_ctx, $0, nil) } }
    let storage = Unmanaged<AsyncStorage>.fromOpaque(obj).takeUnretainedValue()
    let input = Lent((path: path, token: token))
    launch(storage, call) { driver, call in
        let path = try StoragePath(input.value.path).text
        let mode = try WriterMode(
            mode, offset: offset, token: input.value.token, capabilities: driver.capabilities)
        let hint = sizeHint == MOOR_UNKNOWN_SIZE ? nil : sizeHint
        let writer = try await driver.openWriter(at: path, mode: mode, sizeHint: hint, call)
        return (table: AsyncWriter.table(writer, path, storage), token: writer.resumeToken)
    } succeeded: { context, opened in
        opened.token.withUnsafeBufferPointer { token in
            var table = opened.table
            table.resume_token = moor_bytes(token)
            done(context, nil, &table)
        }
    } failed: {
        done($0, $1, nil)
    }
}
