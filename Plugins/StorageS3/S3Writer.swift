import ObjectStoreKit
import PluginKit
import Synchronization

/// Writes an object: what fits into one part by one request at the commit, and more as parts, several on their way at once.
///
/// The multipart upload begins with the first whole part. A suspended writer is one object more (`SuspendedUpload`).
final class S3Writer: ObjectWriter, @unchecked Sendable {
    // @unchecked: the kit makes one call at a time and none behind close; what runs beside it, parts on their way, knows
    // `progress` alone, which has a lock.

    let driver: S3Driver
    /// Where parts and state lie.
    let key: String
    /// Where the object is published.
    let target: String
    let id: String
    /// Parts that the store has, by their numbers.
    let progress: PartProgress
    let sizes: S3PartSizes
    private(set) var offset: UInt64
    /// The multipart upload, once there is one.
    var upload: S3Multipart?
    /// The bytes behind the last whole part: the start of the next one.
    var tail: PartTail
    /// How many parts were begun.
    var partCount: Int
    /// Parts on their way.
    var flights: PartUploads<Void>
    /// Bytes that a stored state holds; nil: there is no such state.
    var storedOffset: UInt64?
    /// Whether there is nothing left to suspend.
    var hasEnded = false
    private let sizeHint: UInt64?

    /// A new writer, which begins with the bytes of a state that isn't stored.
    init(
        _ driver: S3Driver, _ key: String, _ id: String, _ state: SuspendedUpload, sizeHint: UInt64?,
        target: String? = nil
    ) {
        self.driver = driver
        self.key = key
        self.target = target ?? key
        self.id = id
        self.sizeHint = sizeHint
        progress = PartProgress(state.etags)
        sizes = state.sizes
        offset = state.offset
        partCount = state.etags.count
        upload = state.uploadID.isEmpty ? nil : S3Multipart(key: key, id: state.uploadID)
        tail = PartTail(state.tail)
        flights = PartUploads(limit: driver.bucket.options.uploadConcurrency, host: driver.bucket.host)
    }

    /// Goes on with a stored state.
    convenience init(
        resuming driver: S3Driver, _ key: String, _ id: String, _ state: SuspendedUpload, target: String
    ) {
        self.init(driver, key, id, state, sizeHint: nil, target: target)
        storedOffset = offset
    }

    var bucket: S3Bucket { driver.bucket }
    var stateKey: String { SuspendedUpload.key(key, id) }
    /// The id, and where it is: with that the bytes can be published elsewhere.
    var resumeToken: [UInt8] {
        let path = key.utf8.dropFirst(bucket.options.root.utf8.count)
        return path.count <= 1024 - 32 ? Array(id.utf8) + Array(path) : Array(id.utf8)
    }
    var preferredChunk: UInt32 { 1 << 20 }

    // MARK: Writing

    func write(_ parts: ByteParts, _ call: CallContext) async throws {
        try progress.check()
        guard UInt64(parts.byteCount) <= S3PartSizes.largestObject - min(offset, S3PartSizes.largestObject) else {
            throw PluginError(.range, "larger than an object can be", noEffect: true)
        }
        do {
            for index in 0..<parts.count { try await append(parts[index], Deadline(call)) }
            offset += UInt64(parts.byteCount)
        } catch {
            // What was taken of this write can't be given back.
            await fail(error)
            throw error
        }
    }

    private func append(_ bytes: UnsafeRawBufferPointer, _ deadline: Deadline) async throws {
        var rest = bytes
        while !rest.isEmpty {
            let size = sizes.size(ofPart: partCount + 1)
            if UInt64(tail.count) >= size { try await flush(deadline) }
            if !tail.isOpen { try await openTail(deadline) }
            let taken = try tail.append(rest)
            rest = UnsafeRawBufferPointer(rebasing: rest[taken...])
        }
    }

    /// Gets memory for a part. One that is known to be the only one gets no more than it needs.
    private func openTail(_ deadline: Deadline) async throws {
        let size = Int(clamping: sizes.size(ofPart: partCount + 1))
        var capacity = size
        if partCount == 0, let sizeHint, sizeHint < UInt64(size), sizeHint > UInt64(tail.count) {
            capacity = Int(sizeHint)
        }
        let buffer = try await driver.parts.make(capacity: capacity, deadline)
        try tail.open(buffer)
    }

    /// Sends the tail off as a part, whole or not.
    func flush(_ deadline: Deadline) async throws {
        guard tail.count > 0 else { return }
        guard partCount < S3PartSizes.mostParts else {
            throw PluginError(.range, "an upload has at most 10,000 parts; set a larger chunksize")
        }
        let upload: S3Multipart
        if let begun = self.upload {
            upload = begun
        } else {
            upload = try await bucket.createUpload(key, deadline)
            self.upload = upload
        }
        partCount += 1
        let (body, number, bucket, progress) = (tail.take(), partCount, bucket, progress)
        try await flights.submit {
            do {
                // The call that began a part may be long over when it is sent.
                let etag = try await bucket.upload(body, part: number, of: upload, .never)
                progress.add(number, etag)
            } catch {
                progress.fail(error)
                throw error
            }
        }
    }

    /// Waits for all parts on their way.
    func land() async throws {
        let flights = flights
        self.flights = PartUploads(limit: bucket.options.uploadConcurrency, host: bucket.host)
        _ = try await flights.finish()
        try progress.check()
    }

    /// Stands from now on where what the store has ends: what came behind it is lost.
    func fail(_ error: any Error) async {
        progress.fail(error)
        flights.cancel()
        await flights.drain()
        flights = PartUploads(limit: bucket.options.uploadConcurrency, host: bucket.host)
        let kept = progress.contiguous.count
        let size = sizes.size(ofFirst: kept)
        tail = PartTail(SharedBytes())
        partCount = kept
        offset = max(storedOffset ?? 0, size)
    }
}

/// The parts that the store has of one upload, and what went wrong with one.
final class PartProgress: Sendable {
    private struct State {
        var etags: [Int: String]
        var failure: (any Error)?
    }

    private let state: Mutex<State>

    init(_ etags: [String]) {
        state = Mutex(State(etags: Dictionary(uniqueKeysWithValues: zip(1..., etags))))
    }

    func add(_ number: Int, _ etag: String) { state.withLock { $0.etags[number] = etag } }

    func fail(_ error: any Error) { state.withLock { $0.failure = $0.failure ?? error } }

    /// Whether something went wrong.
    var hasFailed: Bool { state.withLock { $0.failure != nil } }

    /// Throws what went wrong.
    func check() throws { if let failure = state.withLock({ $0.failure }) { throw failure } }

    /// The tags from the first part to the first gap.
    var contiguous: [String] {
        state.withLock { state in
            var etags: [String] = []
            while let etag = state.etags[etags.count + 1] { etags.append(etag) }
            return etags
        }
    }
}
