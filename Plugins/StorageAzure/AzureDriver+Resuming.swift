import ObjectStoreKit
import PluginKit

/// Writers that go on.
extension AzureDriver {
    /// Goes on with the bytes of a suspended writer: of the one that the token names, without one of the newest, else
    /// with a copy of the object.
    func resume(
        _ object: String, at offset: UInt64?, token: [UInt8], _ deadline: Deadline
    ) async throws -> any ObjectWriter {
        if !token.isEmpty {
            guard let token = ResumeToken(token), let staging = AzureStagingName(object: object, id: token.id) else {
                throw PluginError.notFound
            }
            guard let writer = try await reopen(staging, session: token.session, at: offset, deadline) else {
                throw PluginError.notFound
            }
            return writer
        }
        var isBusy = false
        let prefix = AzureStagingName.prefix(of: object)
        await OpenWriters.shared.settled(under: scope + prefix)
        for staging in try await suspended(object, deadline) {
            do {
                if let writer = try await reopen(staging, session: 0, at: offset, deadline) { return writer }
            } catch let error as PluginError where error.code == .busy {
                isBusy = true
            }
        }
        if isBusy || OpenWriters.shared.isOpen(under: scope + prefix) { throw Self.busy }
        return try await continued(object, at: offset, deadline)
    }

    private static var busy: PluginError {
        PluginError(.busy, "another writer has these bytes open", noEffect: true)
    }

    /// The suspended writers of an object, the newest first.
    private func suspended(_ object: String, _ deadline: Deadline) async throws -> [AzureStagingName] {
        var found: [AzureStagingName] = []
        var marker = ""
        repeat {
            let page = try await listBlobs(
                prefix: AzureStagingName.prefix(of: object), uncommitted: true, marker: marker, limit: 5000,
                deadline: deadline)
            found += page.entries.compactMap { AzureStagingName(blob: $0.name) }.filter { $0.object == object }
            marker = page.nextMarker
        } while !marker.isEmpty
        return found.sorted { $0.id > $1.id }
    }

    /// Opens the bytes of a suspended writer; nil: there are none.
    private func reopen(
        _ staging: AzureStagingName, session: UInt32, at offset: UInt64?, _ deadline: Deadline
    ) async throws -> AzureWriter? {
        let name = scope + staging.blob
        guard await OpenWriters.shared.claim(name) else { throw Self.busy }
        do {
            guard let list = try await blockList(of: staging.blob, deadline) else {
                OpenWriters.shared.release(name)
                return nil
            }
            let blocks = AzureBlock.chain(of: list.blocks, session: session)
            let end = blocks.last?.end ?? 0
            if let offset, offset != end { throw PluginError.offset(durable: end) }
            return AzureWriter(self, staging, sizeHint: nil, blocks: blocks, isStaged: true)
        } catch {
            OpenWriters.shared.release(name)
            throw error
        }
    }

    /// A new writer that begins with the content of an object. Uploads that Distribution left as append blobs are gone on
    /// with this way.
    private func continued(_ object: String, at offset: UInt64?, _ deadline: Deadline) async throws -> AzureWriter {
        guard let state = try await state(of: object, deadline), state.isComplete, let size = state.size else {
            throw PluginError.notFound
        }
        if let offset, offset != size { throw PluginError.offset(durable: size) }
        let staging = AzureStagingName(object: object, at: .now(), random: .random(in: 0 ... .max))
        let blocks = Self.blocks(covering: size)
        do {
            _ = try await Parallel.map(blocks, limit: 8) { block in
                try await self.putBlock(
                    block.id, of: staging.blob, from: object, block.id.offset..<block.end, etag: state.etag, deadline)
            }
        } catch {
            try? await discardStaged(staging.blob, .after(milliseconds: 10_000))
            throw error
        }
        OpenWriters.shared.claimNew(scope + staging.blob)
        return AzureWriter(self, staging, sizeHint: nil, blocks: blocks, isStaged: !blocks.isEmpty)
    }
}
