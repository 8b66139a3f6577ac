import Logging
import NIOCore
public import RegistryModel
import RegistryStorage

extension Registry {
    /// Ends an upload: takes the last bytes, if any, checks the digest, and gives the blob to the repository.
    ///
    /// With no bytes staged, the body goes straight to where the blob will lie and is published only if the digest holds.
    /// Otherwise it is staged, checked, and moved. A request that fails leaves the session where it was; one that is
    /// repeated after its digest was found to hold goes on from there, whatever its body is now.
    /// - Parameter start: where the client thinks it goes on (`Content-Range`); nil: at the end.
    /// - Throws: `DIGEST_INVALID`, `RANGE_INVALID`.
    public func commitUpload(
        _ reference: UploadReference, digest: Digest, body: UploadBody, at start: UInt64?
    ) async throws(RegistryError) {
        try requireWritable()
        try await whileActive(reference) { [self] () throws(RegistryError) in
            if let proved = uploads.entry(reference.key)?.proved, proved.asked == digest {
                _ = try claim(of: reference)
                return try await finish(proved, reference, isRepeated: true)
            }
            try await withSession(reference, goesOn: true, endsAs: digest) {
                [self] session throws(RegistryError) in
                if let start, start != session.state.offset, !body.isEmpty {
                    throw outOfRange(session.state, reference)
                }
                let blob = try await receive(body, digest, session)
                uploads.prove(blob, for: reference.key)
                try await finish(blob, reference, isRepeated: false)
            }
        }
    }

    /// Takes a blob in one request, without a session.
    /// - Throws: `DIGEST_INVALID`.
    public func push(
        _ body: UploadBody, _ digest: Digest, to name: RepositoryName
    ) async throws(RegistryError) {
        try requireWritable()
        let session = try beginUpload(name)
        let reference = UploadReference(name: name, id: session.id, token: session.token)
        do {
            try await commitUpload(reference, digest: digest, body: body, at: nil)
        } catch {
            // Nobody knows the session, so nobody would end it.
            await uncancelled { [self] in try? await dropStaged(reference) }
            uploads.end(reference.key)
            throw error
        }
    }

    private func receive(
        _ body: UploadBody, _ digest: Digest, _ session: UploadSession
    ) async throws(RegistryError) -> UploadSessions.ProvedBlob {
        if case .none = session.bytes, session.state.isFresh, digest.algorithm == .sha256 {
            return try await receiveInPlace(body, digest)
        }
        return try await receiveStaged(body, digest, session)
    }

    /// Gives a content whose digest holds to the repository: data before link, and the session last.
    private func finish(
        _ blob: UploadSessions.ProvedBlob, _ reference: UploadReference, isRepeated: Bool
    ) async throws(RegistryError) {
        try await onWorker(of: driver) { [self] in
            // In place a blob is published with its proof.
            if blob.staged != nil || isRepeated { try await publish(blob, reference) }
            let name = reference.name
            try await writeLink(RegistryLayout.layerLink(name, blob.canonical), blob.canonical)
            if blob.asked != blob.canonical {
                // A link by another algorithm's digest holds the canonical one, as in Distribution.
                try await writeLink(RegistryLayout.layerLink(name, blob.asked), blob.canonical)
            }
            if blob.staged != nil || uploads.entry(reference.key)?.hasFolder == true { await sweep(reference) }
        }
        uploads.end(reference.key)
        sources.note(blob.asked, reference.name)
    }

    private func publish(_ blob: UploadSessions.ProvedBlob, _ reference: UploadReference) async throws {
        let data = RegistryLayout.blobData(blob.canonical)
        let stored = try await object(at: data)
        guard let staged = blob.staged else {
            if stored?.size == blob.size { return }
            throw lost(reference)
        }
        if stands(stored, blob.size) { return }
        do {
            if driver.capabilities.contains(.copy) {
                // The session keeps its bytes until there is a link to the blob: after a crash it goes on.
                try await driver.copy(staged, to: data, if: nil)
            } else {
                try await driver.move(staged, to: data, if: nil)
            }
        } catch {
            guard error.code == .notFound else { throw error }
            // An earlier request of the session may have moved them, and its answer was lost.
            if !driver.capabilities.contains(.copy), stored?.size == blob.size { return }
            throw lost(reference)
        }
    }

    /// Whether a blob that was found need not be published again: it is whole, and durable. With a driver that goes on with
    /// objects the time is that of the bytes, which may be older than the name.
    private func stands(_ found: StorageStat?, _ size: UInt64) -> Bool {
        guard let found, found.size == size, !keepsObjects else { return false }
        return Durability.isSettled(found)
    }

    /// Somebody took the bytes away.
    private func lost(_ reference: UploadReference) -> RegistryError {
        uploads.prove(nil, for: reference.key)
        return unknownUpload(reference)
    }

    /// The blob is in the repository: what is left of its session is no reason to fail any more.
    private func sweep(_ reference: UploadReference) async {
        do throws(StorageError) {
            if let entry = uploads.entry(reference.key), entry.hasBegun, !entry.hasFailed, !keepsObjects,
                driver.capabilities.isSuperset(of: [.adopt, .batchRemove])
            {
                // Nobody but this process has written there, and its bytes are the blob's by now.
                let startedAt = RegistryLayout.uploadStartedAt(reference.name, reference.id)
                if try await driver.removeBatch([startedAt]).allSatisfy({ $0 == nil }) { return }
            }
            try await persistently { () throws(StorageError) in
                try await removeTree(RegistryLayout.upload(reference.name, reference.id))
            }
        } catch {
            logger.warning(
                "the rest of an upload was not removed",
                metadata: [
                    "path": "\(RegistryLayout.upload(reference.name, reference.id))", "error": "\(error)",
                ])
        }
    }

    // MARK: In place

    private func receiveInPlace(
        _ body: UploadBody, _ digest: Digest
    ) async throws(RegistryError) -> UploadSessions.ProvedBlob {
        let path = RegistryLayout.blobData(digest)
        let upload = try await onWorker(of: driver) { [self] in
            let writer = try await driver.openWriter(at: path, mode: .create, sizeHint: body.length)
            return StagedUpload(writer: writer, hasher: ContentHasher())
        }
        do {
            try await upload.receive(body, on: driver)
            try check(upload.hasher.digest(), digest)
            try await publish(upload, digest)
        } catch {
            await uncancelled { [self] in
                try? await onWorker(of: driver) {
                    try? await persistently { () throws(StorageError) in try await upload.cancel() }
                    await upload.close()
                }
            }
            throw error
        }
        return UploadSessions.ProvedBlob(asked: digest, canonical: digest, size: upload.offset, staged: nil)
    }

    private func publish(_ upload: StagedUpload, _ digest: Digest) async throws(RegistryError) {
        try await onWorker(of: driver) { [self] in
            // The same content may have come another way meanwhile; what has been published for long stays as it is.
            let found = looksAreRequests ? nil : try await object(at: RegistryLayout.blobData(digest))
            if stands(found, upload.offset) {
                try await upload.cancel()
            } else {
                try await upload.commit()
            }
        }
    }
}
