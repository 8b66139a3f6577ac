import Glibc
import NIOCore
public import RegistryModel
import RegistryStorage

extension Registry {
    /// Begins an upload. No storage is touched before the first bytes.
    public func beginUpload(_ name: RepositoryName) throws(RegistryError) -> UploadProgress {
        try requireWritable()
        guard let id = UploadID(Self.newUploadID()) else { throw RegistryError(.unknown, "no upload id") }
        uploads.begin(id)
        return progress(
            UploadState(id: id, offset: 0, startedAt: Int64(time(nil)), resumeToken: []), in: name)
    }

    /// Appends a request's body to a session.
    /// - Parameter start: where the client thinks it goes on (`Content-Range`); nil: at the end.
    /// - Throws: `RANGE_INVALID` with the session's progress if that isn't where it ends.
    public func append(
        _ body: UploadBody, to reference: UploadReference, at start: UInt64?
    ) async throws(RegistryError) -> UploadProgress {
        try requireWritable()
        return try await whileActive(reference, goesOn: true) { [self] state throws(RegistryError) -> UploadProgress in
            if let start, start != state.offset { throw outOfRange(state, reference) }
            if body.isEmpty { return progress(state, in: reference.name) }
            let upload = try await openStaged(state, reference)
            do throws(RegistryError) {
                try await upload.receive(body, on: driver)
            } catch {
                await suspend(upload, reference)
                throw error
            }
            return progress(await suspend(upload, reference), in: reference.name)
        }
    }

    /// Where a session stands.
    public func status(of reference: UploadReference) async throws(RegistryError) -> UploadProgress {
        progress(try await state(of: reference), in: reference.name)
    }

    /// Ends a session and drops its bytes.
    public func cancelUpload(_ reference: UploadReference) async throws(RegistryError) {
        try requireWritable()
        try await whileActive(reference, goesOn: false) { [self] _ throws(RegistryError) in
            try await dropStaged(reference)
            uploads.end(reference.id)
        }
    }

    // MARK: Parts

    /// Version 7 of RFC 9562: ordered by time, so that sessions begun together lie together.
    private static func newUploadID() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let milliseconds = UInt64(max(0, now.tv_sec)) &* 1000 &+ UInt64(max(0, now.tv_nsec)) / 1_000_000
        var generator = SystemRandomNumberGenerator()
        var bytes = (0..<16).map { _ in UInt8.random(in: 0...255, using: &generator) }
        for index in 0..<6 { bytes[index] = UInt8(truncatingIfNeeded: milliseconds >> UInt64(40 - 8 * index)) }
        bytes[6] = bytes[6] & 0x0F | 0x70
        bytes[8] = bytes[8] & 0x3F | 0x80
        var text = ""
        let digits = Array("0123456789abcdef")
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append("-") }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return text
    }

    func progress(_ state: UploadState, in name: RepositoryName) -> UploadProgress {
        UploadProgress(id: state.id, offset: state.offset, token: tokens.token(for: state, in: name))
    }

    func outOfRange(_ state: UploadState, _ reference: UploadReference) -> RegistryError {
        var error = RegistryError(
            .rangeInvalid, "the upload has \(state.offset) bytes; go on there", detail: nil)
        error.upload = progress(state, in: reference.name)
        return error
    }

    func unknownUpload(_ reference: UploadReference) -> RegistryError {
        RegistryError(.blobUploadUnknown, detail: .text(reference.id.description))
    }

    /// Runs `body` with the session's state while no other request of this process uses the session.
    /// - Parameter goesOn: whether the request adds bytes, so that its token must say where the session ends.
    func whileActive<Value: Sendable>(
        _ reference: UploadReference, goesOn: Bool,
        _ body: @Sendable (UploadState) async throws(RegistryError) -> Value
    ) async throws(RegistryError) -> Value {
        guard uploads.activate(reference.id) else {
            var error = RegistryError(.unavailable, "another request is using this upload")
            error.retryAfter = .seconds(1)
            throw error
        }
        defer { uploads.deactivate(reference.id) }
        let state = try await state(of: reference)
        // A client that uses an old Location doesn't know what has been stored since.
        if goesOn, let claimed = try claim(of: reference), claimed.offset != state.offset {
            throw outOfRange(state, reference)
        }
        return try await body(state)
    }

    /// The session's state: from its token, or from what the storage has.
    func state(of reference: UploadReference) async throws(RegistryError) -> UploadState {
        if uploads.entry(reference.id)?.hasEnded == true { throw unknownUpload(reference) }
        let claimed = try claim(of: reference)
        return try await onWorker(of: driver) { [self] in try await confirmed(claimed, reference) }
    }

    /// What the request's token says; nil without one.
    private func claim(of reference: UploadReference) throws(RegistryError) -> UploadState? {
        guard let token = reference.token else { return nil }
        let state = tokens.state(from: token, in: reference.name)
        guard let state, state.id == reference.id else {
            throw RegistryError(.blobUploadInvalid, "the upload's _state was not made by this registry for this upload")
        }
        return state
    }

    /// What a token says is believed as long as the storage says nothing else.
    private func confirmed(_ claimed: UploadState?, _ reference: UploadReference) async throws -> UploadState {
        if let claimed, claimed.offset == 0, claimed.resumeToken.isEmpty, !hasStaged(reference) { return claimed }
        // The token's bytes may have been committed meanwhile by a request that failed later on.
        for token in Set([claimed?.resumeToken ?? [], []]).sorted(by: { $0.count > $1.count }) {
            if let state = try await staged(reference, token, startedAt: claimed?.startedAt) { return state }
        }
        if let claimed, claimed.offset == 0 { return claimed }
        if claimed == nil, try await isKnown(reference) {
            return UploadState(id: reference.id, offset: 0, startedAt: Int64(time(nil)), resumeToken: [])
        }
        throw unknownUpload(reference)
    }

    /// The session as the storage has it; nil if no bytes are staged.
    private func staged(
        _ reference: UploadReference, _ token: [UInt8], startedAt: Int64?
    ) async throws -> UploadState? {
        do {
            let writer = try await driver.openWriter(
                at: RegistryLayout.uploadData(reference.name, reference.id),
                mode: .append(offset: nil, resumeToken: token), sizeHint: nil)
            let state = UploadState(
                id: reference.id, offset: writer.startOffset, startedAt: startedAt ?? Int64(time(nil)),
                resumeToken: writer.resumeToken)
            await writer.close()
            return state
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
    }

    /// Whether this process staged bytes for the session since its token was made.
    private func hasStaged(_ reference: UploadReference) -> Bool {
        (uploads.entry(reference.id)?.hasher?.count ?? 0) > 0
    }

    private func isKnown(_ reference: UploadReference) async throws(StorageError) -> Bool {
        if uploads.entry(reference.id) != nil { return true }
        return try await exists(RegistryLayout.uploadStartedAt(reference.name, reference.id))
    }

    func dropStaged(_ reference: UploadReference) async throws(RegistryError) {
        try await onWorker(of: driver) { [self] in
            do {
                try await removeTree(RegistryLayout.upload(reference.name, reference.id))
            } catch let error as StorageError where error.code == .notFound {
                return
            }
        }
    }
}
