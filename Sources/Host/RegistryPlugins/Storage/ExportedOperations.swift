import NIOCore
import PluginABI
import RegistryStorage

// The functions of an exported table. Each reads its arguments, which live until `done`, and starts a task.

func exportedGetContent(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ limit: UInt64,
    _ done: @escaping moor_done_buf
) {
    guard let context = ExportedCall(obj, call) else { return }
    let path = path.string
    context.start {
        try await context.driver.content(at: try StoragePath(path), limit: Int(clamping: limit))
    } _: {
        finish($0, context, done)
    }
}

func exportedPutContent(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ body: moor_bytes,
    _ condition: UnsafePointer<moor_precond>?, _ done: @escaping moor_done_stat
) {
    guard let context = ExportedCall(obj, call) else { return }
    let (path, body, condition) = (path.string, ByteBuffer(bytes: body.array), StorageCondition(condition))
    context.start {
        try await context.driver.put(body, at: try StoragePath(path), if: condition)
    } _: {
        finish($0, context, done)
    }
}

func exportedOpenReader(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ offset: UInt64,
    _ length: UInt64, _ flags: UInt32, _ done: @escaping moor_done_reader
) {
    guard let context = ExportedCall(obj, call) else { return }
    let path = path.string
    context.start {
        try await context.driver.openReader(
            at: try StoragePath(path), offset: offset, length: length == .max ? nil : length)
    } _: { result in
        switch result {
        case .failure(let error): error.withTable { done(context.done, $0, nil) }
        case .success(let reader): ExportedReader.complete(reader, context, done)
        }
    }
}

func exportedOpenWriter(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ mode: UInt32,
    _ offset: UInt64, _ token: moor_bytes, _ hint: UInt64, _ done: @escaping moor_done_writer
) {
    guard let context = ExportedCall(obj, call) else { return }
    let (path, token) = (path.string, token.array)
    let start = offset == .max ? nil : offset
    context.start {
        let write: StorageWriteMode
        switch mode {
        case 0: write = .create
        case 1: write = .append(offset: start, resumeToken: token)
        case 2: write = .take(offset: start, etag: String(decoding: token, as: UTF8.self))
        default: throw StorageError(.unsupported, "unknown writer mode \(mode)")
        }
        await context.exported.waitForClosedWriters()
        return try await context.driver.openWriter(
            at: try StoragePath(path), mode: write, sizeHint: hint == .max ? nil : hint)
    } _: { result in
        switch result {
        case .failure(let error): error.withTable { done(context.done, $0, nil) }
        case .success(let writer): ExportedWriter.complete(writer, context, done)
        }
    }
}

func exportedStat(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str,
    _ done: @escaping moor_done_stat
) {
    guard let context = ExportedCall(obj, call) else { return }
    let path = path.string
    context.start {
        try await context.driver.stat(try StoragePath(path))
    } _: {
        finish($0, context, done)
    }
}

func exportedList(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ token: moor_bytes,
    _ limit: UInt32, _ done: @escaping moor_done_page
) {
    exportPage(obj, call, path, token, limit, done) { try await $0.list($1, from: $2, limit: $3) }
}

func exportedWalk(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ token: moor_bytes,
    _ limit: UInt32, _ done: @escaping moor_done_page
) {
    exportPage(obj, call, path, token, limit, done) { try await $0.walk($1, from: $2, limit: $3) }
}

private func exportPage(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ token: moor_bytes,
    _ limit: UInt32, _ done: @escaping moor_done_page,
    _ page: @escaping @Sendable (any StorageDriver, StoragePath, StorageCursor, Int) async throws -> StoragePage
) {
    guard let context = ExportedCall(obj, call) else { return }
    let (path, cursor) = (path.string, StorageCursor(token))
    context.start {
        try await page(context.driver, try StoragePath(path), cursor, limit == 0 ? 1000 : Int(limit))
    } _: {
        finish($0, context, done)
    }
}

func exportedMove(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ source: moor_str, _ destination: moor_str,
    _ condition: UnsafePointer<moor_precond>?, _ done: @escaping moor_done_void
) {
    guard let context = ExportedCall(obj, call) else { return }
    let (source, destination, condition) = (source.string, destination.string, StorageCondition(condition))
    context.start {
        try await context.driver.move(
            try StoragePath(source), to: try StoragePath(destination), if: condition)
    } _: {
        finish($0, context, done)
    }
}

func exportedRemove(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ flags: UInt32,
    _ done: @escaping moor_done_void
) {
    guard let context = ExportedCall(obj, call) else { return }
    let path = path.string
    context.start {
        try await context.driver.remove(try StoragePath(path), tree: flags & 1 != 0)
    } _: {
        finish($0, context, done)
    }
}

func exportedRedirect(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ request: UnsafePointer<moor_redirect_req>,
    _ done: @escaping moor_done_buf
) {
    guard let context = ExportedCall(obj, call) else { return }
    let path = request.pointee.path.string
    let (address, agent) = (request.pointee.client_addr.string, request.pointee.user_agent.string)
    let method = StorageRedirect.Method(rawValue: request.pointee.method)
    let lifetime = Duration.milliseconds(request.pointee.ttl_ms)
    context.start {
        // A method from a later minor version: the client is served here.
        guard let method else { return ByteBuffer() }
        let url = try await context.driver.redirectURL(
            StorageRedirect(
                method: method, path: try StoragePath(path), clientAddress: address, userAgent: agent,
                lifetime: lifetime))
        return ByteBuffer(string: url ?? "")
    } _: {
        finish($0, context, done)
    }
}

func exportedCopy(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ source: moor_str, _ destination: moor_str,
    _ condition: UnsafePointer<moor_precond>?, _ done: @escaping moor_done_stat
) {
    guard let context = ExportedCall(obj, call) else { return }
    let (source, destination, condition) = (source.string, destination.string, StorageCondition(condition))
    context.start {
        try await context.driver.copy(
            try StoragePath(source), to: try StoragePath(destination), if: condition)
    } _: {
        finish($0, context, done)
    }
}

func exportedRemoveBatch(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ paths: UnsafePointer<moor_str>, _ count: Int,
    _ done: @escaping moor_done_items
) {
    guard let context = ExportedCall(obj, call) else { return }
    let paths = (0...1000).contains(count) ? UnsafeBufferPointer(start: paths, count: count).map(\.string) : nil
    context.start {
        guard let paths else { throw StorageError(.invalidArgument, "a batch holds at most 1000 paths") }
        return try await context.driver.removeBatch(try paths.map { try StoragePath($0) })
    } _: { result in
        switch result {
        case .failure(let error): error.withTable { done(context.done, $0, nil, 0) }
        case .success(let errors):
            errors.withItems { done(context.done, nil, $0, $1) }
        }
    }
}

func exportedChecksum(
    _ obj: UnsafeMutableRawPointer?, _ call: UnsafePointer<moor_call>, _ path: moor_str, _ algorithm: moor_str,
    _ done: @escaping moor_done_buf
) {
    guard let context = ExportedCall(obj, call) else { return }
    let (path, algorithm) = (path.string, algorithm.string)
    context.start {
        ByteBuffer(string: try await context.driver.checksum(of: try StoragePath(path), algorithm: algorithm))
    } _: {
        finish($0, context, done)
    }
}

extension StorageCursor {
    /// A cursor from a token: `0x00` and a name starts behind that name.
    init(_ token: moor_bytes) {
        let bytes = token.array
        if bytes.isEmpty {
            self = .start
        } else if bytes[0] == 0 {
            self = .after(String(decoding: bytes.dropFirst(), as: UTF8.self))
        } else {
            self = .token(bytes)
        }
    }
}
