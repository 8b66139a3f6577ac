import ObjectStoreKit
import PluginKit
import Synchronization

/// Writes an object. What fits into the memory of one upload becomes an object with one request; more goes into a
/// resumable session, half of that memory at a time: one half is sent while the other fills.
///
/// Nothing is visible before the end of the session, which is the commit. Between requests of a client the session's
/// address and the bytes that don't fill a chunk are kept in a small object beside the path (`SuspendedUpload`).
final class GCSWriter: ObjectWriter, @unchecked Sendable {
    // Sendable: one call at a time (ABI), and the background task that stores the bytes is the last to touch it.

    /// What writers of an instance share.
    struct Context: Sendable {
        let client: GCSClient
        let pool: PartPool
        let host: Host
        let executor: HostExecutor?
        /// What tells buckets apart in `OpenUploads`.
        let bucketID: String
    }

    let context: Context
    let key: String
    let token: String
    private(set) var offset: UInt64
    /// Of all bytes; nil: another program wrote some of them.
    private var checksum: CRC32C?
    private var session: ResumableSession
    /// Filled chunks that the session hasn't got; the first byte of the first stands at `base`.
    private var pending: [SharedBytes] = []
    private var base: UInt64
    private var buffer: PartBuffer?
    private var sending: Task<Void, any Error>?
    /// So many filled chunks are kept before the first is sent.
    private let patience: Int
    /// Bytes of a chunk, and of the memory for one; less if the content is small. Multiples of what sessions take.
    private let chunk: Int
    private let bufferSize: Int
    /// Of the stored form; 0: there is none.
    private var storedGeneration: Int64 = 0
    /// Another program's stored form at the very key.
    private var foreign: Int64?
    private var isClean = false
    private var isOver = false
    /// Bytes were taken in part: nothing can go on.
    private var isBroken = false

    /// Up to this size bytes are stored as they are, without a session.
    private static let smallest = 1 << 20

    init(_ context: Context, key: String, token: String, sizeHint: UInt64?, resumed: SuspendedUpload? = nil) {
        self.context = context
        self.key = key
        self.token = token
        let options = context.client.options
        chunk = max(options.chunkSize / 2 / GCSOptions.quantum * GCSOptions.quantum, GCSOptions.quantum)
        let wanted = Int(clamping: min(sizeHint ?? .max, UInt64(chunk)))
        bufferSize = max((wanted + GCSOptions.quantum - 1) / GCSOptions.quantum, 1) * GCSOptions.quantum
        // Content that fits is one request at the end.
        patience = sizeHint.map { $0 <= UInt64(options.chunkSize) } == true ? options.chunkSize / chunk : 0
        base = resumed?.persisted ?? 0
        offset = base
        checksum = resumed.map(\.checksum) ?? CRC32C()
        session = ResumableSession(context.client, key: key, address: resumed?.session, persisted: base)
    }

    var resumeToken: [UInt8] { Array(token.utf8) }
    var preferredChunk: UInt32 { UInt32(clamping: min(chunk, 1 << 20)) }

    private var storedKey: String { SuspendedName.key(key, token: token) }
    private var id: String { context.bucketID + storedKey }
    private var client: GCSClient { context.client }

    /// The stored form that this writer goes on with.
    func adopt(_ resumed: SuspendedUpload, generation: Int64, _ deadline: Deadline) async throws {
        storedGeneration = generation
        try await fill(resumed.rest, deadline)
        offset = resumed.offset
        isClean = true
    }

    /// An unfinished upload of Distribution's at the key that this writer goes on with.
    func adopt(foreign generation: Int64, _ resumed: SuspendedUpload, _ deadline: Deadline) async throws {
        try await adopt(resumed, generation: 0, deadline)
        foreign = generation
        isClean = false
    }

    // MARK: Writing

    func write(_ parts: ByteParts, _ call: CallContext) async throws {
        try requireGood()
        let deadline = Deadline(call)
        try await settle(for: parts.byteCount, deadline)
        isClean = false
        do {
            for index in 0..<parts.count { try await fill(parts[index], deadline) }
        } catch {
            isBroken = true
            throw error
        }
        for index in 0..<parts.count { checksum?.update(parts[index]) }
        offset &+= UInt64(parts.byteCount)
        if pending.count > patience, sending == nil { startSending() }
    }

    /// As `write`, for bytes that the driver itself has read.
    func write(_ bytes: borrowing OwnedBytes, _ deadline: Deadline) async throws {
        try await settle(for: bytes.count, deadline)
        isClean = false
        let copy = bytes.withUnsafeBytes { SharedBytes([UInt8]($0)) }
        try await fill(copy, deadline)
        copy.withSegments { checksum?.update($0) }
        offset &+= UInt64(copy.count)
    }

    private func fill(_ bytes: SharedBytes, _ deadline: Deadline) async throws {
        let bytes = bytes.array
        var start = 0
        while start < bytes.count {
            try await makeRoom(deadline)
            start += try bytes.withUnsafeBytes { try take(UnsafeRawBufferPointer(rebasing: $0[start...])) }
        }
    }

    private func fill(_ bytes: UnsafeRawBufferPointer, _ deadline: Deadline) async throws {
        var rest = bytes
        while !rest.isEmpty {
            try await makeRoom(deadline)
            rest = UnsafeRawBufferPointer(rebasing: rest[(try take(rest))...])
        }
    }

    private func makeRoom(_ deadline: Deadline) async throws {
        guard buffer == nil else { return }
        buffer = try await context.pool.make(capacity: bufferSize, deadline)
    }

    /// Takes what fits into the buffer; a full one becomes a chunk.
    private func take(_ bytes: UnsafeRawBufferPointer) throws -> Int {
        let count = try buffer?.append(bytes) ?? 0
        if buffer?.isFull == true, let full = buffer.take() { pending.append(full.freeze()) }
        return count
    }

    private func requireGood() throws {
        guard !isBroken else {
            throw PluginError(.internalFailure, "an earlier write of this writer failed halfway", noEffect: true)
        }
    }

    // MARK: Sending

    private func startSending() {
        guard let first = pending.first else { return }
        let (session, base) = (session, base)
        sending = Task.detached(executorPreference: context.executor) {
            _ = try await session.send(first, from: base, total: nil, checksum: nil, .never)
        }
    }

    /// Waits until there is room for so many bytes: one chunk is on its way while the next fills, and no more.
    private func settle(for count: Int, _ deadline: Deadline) async throws {
        let room = bufferSize - (buffer?.count ?? 0)
        try await settle(atMost: patience > 0 ? patience : count < room ? 1 : 0, deadline)
    }

    /// Waits until at most so many chunks are left; 0: until nothing is under way either.
    private func settle(atMost limit: Int, _ deadline: Deadline) async throws {
        while pending.count > limit || limit == 0 && sending != nil {
            if sending == nil { startSending() }
            guard let task = sending else { return }
            let outcome = await withTaskCancellationHandler {
                await task.result
            } onCancel: {
                task.cancel()
            }
            sending = nil
            try outcome.get()
            base &+= UInt64(pending.removeFirst().count)
        }
    }

    /// What is in memory, in one piece after the other; it stays there.
    private func remainder(_ deadline: Deadline) async throws -> SharedBytes {
        guard let last = buffer.take() else { return SharedBytes(joining: pending) }
        let frozen = last.freeze()
        let all = SharedBytes(joining: pending + [frozen])
        try await fill(frozen, deadline)
        return all
    }

    // MARK: Storing

    func sync(_ call: CallContext) async throws -> UInt64 {
        try requireGood()
        try await store(Deadline(call))
        return offset
    }

    /// Stores what another process needs to go on.
    private func store(_ deadline: Deadline) async throws {
        guard !isClean else { return }
        if session.address != nil || sending != nil || offset &- base > UInt64(Self.smallest) {
            try await settle(atMost: 0, deadline)
            try await sendWholeQuanta(deadline)
        }
        let suspended = SuspendedUpload(
            session: session.address, persisted: base, checksum: checksum, rest: try await remainder(deadline))
        try await put(suspended, deadline)
        if let foreign {
            _ = try await client.delete(key, generation: foreign, deadline)
            self.foreign = nil
        }
        isClean = true
    }

    /// Sends what the session can take of the last, partly filled chunk.
    private func sendWholeQuanta(_ deadline: Deadline) async throws {
        guard let part = buffer.take() else { return }
        let frozen = part.freeze()
        let whole = frozen.count / GCSOptions.quantum * GCSOptions.quantum
        if whole > 0 { pending.append(frozen.slice(0..<whole)) }
        try await fill(frozen.slice(whole..<frozen.count), deadline)
        try await settle(atMost: 0, deadline)
    }

    private func put(_ suspended: SuspendedUpload, _ deadline: Deadline) async throws {
        guard storedKey.utf8.count <= Keys.longest else {
            throw PluginError(.invalidArgument, "the path is too long for an upload that is suspended", noEffect: true)
        }
        let content = try suspended.encoded()
        var checksum = CRC32C()
        content.withSegments { checksum.update($0) }
        let object = NewObject(
            key: storedKey, contentType: SuspendedName.contentType, content: .shared(content), checksum: checksum,
            metadata: suspended.metadata)
        let before = EntityTag(String(storedGeneration)) ?? EntityTag()
        do {
            let stored = try await client.insert(
                object, if: storedGeneration == 0 ? .absent : .matches(before), deadline)
            storedGeneration = stored.generation
        } catch let error as StoreError where error.kind == .precondition || error.kind == .alreadyExists {
            throw PluginError(.precondition, "another writer has gone on with these bytes, or removed them")
        }
    }

    /// Forgets a writer that nobody got.
    func abandon() {
        isOver = true
        close()
    }

    func close() {
        guard !isOver, !isClean, !isBroken else {
            sending?.cancel()
            return OpenUploads.shared.end(id)
        }
        OpenUploads.shared.close(id, on: context.executor) { [self] in
            do {
                try await store(.after(milliseconds: 60_000))
            } catch {
                context.host.log.write(.warning, "a suspended upload could not be stored: \(reason(error))")
            }
        }
    }

    // MARK: The end

    func commit(if condition: Precondition, checksum wanted: String, _ call: CallContext) async throws -> ObjectStat {
        try requireGood()
        let deadline = Deadline(call)
        let isSmall = session.address == nil && sending == nil && offset <= UInt64(client.options.chunkSize)
        let object = isSmall ? try await insert(if: condition, deadline) : try await finish(if: condition, deadline)
        isOver = true
        pending = []
        buffer = nil
        try await verify(object, deadline)
        await removeStored(deadline)
        return object.stat
    }

    private func insert(if condition: Precondition, _ deadline: Deadline) async throws -> GCSObject {
        let content = try await remainder(deadline)
        var sum = CRC32C()
        if let checksum { sum = checksum } else { content.withSegments { sum.update($0) } }
        let object = NewObject(key: key, content: .shared(content), checksum: sum)
        return try await client.insert(object, if: condition, deadline)
    }

    /// Ends the session.
    private func finish(if condition: Precondition, _ deadline: Deadline) async throws -> GCSObject {
        guard condition.generation == nil else {
            throw PluginError(
                .unsupported, "a condition on content that is larger than chunksize can't be held", noEffect: true)
        }
        try await settle(atMost: 0, deadline)
        let last = buffer.take()?.freeze() ?? SharedBytes()
        do {
            guard
                let object = try await session.send(last, from: base, total: offset, checksum: checksum, deadline)
            else { throw StoreError(.corrupt, "UploadChunk: the last answer has no object") }
            return object
        } catch {
            // The bytes are kept, but for those that the session has now.
            let sent = session.persisted > base ? min(Int(clamping: session.persisted - base), last.count) : 0
            base &+= UInt64(sent)
            try? await fill(last.slice(sent..<last.count), .never)
            throw error
        }
    }

    /// Whether the object is what was written. One that isn't is removed again.
    private func verify(_ object: GCSObject, _ deadline: Deadline) async throws {
        let isSame = if let wanted = checksum?.value, let found = object.checksum { wanted == found } else { true }
        guard object.size != offset || !isSame else { return }
        _ = try? await client.delete(key, generation: object.generation, deadline)
        await removeStored(deadline)
        throw StoreError(.corrupt, "the stored object isn't what was sent: size or CRC32C differ")
    }

    private func removeStored(_ deadline: Deadline) async {
        guard storedGeneration != 0 else { return }
        do {
            _ = try await client.delete(storedKey, generation: nil, deadline)
            storedGeneration = 0
        } catch {
            context.host.log.write(.warning, "the rest of an upload could not be removed: \(storedKey)")
        }
    }

    func cancel(_ call: CallContext) async throws {
        let deadline = Deadline(call)
        sending?.cancel()
        _ = await sending?.result
        sending = nil
        // An unfinished session costs nothing and ends by itself: failing to drop it is no failure.
        try? await session.cancel(deadline)
        if storedGeneration != 0 { _ = try await client.delete(storedKey, deadline) }
        if let foreign { _ = try await client.delete(key, generation: foreign, deadline) }
        isOver = true
        pending = []
        buffer = nil
    }
}

/// One line that says why; errors of stores and plugins hold no credential.
func reason(_ error: any Error) -> String {
    (error as? StoreError)?.message ?? (error as? PluginError)?.message ?? "\(error)"
}
