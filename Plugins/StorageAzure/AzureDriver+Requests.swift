import ObjectStoreKit
import PluginKit

/// The single requests that operations are made of.
extension AzureDriver {
    static let contentType = "application/octet-stream"

    /// Adds a condition on what stands there to a write.
    static func add(_ condition: Precondition, to request: inout HTTPRequest) {
        switch condition {
        case .none: break
        case .absent:
            request.headers["If-None-Match"] = "*"
            // A repetition would meet what the first attempt may have made.
            request.isIdempotent = false
        case .matches(let tag):
            request.headers["If-Match"] = tag.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
            request.isIdempotent = false
        }
    }

    /// What stands at a name; nil: no blob.
    func state(of blob: String, _ deadline: Deadline) async throws -> AzureBlobState? {
        do {
            let answer = try await service.send(
                service.request("GetBlobProperties", .head, blob: blob), deadline)
            return AzureBlobState(answer.headers)
        } catch let error as StoreError where error.kind == .notFound {
            return nil
        }
    }

    /// Put Blob: the whole content in one request.
    func putBlob(
        _ blob: String, _ body: HTTPBody, digest: String, _ condition: Precondition, _ deadline: Deadline
    ) async throws -> ObjectStat {
        var request = service.request("PutBlob", .put, blob: blob)
        request.headers["x-ms-blob-type"] = "BlockBlob"
        request.headers["Content-Type"] = Self.contentType
        request.headers["Content-MD5"] = digest
        request.body = body
        Self.add(condition, to: &request)
        let size = UInt64(body.count)
        let answer = try await replacing(blob, deadline) { [request] in
            try await service.send(request, deadline) { _ in
                try await self.outcome(of: blob, digest: digest, size: size)
            }
        }
        return AzureBlobState(answer.headers).stat(size: size)
    }

    /// Whether a conditional write whose answer was lost has been done: what stands there then has its content.
    private func outcome(of blob: String, digest: String, size: UInt64) async throws -> StoreClient.Outcome {
        let answer: HTTPResponse
        do {
            answer = try await service.send(
                service.request("GetBlobProperties", .head, blob: blob), .after(milliseconds: 10_000))
        } catch let error as StoreError where error.kind == .notFound {
            return .notDone
        }
        let isOurs = answer.headers["Content-MD5"] == digest && AzureBlobState(answer.headers).size == size
        return isOurs ? .done(answer) : .notDone
    }

    /// Runs a write of a block blob. Distribution 2 made append blobs, which no such write replaces: those are deleted
    /// first, if they are still as they were found.
    func replacing(
        _ blob: String, _ deadline: Deadline, _ write: () async throws -> HTTPResponse
    ) async throws -> HTTPResponse {
        do {
            return try await write()
        } catch let error as StoreError where error.vendorCode == "InvalidBlobType" {
            guard let state = try await state(of: blob, deadline), state.isAppendBlob else { throw error }
            try await deleteBlob(blob, etag: state.etag, deadline)
            return try await write()
        }
    }

    /// Delete Blob. Nothing there: `notFound`.
    func deleteBlob(_ blob: String, etag: String = "", _ deadline: Deadline) async throws {
        var request = service.request("DeleteBlob", .delete, blob: blob)
        if !etag.isEmpty { request.headers["If-Match"] = etag }
        _ = try await service.send(request, deadline)
    }

    /// One page of blobs that begin with `prefix`.
    func listBlobs(
        prefix: String, delimiter: Bool = false, uncommitted: Bool = false, marker: String = "", limit: Int,
        deadline: Deadline
    ) async throws -> AzureBlobPage {
        var query = [QueryItem("comp", "list"), QueryItem("maxresults", String(min(max(limit, 1), 5000)))]
        if !prefix.isEmpty { query.append(QueryItem("prefix", prefix)) }
        if delimiter { query.append(QueryItem("delimiter", "/")) }
        query.append(QueryItem("include", uncommitted ? "uncommittedblobs" : "copy"))
        if !marker.isEmpty { query.append(QueryItem("marker", marker)) }
        var request = service.containerRequest("ListBlobs", query)
        request.responseLimit = 64 << 20
        let answer = try await service.send(request, deadline)
        return try AzureBlobPage(answer.body)
    }

    // MARK: Blocks

    /// Put Block.
    func putBlock(_ id: AzureBlockID, of blob: String, _ bytes: SharedBytes, _ deadline: Deadline) async throws {
        var request = service.request("PutBlock", .put, blob: blob)
        request.query = [QueryItem("comp", "block"), QueryItem("blockid", id.text)]
        request.headers["Content-MD5"] = Base64.encode(Digests.md5(bytes))
        request.body = .shared(bytes)
        _ = try await service.send(request, deadline)
    }

    /// Put Block From URL: bytes of a blob become a block of another one, within the service.
    func putBlock(
        _ id: AzureBlockID, of blob: String, from source: String, _ range: Range<UInt64>, etag: String,
        _ deadline: Deadline
    ) async throws {
        var request = service.request("PutBlockFromURL", .put, blob: blob)
        request.query = [QueryItem("comp", "block"), QueryItem("blockid", id.text)]
        request.headers["x-ms-source-range"] = "bytes=\(range.lowerBound)-\(range.upperBound - 1)"
        if !etag.isEmpty { request.headers["x-ms-source-if-match"] = etag }
        try await service.addSource(source, to: &request)
        _ = try await service.send(request, deadline)
    }

    /// Put Block List: the blob consists of these blocks now, and all others that waited are gone.
    func putBlockList(
        _ blocks: [AzureBlock], of blob: String, if condition: Precondition = .none, _ deadline: Deadline
    ) async throws -> AzureBlobState {
        var request = service.request("PutBlockList", .put, blob: blob)
        request.query = [QueryItem("comp", "blocklist")]
        let body = AzureBlockList.body(of: blocks)
        request.headers["Content-Type"] = "application/xml"
        request.headers["Content-MD5"] = Base64.encode(Digests.md5(body))
        request.headers["x-ms-blob-content-type"] = Self.contentType
        request.body = .bytes(body)
        Self.add(condition, to: &request)
        let answer = try await replacing(blob, deadline) { [request] in try await service.send(request, deadline) }
        return AzureBlobState(answer.headers)
    }

    /// Get Block List: what is committed and what waits; nil: nothing.
    func blockList(of blob: String, _ deadline: Deadline) async throws -> AzureBlockList? {
        var request = service.request("GetBlockList", .get, blob: blob)
        request.query = [QueryItem("comp", "blocklist"), QueryItem("blocklisttype", "all")]
        request.responseLimit = 64 << 20
        do {
            return try AzureBlockList(try await service.send(request, deadline).body)
        } catch let error as StoreError where error.kind == .notFound {
            return nil
        }
    }

    /// Removes what a writer has staged, committed or not.
    func discardStaged(_ blob: String, _ deadline: Deadline) async throws {
        do {
            try await deleteBlob(blob, deadline)
        } catch let error as StoreError where error.kind == .notFound {
            // Emulators don't find a blob that has nothing but blocks that wait: it is made a whole one first.
            guard try await blockList(of: blob, deadline) != nil else { return }
            _ = try await putBlob(blob, .none, digest: Base64.encode(Digests.md5([])), .none, deadline)
            try await deleteBlob(blob, deadline)
        }
    }
}
