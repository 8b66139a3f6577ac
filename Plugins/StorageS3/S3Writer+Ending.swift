import ObjectStoreKit
import PluginKit

extension S3Writer {
    func sync(_ call: CallContext) async throws -> UInt64 {
        try await store(Deadline(call))
        return offset
    }

    /// Stores all that was accepted, so that any process can go on with it.
    private func store(_ deadline: Deadline) async throws {
        do {
            if !progress.hasFailed { try await land() }
        } catch {
            await fail(error)
        }
        if storedOffset == offset { return }
        // A whole part goes where the others are; alone it waits, because it may be all there is.
        if upload != nil, !progress.hasFailed, UInt64(tail.count) >= sizes.size(ofPart: partCount + 1) {
            try await flush(deadline)
            try await land()
        }
        var state = SuspendedUpload(sizes: sizes)
        state.uploadID = upload?.id ?? ""
        state.etags = Array(progress.contiguous.prefix(partCount))
        state.tail = tail.fix()
        guard state.offset == offset else {
            throw StoreError(.internalFailure, "an upload has \(state.offset) bytes of \(offset)")
        }
        _ = try await bucket.put(.bytes(try state.encoded()), stateKey, deadline)
        storedOffset = offset
    }

    func commit(
        if condition: Precondition, checksum: String, _ call: CallContext
    ) async throws -> ObjectStat {
        let deadline = Deadline(call)
        try progress.check()
        do {
            try await land()
        } catch {
            await fail(error)
            throw error
        }
        let etag = try await publish(condition, checksum, deadline)
        var leftovers = storedOffset == nil ? [] : [stateKey]
        if upload != nil, target != key { leftovers.append(key) }
        await end { [self] in
            guard leftovers.count > 1 else {
                if let only = leftovers.first { try await bucket.delete(only, deadline) }
                return
            }
            if let refusal = try await bucket.delete(leftovers, deadline).first { throw S3Driver.error(refusal) }
        }
        return ObjectStat(size: offset, modifiedNanoseconds: 0, etag: S3Bucket.tag(etag))
    }

    private func publish(
        _ condition: Precondition, _ checksum: String, _ deadline: Deadline
    ) async throws -> String {
        let rest = tail.fix()
        guard let upload else {
            // Where the host knows the digest, the store checks the bytes by it.
            let hash = checksum.hasPrefix("sha256:") ? String(checksum.dropFirst(7)) : nil
            return try await bucket.put(.shared(rest), target, if: condition, sha256: hash, deadline)
        }
        var etags = progress.contiguous
        if !rest.isEmpty {
            etags.append(try await bucket.upload(rest, part: etags.count + 1, of: upload, deadline))
        }
        if target == key { return try await bucket.complete(upload, etags, size: offset, if: condition, deadline) }
        // The parts can't become an object elsewhere, but the store can copy the one that they make here.
        let staged = try await bucket.complete(upload, etags, size: offset, deadline)
        let head = S3Head(size: offset, etag: staged)
        return try await driver.copy(key, head, to: target, if: condition, deadline)
    }

    func cancel(_ call: CallContext) async throws {
        let deadline = Deadline(call)
        flights.cancel()
        await flights.drain()
        if let upload { try await bucket.abort(upload, deadline) }
        if storedOffset != nil { try await bucket.delete(stateKey, deadline) }
        await end {}
    }

    /// Nothing is to be suspended any more. What can't be cleaned up is found when the folder is removed.
    private func end(_ cleaning: () async throws -> Void) async {
        hasEnded = true
        do {
            try await cleaning()
        } catch {
            bucket.host.log.write(
                .warning, "the state of an upload that is over was not removed",
                [("key", stateKey), ("error", (error as? StoreError)?.message ?? "\(error)")])
        }
        letGo()
    }

    /// Lets others have the bytes.
    func letGo() {
        hasEnded = true
        OpenUploads.shared.close(stateKey, of: bucket)
    }

    func close() {
        if hasEnded { return }
        if storedOffset == offset { return letGo() }
        OpenUploads.shared.close(stateKey, of: bucket) { [self] in
            do {
                try await store(.after(milliseconds: 60_000))
            } catch {
                bucket.host.log.write(
                    .warning, "an upload was not suspended",
                    [("key", key), ("error", (error as? StoreError)?.message ?? "\(error)")])
            }
        }
    }
}

extension HTTPBody {
    /// Of the whole body.
    var md5: [UInt8] {
        var digest = DigestState(.md5)
        withSegments { digest.update($0) }
        return digest.finish()
    }
}
