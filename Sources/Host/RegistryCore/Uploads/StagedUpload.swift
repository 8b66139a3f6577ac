import NIOCore
import RegistryModel
import RegistryStorage
import Synchronization

/// A writer with the hash of what goes through it. Used by one request at a time.
final class StagedUpload: Sendable {
    private struct State {
        var hasher: ContentHasher
        var isCommitted = false
        var isClosed = false
    }

    private let writer: any StorageWriter
    private let state: Mutex<State>
    /// Whether the writer was opened where the blob will lie, with the bytes staged elsewhere.
    let isAdopted: Bool

    init(writer: any StorageWriter, hasher: ContentHasher, isAdopted: Bool = false) {
        self.writer = writer
        self.isAdopted = isAdopted
        state = Mutex(State(hasher: hasher))
    }

    var hasher: ContentHasher { state.withLock { $0.hasher } }
    /// Bytes accepted, of this and earlier requests.
    var offset: UInt64 { hasher.count }
    var isCommitted: Bool { state.withLock { $0.isCommitted } }
    var isClosed: Bool { state.withLock { $0.isClosed } }
    /// Names the bytes once they are suspended.
    var resumeToken: [UInt8] { writer.resumeToken }

    /// Takes a body: each batch is hashed and written in one step on the driver's worker, and the next is asked for when
    /// that is done, so that a client that is faster than the storage waits.
    func receive(_ body: UploadBody, on driver: any StorageDriver) async throws(RegistryError) {
        let least = writer.minimumChunk
        var gathered: [ByteBuffer] = []
        while let batch = try await body.nextBatch() {
            guard !batch.isEmpty else { continue }
            gathered += batch
            if least > 0, gathered.reduce(0, { $0 + $1.readableBytes }) < least { continue }
            try await write(gathered, on: driver)
            gathered = []
        }
        if !gathered.isEmpty { try await write(gathered, on: driver) }
    }

    private func write(_ parts: [ByteBuffer], on driver: any StorageDriver) async throws(RegistryError) {
        try await onWorker(of: driver) { [self] in
            var hasher = self.hasher
            hasher.update(parts)
            try await writer.write(parts)
            state.withLock { $0.hasher = hasher }
        }
    }

    /// Makes what was accepted survive a power cut.
    func sync() async throws(StorageError) { _ = try await writer.sync() }

    /// Publishes the bytes where the writer was opened.
    @discardableResult
    func commit() async throws(StorageError) -> StorageStat {
        let hasher = hasher
        let stat = try await writer.commit(checksum: hasher.isComplete ? hasher.digest().description : "", if: nil)
        state.withLock { $0.isCommitted = true }
        await close()
        return stat
    }

    /// Drops the bytes.
    func cancel() async throws(StorageError) {
        if !isCommitted { try await writer.cancel() }
        await close()
    }

    /// Lets go of the bytes; a second time does nothing.
    func close() async {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        if isFirst { await writer.close() }
    }
}

extension UploadBody {
    /// The next bytes; a client that goes away is an error of the client.
    func nextBatch() async throws(RegistryError) -> [ByteBuffer]? {
        do {
            return try await next()
        } catch let error as RegistryError {
            throw error
        } catch {
            var failure = RegistryError(.unknown, "the request's body ended early: \(error)")
            failure.status = 400
            throw failure
        }
    }

    /// The same bytes, all read; for short bodies.
    func collected() async throws(RegistryError) -> (bytes: [ByteBuffer], body: UploadBody) {
        var bytes: [ByteBuffer] = []
        while let batch = try await nextBatch() { bytes += batch }
        let rest = Mutex<[ByteBuffer]?>(bytes)
        return (bytes, UploadBody(length: length) { rest.withLock { $0.take() } })
    }
}

/// Runs what must be done although the request may have been cancelled.
func uncancelled(_ body: @escaping @Sendable () async -> Void) async {
    await Task { await body() }.value
}
