import ObjectStoreKit
import PluginKit
import Synchronization

/// Writes an object: in memory as long as it is small, then as blocks of a staging blob, several on their way at once.
///
/// What the service hasn't taken stays in memory and is sent again by the next `sync` or `commit`, so an accepted byte is
/// never lost to a failed request.
final class AzureWriter: ObjectWriter {
    let driver: AzureDriver
    let staging: AzureStagingName
    let sizeHint: UInt64?
    let state: Mutex<State>
    let uploads: PartUploads<BlockOutcome>
    /// Which opening of the writer this is.
    let session: UInt32
    let isClosed = Atomic<Bool>(false)

    /// What became of a block.
    enum BlockOutcome: Sendable {
        case stored(AzureBlock)
        case failed(Unsent)
    }

    /// A block that the service hasn't taken.
    struct Unsent: Sendable {
        let id: AzureBlockID
        let bytes: SharedBytes
        let error: any Error

        var block: AzureBlock { AzureBlock(id: id, size: UInt64(bytes.count)) }
    }

    struct State: ~Copyable, Sendable {
        /// Bytes accepted.
        var offset: UInt64 = 0
        /// The last bytes, not sent yet.
        var buffer: PartBuffer?
        /// Bytes that were all there was when a commit failed.
        var whole: SharedBytes?
        /// What the service has, in order, but for those on their way.
        var blocks: [AzureBlock] = []
        var unsent: [Unsent] = []
        /// The place of the next block.
        var nextIndex: UInt32 = 0
        var nextOffset: UInt64 = 0
        var lastSession: UInt32 = 0
        /// Whether the service may have something of the staging blob.
        var hasStaging = false
        /// A write failed half-way: what is accepted isn't known any more.
        var isBroken = false
        var hasEnded = false
    }

    /// A writer at the end of `blocks`.
    init(
        _ driver: AzureDriver, _ staging: AzureStagingName, sizeHint: UInt64?, blocks: [AzureBlock] = [],
        isStaged: Bool = false
    ) {
        self.driver = driver
        self.staging = staging
        self.sizeHint = sizeHint
        session = .random(in: 1 ... .max)
        uploads = PartUploads(limit: driver.options.concurrency, host: driver.host)
        var state = State()
        state.blocks = blocks
        state.hasStaging = isStaged
        if let last = blocks.last {
            state.nextIndex = last.id.index + 1
            state.nextOffset = last.end
            state.lastSession = last.id.session
            state.offset = last.end
        }
        self.state = Mutex(state)
    }

    deinit {
        // A call that was given up while it opened the writer closes nothing.
        if !isClosed.load(ordering: .relaxed) { OpenWriters.shared.release(scopedName) }
    }

    var offset: UInt64 { state.withLock { $0.offset } }
    var resumeToken: [UInt8] { ResumeToken(id: staging.id, session: session).bytes }
    var preferredChunk: UInt32 { UInt32(clamping: driver.options.chunkSize) }
    var scopedName: String { driver.scope + staging.blob }

    // MARK: Writing

    func write(_ parts: ByteParts, _ call: CallContext) async throws {
        try requireUsable()
        let (end, overflow) = offset.addingReportingOverflow(UInt64(parts.byteCount))
        guard !overflow, end <= AzureBlockPlan.largestBlob else {
            throw PluginError(.range, "a blob has at most 190 TiB", noEffect: true)
        }
        let deadline = Deadline(call)
        if state.withLock({ driver.plan.mustJoin($0.blocks) }) { try await join(deadline) }
        do {
            for index in 0..<parts.count { try await append(parts[index], deadline) }
        } catch {
            state.withLock { $0.isBroken = true }
            throw error
        }
        state.withLock { $0.offset = end }
    }

    private func append(_ bytes: UnsafeRawBufferPointer, _ deadline: Deadline) async throws {
        var rest = bytes
        while !rest.isEmpty {
            var buffer = try await room(deadline)
            let count = try buffer.append(rest)
            rest = UnsafeRawBufferPointer(rebasing: rest[count...])
            var held: PartBuffer? = consume buffer
            state.withLock { $0.buffer = held.take() }
        }
    }

    /// The buffer, with room in it; a full one is sent first, since only now it is known not to be the last.
    private func room(_ deadline: Deadline) async throws -> PartBuffer {
        if let whole = state.withLock({ $0.whole.take() }) { try await submit(whole) }
        if let buffer = state.withLock({ $0.buffer.take() }) {
            if !buffer.isFull { return buffer }
            try await submit(buffer.freeze())
        }
        let next = state.withLock { $0.nextOffset }
        if next == 0, let sizeHint, sizeHint <= UInt64(driver.singlePutLimit),
            let buffer = driver.pool.tryMake(capacity: max(Int(sizeHint), 1))
        {
            return buffer
        }
        let capacity = driver.plan.size(at: next, sizeHint: sizeHint)
        if let buffer = driver.pool.tryMake(capacity: capacity) { return buffer }
        // With little memory left, one block at a time.
        let outcomes = uploads.inFlight > 0 ? try await uploads.finish() : []
        state.withLock { $0.add(outcomes) }
        return try await driver.pool.make(capacity: capacity, deadline)
    }

    /// Sends the next block in the background, once there is a place for it.
    private func submit(_ bytes: SharedBytes) async throws {
        guard !bytes.isEmpty else { return }
        let id = state.withLock { $0.takeID(session, size: UInt64(bytes.count)) }
        let (driver, blob) = (driver, staging.blob)
        try await uploads.submit {
            do {
                // The write that began it may be over long before.
                try await driver.putBlock(id, of: blob, bytes, .after(milliseconds: 120_000))
                return .stored(AzureBlock(id: id, size: UInt64(bytes.count)))
            } catch {
                return .failed(Unsent(id: id, bytes: bytes, error: error))
            }
        }
    }

    /// Stores everything that was accepted.
    func flush(_ deadline: Deadline) async throws {
        if let whole = state.withLock({ $0.whole.take() }) { try await submit(whole) }
        if let buffer = state.withLock({ $0.buffer.take() }) { try await submit(buffer.freeze()) }
        let outcomes = try await uploads.finish()
        state.withLock { $0.add(outcomes) }
        while let unsent = state.withLock({ $0.unsent.first }) {
            try await driver.putBlock(unsent.id, of: staging.blob, unsent.bytes, deadline)
            state.withLock { state in
                state.unsent.removeFirst()
                state.blocks.append(unsent.block)
            }
        }
        state.withLock { $0.blocks.sort { $0.id.index < $1.id.index } }
    }

    func sync(_ call: CallContext) async throws -> UInt64 {
        try requireUsable()
        try await store(Deadline(call))
        return offset
    }

    /// As `flush`; a writer without bytes leaves an empty blob, by which it is found again.
    func store(_ deadline: Deadline) async throws {
        try await flush(deadline)
        guard state.withLock({ $0.blocks.isEmpty && !$0.hasStaging }) else { return }
        let digest = Base64.encode(Digests.md5([]))
        _ = try await driver.putBlob(staging.blob, .none, digest: digest, .none, deadline)
        state.withLock { $0.hasStaging = true }
    }

    /// Lets the service join its blocks to large ones, long before there are too many.
    private func join(_ deadline: Deadline) async throws {
        try await flush(deadline)
        let blocks = state.withLock { $0.blocks }
        let kept = Array(blocks.prefix { $0.size == AzureBlockPlan.largestBlock })
        let begin = kept.last?.end ?? 0
        guard let end = blocks.last?.end, begin < end else { return }
        let staged = try await driver.putBlockList(blocks, of: staging.blob, deadline)
        let joint = UInt32.random(in: 1 ... .max)
        var joined = kept
        for range in driver.plan.joined(from: begin, to: end) {
            let id = AzureBlockID(
                index: UInt32(clamping: joined.count), offset: range.lowerBound, session: joint,
                previousSession: joined.last?.id.session ?? 0)
            let size = range.upperBound - range.lowerBound
            try await driver.putBlock(id, of: staging.blob, from: staging.blob, range, etag: staged.etag, deadline)
            joined.append(AzureBlock(id: id, size: size))
        }
        _ = try await driver.putBlockList(joined, of: staging.blob, deadline)
        state.withLock { state in
            state.blocks = joined
            state.nextIndex = UInt32(clamping: joined.count)
            state.lastSession = joined.last?.id.session ?? 0
        }
    }

    func requireUsable() throws {
        if state.withLock({ $0.isBroken }) {
            throw PluginError(
                .unavailable, "a write of this writer failed half-way; go on with a new one", noEffect: true)
        }
    }
}

extension AzureWriter.State {
    /// The id of the next block.
    mutating func takeID(_ session: UInt32, size: UInt64) -> AzureBlockID {
        let id = AzureBlockID(index: nextIndex, offset: nextOffset, session: session, previousSession: lastSession)
        nextIndex += 1
        nextOffset += size
        lastSession = session
        hasStaging = true
        return id
    }

    mutating func add(_ outcomes: [AzureWriter.BlockOutcome]) {
        for outcome in outcomes {
            switch outcome {
            case .stored(let block): blocks.append(block)
            case .failed(let block): unsent.append(block)
            }
        }
    }
}

/// Names a suspended writer: the id of its staging blob, and the session whose end counts.
struct ResumeToken {
    let id: String
    let session: UInt32

    init(id: String, session: UInt32) {
        self.id = id
        self.session = session
    }

    /// Nil: no token of this driver.
    init?(_ bytes: [UInt8]) {
        let parts = String(decoding: bytes, as: UTF8.self).split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 2, bytes.count <= 64, let session = UInt32(parts[1], radix: 16),
            AzureStagingName(object: "", id: parts[0]) != nil
        else { return nil }
        self.init(id: String(parts[0]), session: session)
    }

    var bytes: [UInt8] { Array("\(id).\(String(session, radix: 16))".utf8) }
}
