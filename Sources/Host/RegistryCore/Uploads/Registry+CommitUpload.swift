import NIOCore
public import RegistryModel
import RegistryStorage

extension Registry {
    /// Ends an upload: takes the last bytes, if any, checks the digest, and gives the blob to the repository.
    ///
    /// With no bytes staged, the body goes straight to where the blob will lie and is published only if the digest holds.
    /// Otherwise it is staged, checked, and moved. A request that fails leaves the session to be tried again.
    /// - Parameter start: where the client thinks it goes on (`Content-Range`); nil: at the end.
    /// - Throws: `DIGEST_INVALID`, `RANGE_INVALID`.
    public func commitUpload(
        _ reference: UploadReference, digest: Digest, body: UploadBody, at start: UInt64?
    ) async throws(RegistryError) {
        try requireWritable()
        try await whileActive(reference, goesOn: true) { [self] state throws(RegistryError) in
            let isFresh = state.offset == 0 && state.resumeToken.isEmpty
            if let start, start != state.offset, !body.isEmpty { throw outOfRange(state, reference) }
            if isFresh, digest.algorithm == .sha256 {
                try await receiveInPlace(body, digest)
            } else {
                try await receiveStaged(body, digest, state, reference)
            }
            try await link(digest, reference.name)
            uploads.end(reference.id)
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
            try? await dropStaged(reference)
            uploads.end(session.id)
            throw error
        }
    }

    // MARK: In place

    private func receiveInPlace(_ body: UploadBody, _ digest: Digest) async throws(RegistryError) {
        let path = RegistryLayout.blobData(digest)
        let upload = try await onWorker(of: driver) { [self] in
            let writer = try await driver.openWriter(at: path, mode: .create, sizeHint: body.length)
            return StagedUpload(writer: writer, hasher: ContentHasher(), startedAt: 0)
        }
        do {
            try await upload.receive(body, on: driver)
            try check(upload.hasher.digest(), digest)
            try await publish(upload, digest)
        } catch {
            await discard(upload)
            throw error
        }
    }

    private func publish(_ upload: StagedUpload, _ digest: Digest) async throws(RegistryError) {
        try await onWorker(of: driver) { [self] in
            // The same content may have come another way meanwhile; what is published stays as it is.
            if try await size(of: RegistryLayout.blobData(digest)) == upload.offset {
                try await upload.writer.cancel()
            } else {
                try await upload.writer.commit(checksum: digest.description, if: nil)
            }
            await upload.writer.close()
        }
    }

    private func discard(_ upload: StagedUpload) async {
        _ = try? await onWorker(of: driver) {
            try? await upload.writer.cancel()
            await upload.writer.close()
        }
    }

    private func check(_ found: Digest, _ wanted: Digest) throws(RegistryError) {
        guard found == wanted else {
            throw RegistryError(
                .digestInvalid, "the content's digest is \(found), not \(wanted)",
                detail: .text(wanted.description))
        }
    }

    // MARK: Staged

    private func receiveStaged(
        _ body: UploadBody, _ digest: Digest, _ state: UploadState, _ reference: UploadReference
    ) async throws(RegistryError) {
        let upload = try await openStaged(state, reference)
        let canonical: Digest
        do {
            if !body.isEmpty { try await upload.receive(body, on: driver) }
            canonical = try await verify(upload, digest, reference)
        } catch {
            await suspend(upload, reference)
            throw error
        }
        try await onWorker(of: driver) { [self] in
            let staged = RegistryLayout.uploadData(reference.name, reference.id)
            let data = RegistryLayout.blobData(canonical)
            if try await size(of: data) != upload.offset {
                try await driver.move(staged, to: data, if: nil)
            }
            if canonical != digest {
                try await ensureLink(RegistryLayout.layerLink(reference.name, canonical), canonical)
            }
        }
        if canonical != digest { try await linkAlias(digest, canonical, reference.name) }
        try await dropStaged(reference)
    }

    /// Checks the digest and publishes the staged bytes at their staging place.
    /// - Returns: the canonical digest.
    private func verify(
        _ upload: StagedUpload, _ digest: Digest, _ reference: UploadReference
    ) async throws(RegistryError) -> Digest {
        let hasher = upload.hasher
        if hasher.isComplete, digest.algorithm == .sha256 { try check(hasher.digest(), digest) }
        try await onWorker(of: driver) {
            try await upload.writer.commit(
                checksum: hasher.isComplete ? hasher.digest().description : "", if: nil)
            await upload.writer.close()
        }
        if hasher.isComplete, digest.algorithm == .sha256 { return digest }
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

    // MARK: Links

    private func link(_ digest: Digest, _ name: RepositoryName) async throws(RegistryError) {
        guard digest.algorithm == .sha256 else { return }
        try await onWorker(of: driver) { [self] in
            try await ensureLink(RegistryLayout.layerLink(name, digest), digest)
        }
    }

    /// A link by another algorithm's digest holds the canonical one, as in Distribution.
    private func linkAlias(_ alias: Digest, _ canonical: Digest, _ name: RepositoryName) async throws(RegistryError) {
        try await onWorker(of: driver) { [self] in
            try await ensureLink(RegistryLayout.layerLink(name, alias), canonical)
        }
    }
}
