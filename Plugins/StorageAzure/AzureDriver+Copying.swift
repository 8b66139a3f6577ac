import ObjectStoreKit
import PluginKit

/// Copies within the container.
extension AzureDriver {
    /// Copy Blob From URL takes sources up to this size.
    private static var largestSynchronousCopy: UInt64 { 256 << 20 }

    func copy(
        _ source: String, to destination: String, if condition: Precondition, _ call: CallContext
    ) async throws -> ObjectStat {
        let deadline = Deadline(call)
        let state = try await found(source, deadline)
        guard source != destination else { return state.stat(size: state.size ?? 0) }
        return try await transfer(name(source), state, to: name(destination), if: condition, deadline)
    }

    func move(
        _ source: String, to destination: String, if condition: Precondition, _ call: CallContext
    ) async throws {
        let deadline = Deadline(call)
        let state = try await found(source, deadline)
        guard source != destination else { return }
        _ = try await transfer(name(source), state, to: name(destination), if: condition, deadline)
        do {
            // What somebody else has put there meanwhile isn't what was moved.
            try await deleteBlob(name(source), etag: state.etag, deadline)
        } catch let error as StoreError where error.kind == .notFound || error.kind == .precondition {}
    }

    /// An object that is to be copied.
    private func found(_ path: String, _ deadline: Deadline) async throws -> AzureBlobState {
        if let state = try await state(of: name(path), deadline), state.isComplete { return state }
        guard try await isPrefix(path, deadline) else { throw PluginError.notFound }
        throw PluginError(.invalidArgument, "a prefix can't be copied or moved", noEffect: true)
    }

    /// Copies a blob, as it was when it was looked at, within the service.
    ///
    /// Up to 256 MiB in one request that ends when the copy is whole. Larger ones by Copy Blob, which within an account is
    /// nearly always done at once; if the service makes it wait, the copy is looked at as often as the options say, aborted
    /// then, and made block by block instead. Until it is whole, this driver shows nothing at the destination.
    func transfer(
        _ source: String, _ state: AzureBlobState, to target: String, if condition: Precondition, _ deadline: Deadline
    ) async throws -> ObjectStat {
        let size = state.size ?? 0
        let isSynchronous = size <= Self.largestSynchronousCopy
        var request = service.request(isSynchronous ? "CopyBlobFromURL" : "CopyBlob", .put, blob: target)
        request.headers["x-ms-source-if-match"] = state.etag
        if isSynchronous {
            request.headers["x-ms-requires-sync"] = "true"
            try await service.addSource(source, to: &request)
        } else {
            service.addCopySource(source, to: &request)
        }
        Self.add(condition, to: &request)
        let answer = try await replacing(target, deadline) { [request] in
            try await service.send(request, deadline) { [self] _ in try await outcome(target, source, size) }
        }
        let begun = AzureBlobState(answer.headers)
        if begun.isComplete { return begun.stat(size: size) }
        if let done = try await wait(for: begun, at: target, deadline) { return done.stat(size: size) }
        return try await copyByBlocks(source, state, to: target, deadline)
    }

    /// Whether a conditional copy whose answer was lost has been made.
    private func outcome(_ target: String, _ source: String, _ size: UInt64) async throws -> StoreClient.Outcome {
        let answer: HTTPResponse
        do {
            answer = try await service.send(
                service.request("GetBlobProperties", .head, blob: target), .after(milliseconds: 10_000))
        } catch let error as StoreError where error.kind == .notFound {
            return .notDone
        }
        // Without the signature, if the service shows one.
        let from = answer.headers["x-ms-copy-source"].map { $0.prefix { $0 != "?" } } ?? ""
        let isOurs = from == service.address.url(ofBlob: source) && AzureBlobState(answer.headers).size == size
        return isOurs ? .done(answer) : .notDone
    }

    /// Waits for a copy that the service makes by itself; nil: it was given up, and nothing is left of it.
    private func wait(
        for copy: AzureBlobState, at target: String, _ deadline: Deadline
    ) async throws -> AzureBlobState? {
        var delay = options.retryDelay
        do {
            var looks = 0
            while looks < options.maximumRetries {
                try await host.timer.sleep(nanoseconds: delay * 1_000_000)
                guard let state = try await state(of: target, deadline), state.copyID == copy.copyID else {
                    throw StoreError(.precondition, "somebody else has written \(target) during the copy")
                }
                if state.isComplete { return state }
                if state.copyStatus != "pending" { break }
                delay = min(delay * 2, 30_000)
                looks += 1
            }
        } catch {
            await abandon(copy, at: target)
            throw error
        }
        await abandon(copy, at: target)
        return nil
    }

    /// Aborts a copy and removes the empty blob that it leaves; also when the call that wanted it is over.
    private func abandon(_ copy: AzureBlobState, at target: String) async {
        let task = Task.detached(executorPreference: HostExecutor(host)) { [self] in
            let deadline = Deadline.after(milliseconds: 30_000)
            var request = service.request("AbortCopyBlob", .put, blob: target)
            request.query = [QueryItem("comp", "copy"), QueryItem("copyid", copy.copyID)]
            request.headers["x-ms-copy-action"] = "abort"
            _ = try? await service.send(request, deadline)
            guard let state = try? await state(of: target, deadline), state.copyID == copy.copyID, !state.isComplete
            else { return }
            try? await deleteBlob(target, etag: state.etag, deadline)
        }
        await task.value
    }

    /// Copies by ranges, several at once; the blob appears, whole, with the last request.
    private func copyByBlocks(
        _ source: String, _ state: AzureBlobState, to target: String, _ deadline: Deadline
    ) async throws -> ObjectStat {
        let size = state.size ?? 0
        let blocks = Self.blocks(covering: size)
        _ = try await Parallel.map(blocks, limit: 8) { block in
            try await self.putBlock(
                block.id, of: target, from: source, block.id.offset..<block.end, etag: state.etag, deadline)
        }
        return try await putBlockList(blocks, of: target, deadline).stat(size: size)
    }

    /// Blocks of at least 256 MiB for a range from 0 on.
    static func blocks(covering size: UInt64) -> [AzureBlock] {
        let length = max(256 << 20, size / 40_000 + 1)
        let session = UInt32.random(in: 1 ... .max)
        var blocks: [AzureBlock] = []
        var at: UInt64 = 0
        while at < size {
            let id = AzureBlockID(
                index: UInt32(clamping: blocks.count), offset: at, session: session,
                previousSession: blocks.isEmpty ? 0 : session)
            blocks.append(AzureBlock(id: id, size: min(length, size - at)))
            at += blocks[blocks.count - 1].size
        }
        return blocks
    }
}
