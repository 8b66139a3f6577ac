import Glibc
import Logging
import NIOCore
import RegistryModel
import RegistryStorage

/// A session as a request finds it.
struct UploadSession: Sendable {
    let reference: UploadReference
    var state: UploadState
    /// The staged bytes, opened where they end; nil if there are none.
    var staged: StagedUpload?
}

extension UploadState {
    /// Nothing has been staged, as far as this state knows.
    var isFresh: Bool { offset == 0 && resumeToken.isEmpty }

    /// The state of a session that has no bytes.
    static func fresh(_ id: UploadID, startedAt: Int64? = nil) -> UploadState {
        UploadState(id: id, offset: 0, startedAt: startedAt ?? Int64(time(nil)), resumeToken: [])
    }
}

extension Registry {
    /// Runs `body` while no other request of this process uses the session.
    func whileActive<Value: Sendable>(
        _ reference: UploadReference, _ body: @Sendable () async throws(RegistryError) -> Value
    ) async throws(RegistryError) -> Value {
        guard uploads.activate(reference.key) else {
            var error = RegistryError(.unavailable, "another request is using this upload")
            error.retryAfter = .seconds(1)
            throw error
        }
        defer { uploads.deactivate(reference.key) }
        return try await body()
    }

    /// Runs `body` with the session, its staged bytes open.
    /// - Parameter goesOn: whether the request adds bytes, so that its token must say where the session ends.
    func withSession<Value: Sendable>(
        _ reference: UploadReference, goesOn: Bool,
        _ body: @Sendable (UploadSession) async throws(RegistryError) -> Value
    ) async throws(RegistryError) -> Value {
        let session = try await find(reference)
        do throws(RegistryError) {
            // A client that uses an old Location doesn't know what has been stored since.
            if goesOn, let claimed = try claim(of: reference), claimed.offset != session.state.offset {
                throw outOfRange(session.state, reference)
            }
            let value = try await body(session)
            await session.staged?.close()
            return value
        } catch {
            await session.staged?.close()
            throw error
        }
    }

    /// What the request's token says; nil without one.
    func claim(of reference: UploadReference) throws(RegistryError) -> UploadState? {
        guard let token = reference.token else { return nil }
        let state = tokens.state(from: token, in: reference.name)
        guard let state, state.id == reference.id else {
            throw RegistryError(.blobUploadInvalid, "the upload's _state was not made by this registry for this upload")
        }
        return state
    }

    private func find(_ reference: UploadReference) async throws(RegistryError) -> UploadSession {
        let entry = uploads.entry(reference.key)
        if entry?.hasEnded == true { throw unknownUpload(reference) }
        let claimed = try claim(of: reference)
        // What a token says is believed as long as nothing is known of newer bytes.
        if let claimed, claimed.isFresh, entry?.staged == nil {
            return UploadSession(reference: reference, state: claimed, staged: nil)
        }
        return try await onWorker(of: driver) { [self] in
            let token = claimed?.resumeToken ?? []
            if !token.isEmpty, let session = try await open(reference, token, claimed) { return session }
            // A request that failed may have published the bytes at their staging place, or staged them anew.
            if let session = try await open(reference, [], claimed) { return session }
            if let claimed, claimed.offset == 0 {
                let state = UploadState.fresh(reference.id, startedAt: claimed.startedAt)
                return UploadSession(reference: reference, state: state, staged: nil)
            }
            guard claimed == nil, try await isKnown(reference) else { throw unknownUpload(reference) }
            return UploadSession(reference: reference, state: .fresh(reference.id), staged: nil)
        }
    }

    /// Opens the session's staged bytes; nil if there are none by this token.
    private func open(
        _ reference: UploadReference, _ token: [UInt8], _ claimed: UploadState?
    ) async throws -> UploadSession? {
        let writer: any StorageWriter
        do {
            writer = try await driver.openWriter(
                at: RegistryLayout.uploadData(reference.name, reference.id),
                mode: .append(offset: nil, resumeToken: token), sizeHint: nil)
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
        let state = UploadState(
            id: reference.id, offset: writer.startOffset, startedAt: claimed?.startedAt ?? Int64(time(nil)),
            resumeToken: writer.resumeToken)
        let hasher = knownHash(of: state, openedBy: token, reference)
        return UploadSession(
            reference: reference, state: state,
            staged: StagedUpload(writer: writer, hasher: hasher ?? ContentHasher(unknownUpTo: state.offset)))
    }

    /// The hash of these very bytes, if they passed through this process. Bytes of another writer may lie at the same
    /// path and have the same length, so the length alone says nothing.
    private func knownHash(
        of state: UploadState, openedBy token: [UInt8], _ reference: UploadReference
    ) -> ContentHasher? {
        guard let known = uploads.entry(reference.key)?.staged, known.hasher.count == state.offset,
            known.resumeToken == token || known.resumeToken == state.resumeToken
        else { return nil }
        return known.hasher
    }

    private func isKnown(_ reference: UploadReference) async throws(StorageError) -> Bool {
        if uploads.entry(reference.key)?.hasBegun == true { return true }
        return try await exists(RegistryLayout.uploadStartedAt(reference.name, reference.id))
    }

    // MARK: Staging

    /// Begins to stage bytes.
    func createStaged(_ session: UploadSession) async throws(RegistryError) -> StagedUpload {
        let (name, id) = (session.reference.name, session.reference.id)
        return try await onWorker(of: driver) { [self] in
            try await driver.put(
                .init(string: Timestamp.rfc3339(session.state.startedAt)),
                at: RegistryLayout.uploadStartedAt(name, id), if: nil)
            let writer = try await driver.openWriter(
                at: RegistryLayout.uploadData(name, id), mode: .create, sizeHint: nil)
            return StagedUpload(writer: writer, hasher: ContentHasher())
        }
    }

    /// Lets go of staged bytes so that any process can go on with them.
    @discardableResult
    func suspend(_ upload: StagedUpload, _ session: UploadSession) async -> UploadState {
        await upload.close()
        uploads.remember(upload.hasher, of: upload.resumeToken, for: session.reference.key)
        return UploadState(
            id: session.reference.id, offset: upload.offset, startedAt: session.state.startedAt,
            resumeToken: upload.resumeToken)
    }

    /// Leaves the session as it was before a request that failed.
    func restore(_ upload: StagedUpload, to before: ContentHasher, _ session: UploadSession) async {
        await uncancelled { [self] in
            guard upload.offset > before.count else {
                await suspend(upload, session)
                return
            }
            do {
                try await onWorker(of: driver) { [self] in try await cutBack(upload, to: before, session) }
            } catch {
                logger.warning(
                    "an upload is longer than before a request that failed",
                    metadata: ["path": "\(RegistryLayout.upload(session.reference.name, session.reference.id))"])
                await suspend(upload, session)
            }
        }
    }

    /// Takes back what was appended. Storages can't truncate, and suspended bytes can't be read: they are published at
    /// their staging place, where clients see nothing, and the part to be kept is staged anew.
    private func cutBack(_ upload: StagedUpload, to before: ContentHasher, _ session: UploadSession) async throws {
        let key = session.reference.key
        if before.count == 0, !upload.isCommitted {
            try await upload.cancel()
            return uploads.forgetStaged(key)
        }
        let path = RegistryLayout.uploadData(key.name, key.id)
        do throws(StorageError) {
            if !upload.isCommitted { try await upload.commit(checksum: nil) }
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

    /// Removes all that a session has in the storage.
    func dropStaged(_ reference: UploadReference) async throws(RegistryError) {
        try await onWorker(of: driver) { [self] in
            try await removeTree(RegistryLayout.upload(reference.name, reference.id))
        }
    }
}
