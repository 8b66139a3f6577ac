import Glibc
import NIOCore
import RegistryModel
import RegistryStorage

/// A session as a request finds it.
struct UploadSession: Sendable {
    enum Bytes: Sendable {
        case none
        /// An object at the upload's place, nobody writing.
        case object(StorageStat)
        /// Opened where they end.
        case writer(StagedUpload)
    }

    let reference: UploadReference
    var state: UploadState
    var bytes: Bytes
}

extension RegistryError {
    /// Two requests on one session: only one of them can say what comes next. Where waiting is all that is to be done, as
    /// for the status, `isQuestion`, it is 503.
    static func uploadInUse(isQuestion: Bool) -> RegistryError {
        var error = RegistryError(
            isQuestion ? .unavailable : .blobUploadInvalid, "another request is using this upload")
        if !isQuestion { error.status = 409 }
        error.retryAfter = .seconds(1)
        return error
    }

    static var uploadInUse: RegistryError { .uploadInUse(isQuestion: false) }

    fileprivate var isUploadInUse: Bool { status == 409 && code == .blobUploadInvalid }
}

extension StorageError {
    /// Another writer has the bytes. A host or machine that is merely overloaded says when to try again, or which call of
    /// the system failed.
    var meansInUse: Bool { code == .busy && retryAfter == nil && systemError == 0 }
}

extension UploadState {
    /// Nothing has been staged, as far as this state knows.
    var isFresh: Bool { offset == 0 && resumeToken.isEmpty }

    /// The state of a session that has no bytes.
    static func fresh(_ id: UploadID, startedAt: Int64? = nil, _ algorithm: Digest.Algorithm = .sha256) -> UploadState {
        UploadState(
            id: id, offset: 0, startedAt: startedAt ?? Int64(time(nil)), algorithm: algorithm, resumeToken: [])
    }
}

extension Registry {
    /// Runs `body` while no other request of this process uses the session.
    func whileActive<Value: Sendable>(
        _ reference: UploadReference, _ body: @Sendable () async throws(RegistryError) -> Value
    ) async throws(RegistryError) -> Value {
        guard uploads.activate(reference.key) else { throw .uploadInUse }
        defer { uploads.deactivate(reference.key) }
        return try await body()
    }

    /// As `whileActive`, for a request that only asks.
    func whileQuiet<Value: Sendable>(
        _ reference: UploadReference, _ body: @Sendable () async throws(RegistryError) -> Value
    ) async throws(RegistryError) -> Value {
        do throws(RegistryError) {
            return try await whileActive(reference, body)
        } catch {
            throw error.isUploadInUse ? .uploadInUse(isQuestion: true) : error
        }
    }

    /// Runs `body` with the session.
    /// - Parameters:
    ///   - goesOn: whether the request adds bytes, so that its token must say where the session ends.
    ///   - digest: of the content that the request ends.
    func withSession<Value: Sendable>(
        _ reference: UploadReference, goesOn: Bool, endsAs digest: Digest? = nil,
        _ body: @Sendable (UploadSession) async throws(RegistryError) -> Value
    ) async throws(RegistryError) -> Value {
        let session = try await find(reference, goesOn: goesOn, place(of: digest))
        let writer: StagedUpload? = if case .writer(let upload) = session.bytes { upload } else { nil }
        do throws(RegistryError) {
            // A client that uses an old Location doesn't know what has been stored since.
            if goesOn, let claimed = try claim(of: reference), claimed.offset != session.state.offset {
                throw outOfRange(session.state, reference)
            }
            let value = try await body(session)
            await writer?.close()
            return value
        } catch {
            await writer?.close()
            throw error
        }
    }

    /// Where staged bytes can become a blob without being moved; nil: nowhere.
    private func place(of digest: Digest?) -> StoragePath? {
        guard let digest, digest.algorithm == .sha256, driver.capabilities.contains(.adopt) else { return nil }
        return RegistryLayout.blobData(digest)
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

    private func find(
        _ reference: UploadReference, goesOn: Bool, _ place: StoragePath?
    ) async throws(RegistryError) -> UploadSession {
        let entry = uploads.entry(reference.key)
        if entry?.hasEnded == true { throw unknownUpload(reference) }
        let claimed = try claim(of: reference)
        // What a token says is believed as long as nothing is known of newer bytes.
        if let claimed, claimed.isFresh, entry?.hasStaged != true {
            return UploadSession(reference: reference, state: claimed, bytes: .none)
        }
        return try await onWorker(of: driver) { [self] in
            if let session = try await stored(reference, claimed, goesOn: goesOn, place) { return session }
            if let claimed, claimed.offset == 0 {
                let state = UploadState.fresh(reference.id, startedAt: claimed.startedAt, claimed.algorithm)
                return UploadSession(reference: reference, state: state, bytes: .none)
            }
            guard claimed == nil, try await isKnown(reference) else { throw unknownUpload(reference) }
            return UploadSession(reference: reference, state: .fresh(reference.id), bytes: .none)
        }
    }

    /// The session with the bytes that the storage has of it; nil if it has none.
    private func stored(
        _ reference: UploadReference, _ claimed: UploadState?, goesOn: Bool, _ place: StoragePath?
    ) async throws -> UploadSession? {
        var state = claimed ?? .fresh(reference.id)
        if keepsObjects {
            var found = try await object(at: RegistryLayout.uploadData(reference.name, reference.id))
            if found == nil { found = try await recovered(reference, moves: goesOn) }
            guard let found else { return nil }
            state.offset = found.size
            state.resumeToken = []
            return UploadSession(reference: reference, state: state, bytes: .object(found))
        }
        var writer: StagedUpload?
        if let place, !state.resumeToken.isEmpty {
            writer = try await resume(reference, state.resumeToken, at: place)
            // What passed elsewhere has to be read before it is a blob.
            if let found = writer, !found.hasher.isComplete {
                await found.close()
                writer = nil
            }
        }
        if writer == nil, !state.resumeToken.isEmpty { writer = try await resume(reference, state.resumeToken) }
        // A request that failed may have published the bytes at their staging place, or staged them anew.
        if writer == nil { writer = try await resume(reference, []) }
        guard let writer else { return nil }
        state.offset = writer.offset
        state.resumeToken = writer.resumeToken
        return UploadSession(reference: reference, state: state, bytes: .writer(writer))
    }

    private func isKnown(_ reference: UploadReference) async throws(StorageError) -> Bool {
        if uploads.entry(reference.key)?.hasBegun == true { return true }
        return try await exists(RegistryLayout.uploadStartedAt(reference.name, reference.id))
    }
}
