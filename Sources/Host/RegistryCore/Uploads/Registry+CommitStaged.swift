import NIOCore
import RegistryModel
import RegistryStorage

/// How an upload ends whose bytes, or some of them, were staged.
extension Registry {
    /// Up to this size the last bytes of an upload are hashed before they are written.
    private static var smallBody: UInt64 { 1 << 20 }

    /// Takes the last bytes and checks the digest. After a failure the session is where it was.
    func receiveStaged(
        _ body: UploadBody, _ digest: Digest, _ session: UploadSession
    ) async throws(RegistryError) -> UploadSessions.ProvedBlob {
        if body.isEmpty, case .object(let stat) = session.bytes {
            let hasher = hash(of: stat, session.reference)
            if let found = hasher.digest(by: digest.algorithm) { try check(found, digest) }
            return try await seal(stat, hasher, digest, session.reference)
        }
        let upload = try await open(session, digest.algorithm)
        let before = upload.hasher
        do throws(RegistryError) {
            if !body.isEmpty { try await append(body, to: upload, digest) }
            let hasher = upload.hasher
            if let found = hasher.digest(by: digest.algorithm) { try check(found, digest) }
            if upload.isAdopted { return try await publishAdopted(upload, digest) }
            let stat = try await publish(upload, session.reference)
            if keepsObjects { return try await seal(stat, hasher, digest, session.reference) }
            let path = RegistryLayout.uploadData(session.reference.name, session.reference.id)
            return try await prove(path, hasher, digest, size: stat.size)
        } catch {
            await restore(session, upload, to: before)
            throw error
        }
    }

    /// Makes staged bytes a blob where they lie by now: their digest holds.
    private func publishAdopted(
        _ upload: StagedUpload, _ digest: Digest
    ) async throws(RegistryError) -> UploadSessions.ProvedBlob {
        guard upload.hasher.digest(by: digest.algorithm) != nil else { throw RegistryError(.unknown) }
        do throws(RegistryError) {
            try await onWorker(of: driver) { _ = try await upload.commit() }
        } catch {
            // It may have done its work and lost its answer: then the session's bytes are gone, and the blob is there.
            let found = try? await onWorker(of: driver) { [self] in
                try await self.size(of: RegistryLayout.blobData(digest))
            }
            guard found == upload.offset else { throw error }
            await upload.close()
        }
        return UploadSessions.ProvedBlob(asked: digest, canonical: digest, size: upload.offset, staged: nil)
    }

    /// Appends the last bytes; where they are few, only if they fit, so that there is nothing to take back.
    private func append(
        _ body: UploadBody, to upload: StagedUpload, _ digest: Digest
    ) async throws(RegistryError) {
        guard let length = body.length, length <= Self.smallBody, upload.hasher.digest(by: digest.algorithm) != nil
        else { return try await upload.receive(body, on: driver) }
        let (bytes, collected) = try await body.collected()
        var ahead = upload.hasher
        ahead.update(bytes)
        if let found = ahead.digest(by: digest.algorithm) { try check(found, digest) }
        try await upload.receive(collected, on: driver)
    }

    /// Checks the digest of staged bytes under a name that nobody else knows: from there to the blob's place nobody can
    /// change them, whatever other requests of the session do in other processes.
    private func seal(
        _ stat: StorageStat, _ hasher: ContentHasher, _ digest: Digest, _ reference: UploadReference
    ) async throws(RegistryError) -> UploadSessions.ProvedBlob {
        let data = RegistryLayout.uploadData(reference.name, reference.id)
        let path = RegistryLayout.uploadSealed(reference.name, reference.id, nonce: .random(in: 0 ... .max))
        do throws(RegistryError) {
            let sealed = try await onWorker(of: driver) { [self] in
                try await driver.move(data, to: path, if: nil)
                return try await driver.stat(path)
            }
            // Another tag means other bytes, or a driver that gives one to every place.
            let isSame = !stat.etag.isEmpty && sealed.etag == stat.etag && sealed.size == stat.size
            let known = isSame ? hasher : ContentHasher(unknownUpTo: max(1, sealed.size))
            return try await prove(path, known, digest, size: sealed.size)
        } catch {
            await uncancelled { [self] in
                _ = try? await onWorker(of: driver) { [self] in try await unseal(path, reference) }
            }
            guard error.cause?.code == .notFound else { throw error }
            throw .uploadInUse
        }
    }

    private func prove(
        _ path: StoragePath, _ hasher: ContentHasher, _ digest: Digest, size: UInt64
    ) async throws(RegistryError) -> UploadSessions.ProvedBlob {
        if let found = hasher.digest(by: digest.algorithm) {
            try check(found, digest)
            return UploadSessions.ProvedBlob(asked: digest, canonical: hasher.digest(), size: size, staged: path)
        }
        let read = try await read(path, digest.algorithm)
        guard let found = read.digest(by: digest.algorithm) else { throw RegistryError(.unknown) }
        try check(found, digest)
        return UploadSessions.ProvedBlob(asked: digest, canonical: read.digest(), size: size, staged: path)
    }

    /// Hashes bytes that passed through another process, or weren't meant to be named by this algorithm.
    private func read(_ path: StoragePath, _ algorithm: Digest.Algorithm) async throws(RegistryError) -> ContentHasher {
        try await onWorker(of: driver) { [self] in
            let reader = try await driver.openReader(at: path, offset: 0, length: nil)
            defer { reader.close() }
            var hasher = ContentHasher(algorithm)
            while let chunk = try await reader.next(upTo: 1 << 20) {
                hasher.update(chunk)
                try Task.checkCancellation()
            }
            return hasher
        }
    }

    func check(_ found: Digest, _ wanted: Digest) throws(RegistryError) {
        guard found == wanted else {
            throw RegistryError(
                .digestInvalid, "the content's digest is \(found), not \(wanted)",
                detail: .text(wanted.description))
        }
    }
}
