import NIOCore
import RegistryModel
import RegistryStorage
import Synchronization

/// A writer with the hash of what goes through it. Used by one request at a time.
final class StagedUpload: Sendable {
    let writer: any StorageWriter
    let startedAt: Int64
    private let state: Mutex<ContentHasher>

    init(writer: any StorageWriter, hasher: ContentHasher, startedAt: Int64) {
        self.writer = writer
        self.startedAt = startedAt
        state = Mutex(hasher)
    }

    var hasher: ContentHasher { state.withLock { $0 } }

    /// Bytes accepted, of this and earlier requests.
    var offset: UInt64 { hasher.count }

    /// Takes a body: each batch is hashed and written in one step on the driver's worker, and the next is asked for when
    /// that is done, so that a client that is faster than the storage waits.
    func receive(_ body: UploadBody, on driver: any StorageDriver) async throws(RegistryError) {
        while let batch = try await next(of: body) {
            guard !batch.isEmpty else { continue }
            try await onWorker(of: driver) { [self] in
                var hasher = self.hasher
                hasher.update(batch)
                try await writer.write(batch)
                state.withLock { $0 = hasher }
            }
        }
    }

    private func next(of body: UploadBody) async throws(RegistryError) -> [ByteBuffer]? {
        do {
            return try await body.next()
        } catch let error as RegistryError {
            throw error
        } catch {
            var failure = RegistryError(.unknown, "the request's body ended early: \(error)")
            failure.status = 400
            throw failure
        }
    }
}

extension Registry {
    /// Opens the staged bytes of a session where they end.
    func openStaged(
        _ session: UploadState, _ reference: UploadReference
    ) async throws(RegistryError) -> StagedUpload {
        try await onWorker(of: driver) { [self] in
            let path = RegistryLayout.uploadData(reference.name, reference.id)
            guard session.offset > 0 || !session.resumeToken.isEmpty else {
                try await driver.put(
                    ByteBuffer(string: Timestamp.rfc3339(session.startedAt)),
                    at: RegistryLayout.uploadStartedAt(reference.name, reference.id), if: nil)
                let writer = try await driver.openWriter(at: path, mode: .create, sizeHint: nil)
                return StagedUpload(writer: writer, hasher: ContentHasher(), startedAt: session.startedAt)
            }
            let writer = try await driver.openWriter(
                at: path, mode: .append(offset: session.offset, resumeToken: session.resumeToken), sizeHint: nil)
            // Bytes that another process staged are hashed when they have been committed.
            let known = uploads.entry(reference.id)?.hasher
            let hasher =
                known?.count == session.offset ? known ?? ContentHasher() : ContentHasher(unknownUpTo: session.offset)
            return StagedUpload(writer: writer, hasher: hasher, startedAt: session.startedAt)
        }
    }

    /// Lets go of the staged bytes so that any process can go on with them.
    @discardableResult
    func suspend(_ upload: StagedUpload, _ reference: UploadReference) async -> UploadState {
        await upload.writer.close()
        uploads.remember(upload.hasher, for: reference.id)
        return UploadState(
            id: reference.id, offset: upload.offset, startedAt: upload.startedAt,
            resumeToken: upload.writer.resumeToken)
    }
}
