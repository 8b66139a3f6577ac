import PluginABI

/// The storage that a middleware wraps, as a driver: each call goes to the inner table, whose errors come back as they
/// are. Lives as long as the instance.
public final class InnerStorage: StorageDriver, @unchecked Sendable {
    // Sendable: an immutable table whose functions may be called on every thread.
    let table: moor_storage

    /// A copy of as much of the table as it has; members it lacks are NULL.
    init(_ inner: UnsafePointer<moor_storage>) {
        var table = moor_storage()
        let count = min(Int(inner.pointee.struct_size), MemoryLayout<moor_storage>.size)
        withUnsafeMutableBytes(of: &table) { $0.copyMemory(from: UnsafeRawBufferPointer(start: inner, count: count)) }
        self.table = table
    }

    /// Whether its functions may block.
    var mayBlock: Bool { table.exec_flags & MOOR_EXEC_BLOCKING != 0 || table.blocking_ops != 0 }

    /// What it can do.
    public var capabilities: StorageCapabilities { StorageCapabilities(rawValue: table.caps) }

    /// Asks for the whole object.
    public func readContent(at path: String, limit: UInt64, _ call: CallContext) async throws -> OwnedBytes {
        guard let function = table.get_content else { throw PluginError.unsupported }
        let outcome = try await InnerCall.make(call) { inner, call in
            function(table.obj, call, inner.keep(path), limit, InnerCall.buffer)
        }
        guard case .buffer(let buffer) = outcome else { throw InnerStorage.mismatch }
        return OwnedBytes(taking: buffer)
    }

    /// Puts an object.
    public func putContent(
        _ body: UnsafeRawBufferPointer, at path: String, if condition: Precondition, _ call: CallContext
    ) async throws -> ObjectStat {
        guard let function = table.put_content else { throw PluginError.unsupported }
        let body = moor_bytes(body)
        let outcome = try await InnerCall.make(call) { inner, call in
            function(table.obj, call, inner.keep(path), body, inner.keep(condition), InnerCall.stat)
        }
        return try outcome.stat
    }

    /// Opens a reader; what comes back may be handed on as it is.
    public func openReader(
        at path: String, offset: UInt64, length: UInt64, _ call: CallContext
    ) async throws -> OpenedStream {
        guard let function = table.open_reader else { throw PluginError.unsupported }
        let outcome = try await InnerCall.make(call) { inner, call in
            function(table.obj, call, inner.keep(path), offset, length, 0, InnerCall.reader)
        }
        guard case .reader(let reader, let etag) = outcome else { throw InnerStorage.mismatch }
        return OpenedStream(
            size: reader.object_size, window: ReadWindow(offset: reader.offset, length: reader.length), etag: etag,
            source: .inner(reader))
    }

    /// Opens a writer; what comes back may be handed on as it is.
    public func openWriter(
        at path: String, mode: WriterMode, sizeHint: UInt64?, _ call: CallContext
    ) async throws -> any ObjectWriter {
        guard let function = table.open_writer else { throw PluginError.unsupported }
        let hint = sizeHint ?? MOOR_UNKNOWN_SIZE
        let outcome = try await InnerCall.make(call) { inner, call in
            let path = inner.keep(path)
            switch mode {
            case .create:
                function(table.obj, call, path, MOOR_W_CREATE, 0, moor_bytes(), hint, InnerCall.writer)
            case .append(let offset, let token):
                let token = token.withUnsafeBytes { inner.keep($0) }
                function(
                    table.obj, call, path, MOOR_W_APPEND, offset ?? MOOR_UNKNOWN_SIZE, token, hint, InnerCall.writer)
            case .take(let offset, let etag):
                let etag = Array(etag.utf8).withUnsafeBytes { inner.keep($0) }
                function(
                    table.obj, call, path, MOOR_W_TAKE, offset ?? MOOR_UNKNOWN_SIZE, etag, hint, InnerCall.writer)
            }
        }
        guard case .writer(let writer, let token) = outcome else { throw InnerStorage.mismatch }
        return InnerWriter(writer, token)
    }

    /// Looks at a path.
    public func stat(_ path: String, _ call: CallContext) async throws -> ObjectStat {
        guard let function = table.stat_path else { throw PluginError.unsupported }
        return try await InnerCall.make(call) { inner, call in
            function(table.obj, call, inner.keep(path), InnerCall.stat)
        }.stat
    }

    /// Lists direct children.
    public func list(
        _ path: String, from start: ListStart, limit: Int, _ call: CallContext
    ) async throws -> ListPage {
        try await page(table.list_page, path, start, limit, call)
    }

    /// Lists objects at any depth.
    public func walk(
        _ path: String, from start: ListStart, limit: Int, _ call: CallContext
    ) async throws -> ListPage {
        try await page(table.walk_page, path, start, limit, call)
    }

    /// Renames an object.
    public func move(
        _ source: String, to destination: String, if condition: Precondition, _ call: CallContext
    ) async throws {
        guard let function = table.move_path else { throw PluginError.unsupported }
        _ = try await InnerCall.make(call) { inner, call in
            function(
                table.obj, call, inner.keep(source), inner.keep(destination), inner.keep(condition), InnerCall.void)
        }
    }

    /// Copies an object.
    public func copy(
        _ source: String, to destination: String, if condition: Precondition, _ call: CallContext
    ) async throws -> ObjectStat {
        guard let function = table.copy_path else { throw PluginError.unsupported }
        return try await InnerCall.make(call) { inner, call in
            function(
                table.obj, call, inner.keep(source), inner.keep(destination), inner.keep(condition), InnerCall.stat)
        }.stat
    }

    /// Removes an object or a tree.
    public func remove(_ path: String, tree: Bool, _ call: CallContext) async throws {
        guard let function = table.remove_path else { throw PluginError.unsupported }
        _ = try await InnerCall.make(call) { inner, call in
            function(table.obj, call, inner.keep(path), tree ? MOOR_REMOVE_TREE : 0, InnerCall.void)
        }
    }

    /// Removes objects.
    public func removeBatch(_ paths: [String], _ call: CallContext) async throws -> [PluginError?] {
        guard let function = table.remove_batch else { throw PluginError.unsupported }
        let outcome = try await InnerCall.make(call) { inner, call in
            let list = paths.map { inner.keep($0) }.withUnsafeBytes { inner.keep($0) }
            let first = list.ptr.map { UnsafeRawPointer($0).assumingMemoryBound(to: moor_str.self) }
            guard let first else { return InnerCall.items(call.pointee.done_ctx, nil, nil, 0) }
            function(table.obj, call, first, paths.count, InnerCall.items)
        }
        guard case .errors(let errors) = outcome else { throw InnerStorage.mismatch }
        return errors
    }

    /// Asks for a URL.
    public func redirectURL(
        for request: RedirectRequest, at path: String, _ call: CallContext
    ) async throws -> String? {
        guard let function = table.redirect_url else { throw PluginError.unsupported }
        let outcome = try await InnerCall.make(call) { inner, call in
            let raw = withUnsafeBytes(of: request.raw(path, inner)) { inner.keep($0) }
            guard let address = raw.ptr else { return InnerCall.buffer(call.pointee.done_ctx, nil, nil) }
            let request = UnsafeRawPointer(address).assumingMemoryBound(to: moor_redirect_req.self)
            function(table.obj, call, request, InnerCall.buffer)
        }
        let url = try outcome.text
        return url.isEmpty ? nil : url
    }

    /// Asks for a digest.
    public func checksum(of path: String, algorithm: String, _ call: CallContext) async throws -> String {
        guard let function = table.checksum_path else { throw PluginError.unsupported }
        return try await InnerCall.make(call) { inner, call in
            function(table.obj, call, inner.keep(path), inner.keep(algorithm), InnerCall.buffer)
        }.text
    }

    private typealias PageFunction =
        @convention(c) (
            UnsafeMutableRawPointer?, UnsafePointer<moor_call>, moor_str, moor_bytes, UInt32, @escaping moor_done_page
        ) -> Void

    private func page(
        _ function: PageFunction?, _ path: String, _ start: ListStart, _ limit: Int, _ call: CallContext
    ) async throws -> ListPage {
        guard let function else { throw PluginError.unsupported }
        let token = start.rawToken
        let outcome = try await InnerCall.make(call) { inner, call in
            let token = token.withUnsafeBytes { inner.keep($0) }
            function(table.obj, call, inner.keep(path), token, UInt32(clamping: limit), InnerCall.page)
        }
        guard case .page(let page) = outcome else { throw InnerStorage.mismatch }
        return page
    }

    static var mismatch: PluginError { PluginError(.internalFailure, "the inner storage gave another kind of result") }
}

extension InnerCall.Outcome {
    var stat: ObjectStat {
        get throws {
            guard case .stat(let stat) = self else { throw InnerStorage.mismatch }
            return stat
        }
    }

    var text: String {
        get throws {
            guard case .buffer(let buffer) = self else { throw InnerStorage.mismatch }
            return OwnedBytes(taking: buffer).withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
        }
    }
}

extension RedirectRequest {
    /// The request in C, its texts kept by the call.
    fileprivate func raw(_ path: String, _ inner: InnerCall) -> moor_redirect_req {
        var raw = moor_redirect_req()
        raw.struct_size = UInt32(MemoryLayout<moor_redirect_req>.size)
        raw.method = method.rawValue
        raw.path = inner.keep(path)
        raw.client_addr = inner.keep(clientAddress)
        raw.user_agent = inner.keep(userAgent)
        raw.content_type = inner.keep(contentType)
        raw.content_disposition = inner.keep(contentDisposition)
        raw.ttl_ms = timeToLiveMilliseconds
        raw.range_offset = range?.offset ?? 0
        raw.range_length = range?.length ?? MOOR_UNKNOWN_SIZE
        return raw
    }
}
