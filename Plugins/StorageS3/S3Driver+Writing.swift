import ObjectStoreKit
import PluginKit

extension S3Driver {
    func openWriter(
        at path: String, mode: WriterMode, sizeHint: UInt64?, _ call: CallContext
    ) async throws -> any ObjectWriter {
        let (key, deadline) = (bucket.key(path), Deadline(call))
        switch mode {
        case .create:
            let id = SuspendedUpload.makeID()
            _ = await OpenUploads.shared.open(SuspendedUpload.key(key, id), of: bucket)
            return S3Writer(self, key, id, SuspendedUpload(sizes: sizes(sizeHint)), sizeHint: sizeHint)
        case .append(let offset, let token):
            let writer =
                token.isEmpty
                ? try await goOn(key, deadline) : try await goOn(key, token, deadline)
            guard let offset, offset != writer.offset else { return writer }
            writer.letGo()
            throw PluginError.offset(durable: writer.offset)
        case .take: throw PluginError.unsupported
        }
    }

    private func sizes(_ whole: UInt64?) -> S3PartSizes {
        S3PartSizes(chunk: bucket.options.chunkSize, areEqual: bucket.options.equalParts, whole: whole)
    }

    /// Goes on with the writer that a token names, which may have been opened at another path.
    private func goOn(_ key: String, _ token: [UInt8], _ deadline: Deadline) async throws -> S3Writer {
        let (id, path) = (token.prefix(32), token.dropFirst(32))
        guard SuspendedUpload.isID(id), let path = String(validating: path, as: UTF8.self),
            path.isEmpty || ObjectKey.isVisible(path, below: "")
        else { throw PluginError.notFound }
        let source = path.isEmpty ? key : bucket.options.root + path
        let found = try await open(source, String(decoding: id, as: UTF8.self), target: key, deadline)
        guard let found else { throw PluginError.notFound }
        return found
    }

    /// Opens a suspended writer; nil: there is none by this id.
    private func open(
        _ key: String, _ id: String, target: String, _ deadline: Deadline
    ) async throws -> S3Writer? {
        let stateKey = SuspendedUpload.key(key, id)
        guard await OpenUploads.shared.open(stateKey, of: bucket) else { throw S3Driver.inUse }
        do {
            if let state = try await bucket.suspended(key, id, deadline) {
                return S3Writer(resuming: self, key, id, state, target: target)
            }
            OpenUploads.shared.close(stateKey, of: bucket)
            return nil
        } catch {
            OpenUploads.shared.close(stateKey, of: bucket)
            throw error
        }
    }

    private static var inUse: PluginError {
        PluginError(.busy, "another writer has these bytes open", noEffect: true)
    }

    /// Goes on with the newest suspended writer, or else with a copy of the object.
    private func goOn(_ key: String, _ deadline: Deadline) async throws -> S3Writer {
        await OpenUploads.shared.waitForClosing(of: bucket, below: SuspendedUpload.stem(key))
        var isBusy = false
        for id in try await bucket.suspendedIDs(key, deadline) {
            do {
                if let writer = try await open(key, id, target: key, deadline) { return writer }
            } catch let error as PluginError where error.code == .busy {
                isBusy = true
            }
        }
        if isBusy { throw S3Driver.inUse }
        return try await goOnWithObject(key, deadline)
    }

    /// A writer that begins with a copy of the object: its parts are copied inside the store, and what is less than a part
    /// is read.
    private func goOnWithObject(_ key: String, _ deadline: Deadline) async throws -> S3Writer {
        guard let head = try await bucket.head(key, deadline) else { throw PluginError.notFound }
        var state = SuspendedUpload(sizes: sizes(head.size))
        var (ranges, start): ([Range<UInt64>], UInt64) = ([], 0)
        while head.size - start >= state.sizes.size(ofPart: ranges.count + 1), ranges.count < S3PartSizes.mostParts - 1
        {
            let end = start + state.sizes.size(ofPart: ranges.count + 1)
            ranges.append(start..<end)
            start = end
        }
        if start < head.size { state.tail = try await tail(of: key, head, from: start, deadline) }
        if !ranges.isEmpty {
            let upload = try await bucket.createUpload(key, deadline)
            state.uploadID = upload.id
            do {
                state.etags = try await Parallel.map(
                    Array(ranges.enumerated()), limit: bucket.options.copyConcurrency
                ) { [bucket] index, range in
                    try await bucket.copy(key, range, part: index + 1, of: upload, deadline)
                }
            } catch {
                await bucket.uncancelled { try? await $0.abort(upload, .after(milliseconds: 30_000)) }
                throw error
            }
        }
        let id = SuspendedUpload.makeID()
        _ = await OpenUploads.shared.open(SuspendedUpload.key(key, id), of: bucket)
        return S3Writer(self, key, id, state, sizeHint: nil)
    }

    private func tail(
        of key: String, _ head: S3Head, from start: UInt64, _ deadline: Deadline
    ) async throws -> SharedBytes {
        var request = bucket.request("GetObject", .get, key)
        if start > 0 { request.headers["Range"] = "bytes=\(start)-" }
        if !head.etag.isEmpty { request.headers["If-Match"] = "\"\(head.etag)\"" }
        request.responseLimit = 1 << 40
        let body = try await bucket.send(request, deadline).body
        guard UInt64(body.count) == head.size - start else {
            throw StoreError(.corrupt, "GetObject: the answer has another length than the rest of the object")
        }
        return body
    }
}
