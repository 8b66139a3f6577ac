import ObjectStoreKit
import PluginKit

extension GCSDriver {
    func openWriter(
        at path: String, mode: WriterMode, sizeHint: UInt64?, _ call: CallContext
    ) async throws -> any ObjectWriter {
        let (context, key, deadline) = (try connection, keys.key(path), Deadline(call))
        switch mode {
        case .create: return try newWriter(context, key, sizeHint: sizeHint)
        case .append(let offset, let token):
            guard token.isEmpty else {
                return try await resume(String(decoding: token, as: UTF8.self), context, key, at: offset, deadline)
            }
            return try await resumeNewest(context, path, at: offset, deadline)
        case .take: throw PluginError.unsupported
        }
    }

    private func newWriter(
        _ context: GCSWriter.Context, _ key: String, sizeHint: UInt64?, resumed: SuspendedUpload? = nil
    ) throws -> GCSWriter {
        let token = SuspendedName.newToken()
        guard OpenUploads.shared.begin(context.bucketID + SuspendedName.key(key, token: token)) else {
            throw PluginError(.internalFailure, "two uploads have the same random name", noEffect: true)
        }
        return GCSWriter(context, key: key, token: token, sizeHint: sizeHint, resumed: resumed)
    }

    /// The upload that a token names.
    private func resume(
        _ token: String, _ context: GCSWriter.Context, _ key: String, at offset: UInt64?, _ deadline: Deadline
    ) async throws -> GCSWriter {
        guard SuspendedName.isToken(token) else { throw PluginError.notFound }
        let storedKey = SuspendedName.key(key, token: token)
        let id = context.bucketID + storedKey
        await OpenUploads.shared.settle(id)
        guard OpenUploads.shared.begin(id) else {
            throw PluginError(.busy, "another writer has these bytes open", noEffect: true)
        }
        do {
            guard let response = try await context.client.read(storedKey, limit: Self.largestStored, deadline) else {
                throw PluginError.notFound
            }
            let suspended = try SuspendedUpload(response.body)
            try require(suspended.offset, offset)
            guard let generation = response.headers["X-Goog-Generation"].flatMap({ Int64($0) }) else {
                throw StoreError(.corrupt, "Get: the answer has no generation")
            }
            let writer = GCSWriter(context, key: key, token: token, sizeHint: nil, resumed: suspended)
            try await writer.adopt(suspended, generation: generation, deadline)
            return writer
        } catch {
            OpenUploads.shared.end(id)
            throw error
        }
    }

    /// The most that a suspended upload's object can have.
    private static let largestStored = 4 << 20

    private func require(_ end: UInt64, _ wanted: UInt64?) throws {
        if let wanted, wanted != end { throw PluginError.offset(durable: end) }
    }

    /// The newest suspended upload of an object that nobody has open, else Distribution's, else one that begins with the
    /// object's content.
    private func resumeNewest(
        _ context: GCSWriter.Context, _ path: String, at offset: UInt64?, _ deadline: Deadline
    ) async throws -> GCSWriter {
        let key = keys.key(path)
        let uploads = context.bucketID + SuspendedName.prefix(of: key)
        await OpenUploads.shared.settle(uploads)
        let newestFirst = try await suspended(key, deadline).sorted {
            ($0.createdNanoseconds, $0.generation) > ($1.createdNanoseconds, $1.generation)
        }
        for upload in newestFirst where !OpenUploads.shared.isOpen(context.bucketID + upload.name) {
            guard let token = SuspendedName.token(in: upload.name, of: key) else { continue }
            return try await resume(token, context, key, at: offset, deadline)
        }
        let isOpen = newestFirst.isEmpty ? OpenUploads.shared.hasOpen(uploads) : true
        guard !isOpen else { throw PluginError(.busy, "another writer has these bytes open", noEffect: true) }
        guard let object = try await context.client.look(key, deadline) else { throw PluginError.notFound }
        return object.isSuspendedUpload
            ? try await resumeForeign(object, context, key, at: offset, deadline)
            : try await writerOnCopy(of: object, context, path, at: offset, call: deadline)
    }

    /// The suspended uploads of an object.
    func suspended(_ key: String, _ deadline: Deadline) async throws -> [GCSObject] {
        var query = GCSClient.ListQuery(prefix: SuspendedName.prefix(of: key), delimiter: true)
        var found: [GCSObject] = []
        while true {
            let page = try await connection.client.list(query, deadline)
            found += page.items.filter { SuspendedName.token(in: $0.name, of: key) != nil }
            guard let token = page.nextPageToken else { return found }
            query.pageToken = token
        }
    }

    /// An unfinished upload as Distribution leaves it: the rest of the bytes as content, session and what it has in the
    /// metadata.
    private func resumeForeign(
        _ object: GCSObject, _ context: GCSWriter.Context, _ key: String, at offset: UInt64?, _ deadline: Deadline
    ) async throws -> GCSWriter {
        guard let response = try await context.client.read(key, limit: Self.largestForeign, deadline) else {
            throw PluginError.notFound
        }
        let session = object.metadata[SuspendedUpload.sessionName].flatMap { $0.isEmpty ? nil : $0 }
        let persisted = object.metadata[SuspendedUpload.offsetName].flatMap { UInt64($0) } ?? 0
        guard session != nil || persisted == 0, persisted < UInt64(Int64.max) else {
            throw StoreError(.corrupt, "an unfinished upload has no session", noEffect: true)
        }
        let suspended = SuspendedUpload(session: session, persisted: persisted, checksum: nil, rest: response.body)
        try require(suspended.offset, offset)
        let writer = try newWriter(context, key, sizeHint: nil, resumed: suspended)
        do {
            try await writer.adopt(foreign: object.generation, suspended, deadline)
        } catch {
            writer.abandon()
            throw error
        }
        return writer
    }

    /// Distribution keeps less than one chunk, whose size its configuration gives.
    private static let largestForeign = 256 << 20

    /// A writer that begins with an object's bytes. The service can't append to an object, so they are read and sent anew.
    private func writerOnCopy(
        of object: GCSObject, _ context: GCSWriter.Context, _ path: String, at offset: UInt64?, call deadline: Deadline
    ) async throws -> GCSWriter {
        try require(object.size, offset)
        let writer = try newWriter(context, keys.key(path), sizeHint: nil)
        do {
            let generation = String(object.generation)
            let stream = try await context.client.open(keys.key(path), range: nil, generation: generation, deadline)
            guard let stream else { throw PluginError.notFound }
            while true {
                let piece = try await stream.next(maximum: 1 << 20, deadline)
                guard piece.count > 0 else { break }
                try await writer.write(piece, deadline)
            }
            guard writer.offset == object.size else { throw StoreError(.unavailable, "Read: the object came short") }
        } catch {
            writer.abandon()
            throw error
        }
        return writer
    }
}
