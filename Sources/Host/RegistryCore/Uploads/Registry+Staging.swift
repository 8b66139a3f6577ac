import NIOCore
import RegistryModel
import RegistryStorage
import Synchronization

/// Where the bytes of an upload lie before they are a blob.
///
/// With a driver that can go on with an object (`take`) they are one after every request, at Distribution's place: durable
/// when they are acknowledged, and each registry can go on with the other's uploads. With others the driver keeps them
/// suspended, and the session's token names them.
extension Registry {
    /// Whether staged bytes are an object between requests.
    var keepsObjects: Bool { driver.capabilities.contains(.take) }

    func object(at path: StoragePath) async throws(StorageError) -> StorageStat? {
        do {
            let stat = try await driver.stat(path)
            return stat.kind == .object ? stat : nil
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
    }

    /// Opens the session's bytes where they end.
    /// - Parameter algorithm: by what a content is hashed that begins now.
    func open(
        _ session: UploadSession, _ algorithm: Digest.Algorithm? = nil
    ) async throws(RegistryError) -> StagedUpload {
        switch session.bytes {
        case .writer(let upload): return upload
        case .object(let stat): return try await take(stat, session)
        case .none: return try await create(session, algorithm ?? session.state.algorithm)
        }
    }

    /// Begins to stage bytes.
    private func create(
        _ session: UploadSession, _ algorithm: Digest.Algorithm
    ) async throws(RegistryError) -> StagedUpload {
        let (name, id) = (session.reference.name, session.reference.id)
        uploads.noteFolder(session.reference.key)
        return try await onWorker(of: driver) { [self] in
            try await driver.put(
                .init(string: Timestamp.rfc3339(session.state.startedAt)),
                at: RegistryLayout.uploadStartedAt(name, id), if: nil)
            let writer = try await driver.openWriter(
                at: RegistryLayout.uploadData(name, id), mode: .create, sizeHint: nil)
            if writer.minimumChunk > 0 { leastChunk.store(writer.minimumChunk, ordering: .relaxed) }
            return StagedUpload(writer: writer, hasher: ContentHasher(algorithm))
        }
    }

    /// Goes on with staged bytes that are an object.
    private func take(_ stat: StorageStat, _ session: UploadSession) async throws(RegistryError) -> StagedUpload {
        let reference = session.reference
        let hasher = hash(of: stat, reference)
        return try await onWorker(of: driver) { [self] in
            let path = RegistryLayout.uploadData(reference.name, reference.id)
            do throws(StorageError) {
                let writer = try await driver.openWriter(
                    at: path, mode: .take(offset: hasher.count, etag: stat.etag), sizeHint: nil)
                return StagedUpload(writer: writer, hasher: hasher)
            } catch {
                guard error.meansInUse || [.precondition, .notFound, .offset].contains(error.code) else { throw error }
                // Another process has taken them since they were found, or has added to them.
                guard let now = try await object(at: path), now.size != stat.size else {
                    throw RegistryError.uploadInUse
                }
                var state = session.state
                state.offset = now.size
                throw outOfRange(state, reference)
            }
        }
    }

    /// Goes on with suspended bytes; nil if there are none by this token.
    /// - Parameter place: where they are to be published, with a driver that can; nil: where they were staged.
    func resume(
        _ reference: UploadReference, _ token: [UInt8], at place: StoragePath? = nil
    ) async throws -> StagedUpload? {
        let writer: any StorageWriter
        do {
            writer = try await driver.openWriter(
                at: place ?? RegistryLayout.uploadData(reference.name, reference.id),
                mode: .append(offset: nil, resumeToken: token), sizeHint: nil)
        } catch {
            if error.code == .notFound { return nil }
            if error.meansInUse { throw RegistryError.uploadInUse }
            throw error
        }
        let hasher = knownHash(writer.startOffset, reference, [token, writer.resumeToken])
        // Another process has written, and what it left behind isn't known here.
        if !hasher.isComplete { uploads.noteFailure(reference.key) }
        return StagedUpload(writer: writer, hasher: hasher, isAdopted: place != nil)
    }

    /// The hash of staged bytes that are an object, as far as it is known.
    func hash(of stat: StorageStat, _ reference: UploadReference) -> ContentHasher {
        knownHash(stat.size, reference, [Array(stat.etag.utf8)])
    }

    /// The hash of these very bytes, if they passed through this process. Other bytes may lie at the same path and have the
    /// same length, so the length alone says nothing.
    private func knownHash(
        _ length: UInt64, _ reference: UploadReference, _ identities: [[UInt8]]
    ) -> ContentHasher {
        guard let known = uploads.entry(reference.key)?.staged, known.hasher.count == length,
            identities.contains(known.identity)
        else { return ContentHasher(unknownUpTo: length) }
        return known.hasher
    }

    // MARK: Between requests

    /// Lets go of staged bytes so that any process can go on with them.
    @discardableResult
    func suspend(_ upload: StagedUpload, _ session: UploadSession) async throws(RegistryError) -> UploadState {
        var state = session.state
        state.offset = upload.offset
        if keepsObjects {
            _ = try await publish(upload, session.reference)
            state.resumeToken = []
        } else {
            try await store(upload)
            uploads.remember(upload.hasher, of: upload.resumeToken, for: session.reference.key)
            state.resumeToken = upload.resumeToken
        }
        return state
    }

    /// Closes a writer once its bytes are durable: closing alone doesn't wait, and the client's next request may reach
    /// another process before what this one holds in memory is stored.
    private func store(_ upload: StagedUpload) async throws(RegistryError) {
        do throws(RegistryError) {
            try await onWorker(of: driver) { try await upload.sync() }
        } catch {
            await upload.close()
            throw error
        }
        await upload.close()
    }

    /// Makes staged bytes an object at their staging place. Where that is what happens between requests, their writer is
    /// closed in any case.
    @discardableResult
    func publish(_ upload: StagedUpload, _ reference: UploadReference) async throws(RegistryError) -> StorageStat {
        do throws(RegistryError) {
            let stat = try await onWorker(of: driver) { try await upload.commit() }
            uploads.remember(upload.hasher, of: Array(stat.etag.utf8), for: reference.key)
            return stat
        } catch {
            if keepsObjects { await upload.close() }
            throw error
        }
    }

    /// Removes all that a session has in the storage.
    func dropStaged(_ reference: UploadReference) async throws(RegistryError) {
        try await onWorker(of: driver) { [self] in
            try await removeTree(RegistryLayout.upload(reference.name, reference.id))
            await removeEmptyFolders(reference.name)
        }
    }

    /// Removes what an upload that came to nothing has made of its repository, so that clients can't fill the storage with
    /// folders. One that isn't empty stays; whoever writes into it at this moment has the driver make it again.
    func removeEmptyFolders(_ name: RepositoryName) async {
        // Elsewhere there are no folders.
        guard keepsObjects else { return }
        var path: StoragePath? = RegistryLayout.uploads(name)
        while let folder = path, folder != RegistryLayout.repositories {
            do { try await driver.remove(folder, tree: false) } catch { return }
            path = folder.parent
        }
    }
}
