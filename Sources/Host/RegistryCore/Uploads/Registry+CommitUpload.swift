import Logging
import NIOCore
public import RegistryModel
import RegistryStorage

extension Registry {
    /// Up to this size the last bytes of an upload are hashed before they are written.
    private static var smallBody: UInt64 { 1 << 20 }

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
                return try await finish(proved, reference, isPublished: false)
            }
            try await withSession(reference, goesOn: true) { [self] session throws(RegistryError) in
                if let start, start != session.state.offset, !body.isEmpty {
                    throw outOfRange(session.state, reference)
                }
                let isInPlace = session.state.isFresh && digest.algorithm == .sha256
                let blob =
                    isInPlace
                    ? try await receiveInPlace(body, digest) : try await receiveStaged(body, digest, session)
                uploads.prove(blob, for: reference.key)
                try await finish(blob, reference, isPublished: isInPlace)
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

    /// Gives a content whose digest holds to the repository: data before link, and the session last.
    /// - Parameter isPublished: whether the data is certainly where it belongs.
    private func finish(
        _ blob: UploadSessions.ProvedBlob, _ reference: UploadReference, isPublished: Bool
    ) async throws(RegistryError) {
        try await onWorker(of: driver) { [self] in
            if !isPublished { try await publishStaged(blob, reference) }
            let name = reference.name
            try await writeLink(RegistryLayout.layerLink(name, blob.canonical), blob.canonical)
            if blob.asked != blob.canonical {
                // A link by another algorithm's digest holds the canonical one, as in Distribution.
                try await writeLink(RegistryLayout.layerLink(name, blob.asked), blob.canonical)
            }
            if !isPublished { await sweep(reference) }
        }
        uploads.end(reference.key)
    }

    private func publishStaged(_ blob: UploadSessions.ProvedBlob, _ reference: UploadReference) async throws {
        let data = RegistryLayout.blobData(blob.canonical)
        if try await size(of: data) == blob.size { return }
        do {
            let staged = RegistryLayout.uploadData(reference.name, reference.id)
            if driver.capabilities.contains(.copy) {
                // The session keeps its bytes until there is a link to the blob: after a crash it goes on.
                try await driver.copy(staged, to: data, if: nil)
            } else {
                try await driver.move(staged, to: data, if: nil)
            }
        } catch {
            guard error.code == .notFound else { throw error }
            // Somebody took the bytes away.
            uploads.prove(nil, for: reference.key)
            throw unknownUpload(reference)
        }
    }

    /// The blob is in the repository: what is left of its session is no reason to fail any more.
    private func sweep(_ reference: UploadReference) async {
        do {
            try await removeTree(RegistryLayout.upload(reference.name, reference.id))
        } catch {
            logger.warning(
                "the rest of an upload was not removed",
                metadata: [
                    "path": "\(RegistryLayout.upload(reference.name, reference.id))", "error": "\(error)",
                ])
        }
    }

    private func check(_ found: Digest, _ wanted: Digest) throws(RegistryError) {
        guard found == wanted else {
            throw RegistryError(
                .digestInvalid, "the content's digest is \(found), not \(wanted)",
                detail: .text(wanted.description))
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
                    try? await upload.cancel()
                    await upload.close()
                }
            }
            throw error
        }
        return UploadSessions.ProvedBlob(asked: digest, canonical: digest, size: upload.offset)
    }

    private func publish(_ upload: StagedUpload, _ digest: Digest) async throws(RegistryError) {
        try await onWorker(of: driver) { [self] in
            // The same content may have come another way meanwhile; what is published stays as it is.
            if try await size(of: RegistryLayout.blobData(digest)) == upload.offset {
                try await upload.cancel()
            } else {
                try await upload.commit(checksum: digest)
            }
        }
    }

    // MARK: Staged

    private func receiveStaged(
        _ body: UploadBody, _ digest: Digest, _ session: UploadSession
    ) async throws(RegistryError) -> UploadSessions.ProvedBlob {
        let upload = if let staged = session.staged { staged } else { try await createStaged(session) }
        let before = upload.hasher
        do throws(RegistryError) {
            if !body.isEmpty { try await append(body, to: upload, digest) }
            let canonical = try await verify(upload, digest, session.reference)
            return UploadSessions.ProvedBlob(asked: digest, canonical: canonical, size: upload.offset)
        } catch {
            await restore(upload, to: before, session)
            throw error
        }
    }

    /// Appends the last bytes; where they are few, only if they fit, so that there is nothing to take back.
    private func append(
        _ body: UploadBody, to upload: StagedUpload, _ digest: Digest
    ) async throws(RegistryError) {
        guard let length = body.length, length <= Self.smallBody, upload.hasher.isComplete,
            digest.algorithm == .sha256
        else { return try await upload.receive(body, on: driver) }
        let (bytes, collected) = try await body.collected()
        var ahead = upload.hasher
        ahead.update(bytes)
        try check(ahead.digest(), digest)
        try await upload.receive(collected, on: driver)
    }

    /// Checks the digest and publishes the staged bytes at their staging place.
    /// - Returns: the canonical digest.
    private func verify(
        _ upload: StagedUpload, _ digest: Digest, _ reference: UploadReference
    ) async throws(RegistryError) -> Digest {
        let hasher = upload.hasher
        let isKnown = hasher.isComplete && digest.algorithm == .sha256
        if isKnown { try check(hasher.digest(), digest) }
        try await onWorker(of: driver) {
            try await upload.commit(checksum: hasher.isComplete ? hasher.digest() : nil)
        }
        if isKnown { return digest }
        let found = try await hashStaged(digest.algorithm, reference)
        try check(found.asked, digest)
        return found.canonical
    }

    /// Hashes committed staged bytes: those of another process's session, and for digests other than SHA-256.
    private func hashStaged(
        _ algorithm: Digest.Algorithm, _ reference: UploadReference
    ) async throws(RegistryError) -> (canonical: Digest, asked: Digest) {
        try await onWorker(of: driver) { [self] in
            let reader = try await driver.openReader(
                at: RegistryLayout.uploadData(reference.name, reference.id), offset: 0, length: nil)
            defer { reader.close() }
            var canonical = AnyHasher(.sha256)
            var asked = algorithm == .sha256 ? nil : AnyHasher(algorithm)
            while let chunk = try await reader.next(upTo: 1 << 20) {
                canonical.update(chunk)
                asked?.update(chunk)
                try Task.checkCancellation()
            }
            let digest = canonical.digest()
            return (digest, asked?.digest() ?? digest)
        }
    }
}
