import Glibc
import NIOCore
public import RegistryModel
import RegistryStorage
import Synchronization

extension Registry {
    /// The least bytes of a chunk that isn't the last, as far as the driver has said so; 0: any number.
    public var leastChunkLength: Int { leastChunk.load(ordering: .relaxed) }

    /// Begins an upload. No storage is touched before the first bytes.
    /// - Parameter algorithm: by what the content will be named; it is hashed so while it passes.
    public func beginUpload(
        _ name: RepositoryName, _ algorithm: Digest.Algorithm = .sha256
    ) throws(RegistryError) -> UploadProgress {
        try requireWritable()
        guard let id = UploadID(Self.newUploadID()) else { throw RegistryError(.unknown, "no upload id") }
        uploads.begin(UploadSessions.Key(name: name, id: id))
        return progress(.fresh(id, algorithm), in: name)
    }

    /// Appends a request's body to a session.
    /// - Parameter start: where the client thinks it goes on (`Content-Range`); nil: at the end.
    /// - Throws: `RANGE_INVALID` with the session's progress if that isn't where it ends.
    public func append(
        _ body: UploadBody, to reference: UploadReference, at start: UInt64?
    ) async throws(RegistryError) -> UploadProgress {
        try requireWritable()
        return try await whileActive(reference) { [self] () throws(RegistryError) in
            try await withSession(reference, goesOn: true) { [self] session throws(RegistryError) in
                if let start, start != session.state.offset { throw outOfRange(session.state, reference) }
                if body.isEmpty { return progress(session.state, in: reference.name) }
                return progress(try await receive(body, session), in: reference.name)
            }
        }
    }

    /// What came before the client went away or the storage failed is kept.
    private func receive(_ body: UploadBody, _ session: UploadSession) async throws(RegistryError) -> UploadState {
        // What a failed PUT had found out about the bytes so far is true no more.
        if uploads.entry(session.reference.key)?.proved != nil { uploads.prove(nil, for: session.reference.key) }
        let upload = try await open(session)
        do throws(RegistryError) {
            try await upload.receive(body, on: driver)
        } catch {
            uploads.noteFailure(session.reference.key)
            await uncancelled { [self] in _ = try? await suspend(upload, session) }
            throw error
        }
        return try await suspend(upload, session)
    }

    /// Where a session stands.
    public func status(of reference: UploadReference) async throws(RegistryError) -> UploadProgress {
        try await whileQuiet(reference) { [self] () throws(RegistryError) in
            try await withSession(reference, goesOn: false) { [self] session throws(RegistryError) in
                progress(session.state, in: reference.name)
            }
        }
    }

    /// Ends a session and drops its bytes.
    public func cancelUpload(_ reference: UploadReference) async throws(RegistryError) {
        try requireWritable()
        try await whileActive(reference) { [self] () throws(RegistryError) in
            try await withSession(reference, goesOn: false) { [self] session throws(RegistryError) in
                if case .writer(let upload) = session.bytes {
                    try await onWorker(of: driver) { try await upload.cancel() }
                }
                try await dropStaged(reference)
                uploads.prove(nil, for: reference.key)
                uploads.end(reference.key)
            }
        }
    }

    // MARK: Parts

    /// Version 7 of RFC 9562: ordered by time, so that sessions begun together lie together.
    private static func newUploadID() -> String {
        var now = timespec()
        clock_gettime(CLOCK_REALTIME, &now)
        let milliseconds = UInt64(max(0, now.tv_sec)) &* 1000 &+ UInt64(max(0, now.tv_nsec)) / 1_000_000
        // Two calls of the kernel, not one for each byte.
        let random = (UInt64.random(in: 0 ... .max), UInt64.random(in: 0 ... .max))
        var bytes = (0..<16).map {
            UInt8(truncatingIfNeeded: ($0 < 8 ? random.0 : random.1) >> UInt64($0 % 8 * 8))
        }
        for index in 0..<6 { bytes[index] = UInt8(truncatingIfNeeded: milliseconds >> UInt64(40 - 8 * index)) }
        bytes[6] = bytes[6] & 0x0F | 0x70
        bytes[8] = bytes[8] & 0x3F | 0x80
        var text: [UInt8] = []
        text.reserveCapacity(36)
        let digits = Array("0123456789abcdef".utf8)
        for (index, byte) in bytes.enumerated() {
            if [4, 6, 8, 10].contains(index) { text.append(UInt8(ascii: "-")) }
            text.append(digits[Int(byte >> 4)])
            text.append(digits[Int(byte & 15)])
        }
        return String(decoding: text, as: UTF8.self)
    }

    func progress(_ state: UploadState, in name: RepositoryName) -> UploadProgress {
        UploadProgress(id: state.id, offset: state.offset, token: tokens.token(for: state, in: name))
    }

    func outOfRange(_ state: UploadState, _ reference: UploadReference) -> RegistryError {
        var error = RegistryError(.rangeInvalid, "the upload has \(state.offset) bytes; go on there")
        error.upload = progress(state, in: reference.name)
        return error
    }

    func unknownUpload(_ reference: UploadReference) -> RegistryError {
        RegistryError(.blobUploadUnknown, detail: .text(reference.id.description))
    }
}
