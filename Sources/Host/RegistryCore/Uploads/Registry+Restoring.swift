import Logging
import NIOCore
import RegistryModel
import RegistryStorage

/// How a session gets back to where it was: after a request that failed, and after a process that died.
extension Registry {
    /// Leaves the session as it was before a request that failed.
    /// - Parameters:
    ///   - upload: what the request wrote with; nil if it added nothing.
    ///   - before: the hash of the bytes that stay.
    func restore(_ session: UploadSession, _ upload: StagedUpload?, to before: ContentHasher) async {
        let reference = session.reference
        uploads.noteFailure(reference.key)
        await uncancelled { [self] in
            do {
                try await onWorker(of: driver) { [self] in
                    if keepsObjects {
                        try await cutBackObject(reference, upload, to: before)
                    } else if let upload {
                        try await cutBackSuspended(reference, upload, to: before)
                    }
                }
            } catch {
                await upload?.close()
                logger.warning(
                    "an upload is longer than before a request that failed",
                    metadata: [
                        "path": "\(RegistryLayout.upload(reference.name, reference.id))", "error": "\(error)",
                    ])
            }
        }
    }

    private func cutBackObject(
        _ reference: UploadReference, _ upload: StagedUpload?, to before: ContentHasher
    ) async throws {
        let path = RegistryLayout.uploadData(reference.name, reference.id)
        if let upload, !upload.isCommitted, !upload.isClosed {
            // If this fails, the bytes are suspended; or a commit did its work whose answer was lost.
            if before.count == 0, await dropped(upload) { return uploads.forgetStaged(reference.key) }
            _ = try? await publish(upload, reference)
        }
        var found = try await object(at: path)
        if found == nil { found = try await recovered(reference, moves: true) }
        guard let found, found.size > before.count else { return }
        guard before.count > 0 else {
            try await driver.remove(path, tree: false)
            return uploads.forgetStaged(reference.key)
        }
        let kept = try await driver.openWriter(
            at: path, mode: .take(offset: before.count, etag: found.etag), sizeHint: nil)
        try await publish(StagedUpload(writer: kept, hasher: before), reference)
    }

    /// Whether the bytes of a writer could be dropped.
    private func dropped(_ upload: StagedUpload) async -> Bool {
        do throws(StorageError) {
            try await persistently { () throws(StorageError) in try await upload.cancel() }
            return true
        } catch {
            return false
        }
    }

    /// Takes back what was appended. A driver that can't cut off gets the bytes published at their staging place, where
    /// clients see nothing, and the part to be kept staged anew: suspended bytes can't be read.
    private func cutBackSuspended(
        _ reference: UploadReference, _ upload: StagedUpload, to before: ContentHasher
    ) async throws {
        let key = reference.key
        guard upload.offset > before.count else {
            await upload.close()
            return uploads.remember(upload.hasher, of: upload.resumeToken, for: key)
        }
        if upload.isAdopted, before.count > 0 {
            // Where it was opened, a commit would show clients bytes that aren't those of the digest.
            await upload.close()
            guard let staged = try await resume(reference, upload.resumeToken) else { return }
            return try await cutBackSuspended(reference, staged, to: before)
        }
        if before.count == 0, !upload.isCommitted {
            try await upload.cancel()
            return uploads.forgetStaged(key)
        }
        let path = RegistryLayout.uploadData(key.name, key.id)
        do throws(StorageError) {
            if !upload.isCommitted { try await upload.commit() }
        } catch {
            // The first commit may have done its work and lost its answer.
            await upload.close()
            guard try await size(of: path) == upload.offset else { throw error }
        }
        if before.count > 0 {
            let token = try await copyStaged(path, before.count)
            uploads.remember(before, of: token, for: key)
        } else {
            uploads.forgetStaged(key)
        }
        try await driver.remove(path, tree: false)
    }

    private func copyStaged(_ path: StoragePath, _ length: UInt64) async throws -> [UInt8] {
        let reader = try await driver.openReader(at: path, offset: 0, length: length)
        defer { reader.close() }
        let writer = try await driver.openWriter(at: path, mode: .create, sizeHint: length)
        do {
            while let chunk = try await reader.next(upTo: 1 << 20) { try await writer.write([chunk]) }
        } catch {
            try? await writer.cancel()
            await writer.close()
            throw error
        }
        await writer.close()
        return writer.resumeToken
    }

    // MARK: After a crash

    /// The bytes of a session whose object is missing: a process died while it wrote or while it checked them.
    /// - Parameter moves: whether they are brought back to where they are looked for.
    func recovered(_ reference: UploadReference, moves: Bool) async throws -> StorageStat? {
        if let upload = try await resume(reference, []) { return try await publish(upload, reference) }
        guard let sealed = try await sealed(reference) else { return nil }
        guard moves else { return try await object(at: sealed) }
        try await unseal(sealed, reference)
        return try await object(at: RegistryLayout.uploadData(reference.name, reference.id))
    }

    private func sealed(_ reference: UploadReference) async throws(StorageError) -> StoragePath? {
        let page = try await driver.list(
            RegistryLayout.upload(reference.name, reference.id), from: .after(RegistryLayout.sealedPrefix), limit: 1)
        guard let entry = page.entries.first, entry.name.hasPrefix(RegistryLayout.sealedPrefix) else { return nil }
        return try StoragePath(entry.path)
    }

    /// Makes sealed bytes those of the session again, unless it has others.
    func unseal(_ sealed: StoragePath, _ reference: UploadReference) async throws(StorageError) {
        try await driver.move(
            sealed, to: RegistryLayout.uploadData(reference.name, reference.id),
            if: driver.capabilities.contains(.putIfAbsent) ? .ifAbsent : nil)
    }
}
