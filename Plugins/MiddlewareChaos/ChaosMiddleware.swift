import PluginKit

/// A storage in which things go wrong by chance.
final class ChaosMiddleware: StorageMiddleware, @unchecked Sendable {
    // Sendable: immutable; chances are drawn atomically.
    private let chances: Chances

    init(_ options: ChaosOptions, _ context: InstanceContext, _ inner: InnerStorage) {
        chances = Chances(options, context.host)
        super.init(inner)
        context.host.log.write(
            .warning, "chaos is on: storage calls go wrong by chance", [("instance", context.name)])
    }

    /// Bytes pass through here, so nobody gets a descriptor to read or write past the rules.
    override var capabilities: StorageCapabilities {
        inner.capabilities.subtracting([.fileDescriptorRead, .fileDescriptorWrite])
    }

    override func readContent(at path: String, limit: UInt64, _ call: CallContext) async throws -> OwnedBytes {
        try await chances.run(.get, path) { try await inner.readContent(at: path, limit: limit, call) }
    }

    override func putContent(
        _ body: UnsafeRawBufferPointer, at path: String, if condition: Precondition, _ call: CallContext
    ) async throws -> ObjectStat {
        try await chances.run(.put, path) { try await inner.putContent(body, at: path, if: condition, call) }
    }

    override func openReader(
        at path: String, offset: UInt64, length: UInt64, _ call: CallContext
    ) async throws -> OpenedStream {
        let opened = try await chances.run(.open, path) {
            try await inner.openReader(at: path, offset: offset, length: length, call)
        }
        let (size, window, etag) = (opened.size, opened.window, opened.etag)
        let reader = ChaosReader(opened.makeReader(), path, chances)
        return OpenedStream(size: size, window: window, etag: etag, reader: reader)
    }

    override func openWriter(
        at path: String, mode: WriterMode, sizeHint: UInt64?, _ call: CallContext
    ) async throws -> any ObjectWriter {
        let writer = try await chances.run(.create, path) {
            try await inner.openWriter(at: path, mode: mode, sizeHint: sizeHint, call)
        }
        return ChaosWriter(writer, path, chances)
    }

    override func stat(_ path: String, _ call: CallContext) async throws -> ObjectStat {
        try await chances.run(.stat, path) { try await inner.stat(path, call) }
    }

    override func list(
        _ path: String, from start: ListStart, limit: Int, _ call: CallContext
    ) async throws -> ListPage {
        try await chances.run(.list, path) { try await inner.list(path, from: start, limit: limit, call) }
    }

    override func walk(
        _ path: String, from start: ListStart, limit: Int, _ call: CallContext
    ) async throws -> ListPage {
        try await chances.run(.walk, path) { try await inner.walk(path, from: start, limit: limit, call) }
    }

    override func move(
        _ source: String, to destination: String, if condition: Precondition, _ call: CallContext
    ) async throws {
        try await chances.run(.move, destination) {
            try await inner.move(source, to: destination, if: condition, call)
        }
    }

    override func copy(
        _ source: String, to destination: String, if condition: Precondition, _ call: CallContext
    ) async throws -> ObjectStat {
        try await chances.run(.copy, destination) {
            try await inner.copy(source, to: destination, if: condition, call)
        }
    }

    override func remove(_ path: String, tree: Bool, _ call: CallContext) async throws {
        try await chances.run(.remove, path) { try await inner.remove(path, tree: tree, call) }
    }

    override func removeBatch(_ paths: [String], _ call: CallContext) async throws -> [PluginError?] {
        try await chances.run(.remove, paths.first ?? "") { try await inner.removeBatch(paths, call) }
    }

    override func redirectURL(
        for request: RedirectRequest, at path: String, _ call: CallContext
    ) async throws -> String? {
        try await chances.run(.redirect, path) { try await inner.redirectURL(for: request, at: path, call) }
    }

    override func checksum(of path: String, algorithm: String, _ call: CallContext) async throws -> String {
        try await chances.run(.checksum, path) { try await inner.checksum(of: path, algorithm: algorithm, call) }
    }
}
