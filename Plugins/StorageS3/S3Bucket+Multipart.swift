import ObjectStoreKit
import PluginKit

/// A multipart upload in progress.
struct S3Multipart: Sendable {
    let key: String
    let id: String
}

extension S3Bucket {
    /// Begins an upload in parts.
    func createUpload(_ key: String, _ deadline: Deadline) async throws -> S3Multipart {
        var request = request("CreateMultipartUpload", .post, key)
        request.query = [QueryItem("uploads")]
        addObjectHeaders(to: &request)
        // A repetition at worst leaves an upload without parts, which the removal of its folder finds.
        request.isIdempotent = true
        let root = try document(try await send(request, deadline))
        guard let id = root["UploadId"]?.text, !id.isEmpty else {
            throw StoreError(.corrupt, "CreateMultipartUpload: the answer has no upload id")
        }
        return S3Multipart(key: key, id: id)
    }

    /// Stores a part.
    /// - Returns: its entity tag.
    func upload(_ body: SharedBytes, part number: Int, of upload: S3Multipart, _ deadline: Deadline) async throws
        -> String
    {
        var request = request("UploadPart", .put, upload.key)
        request.query = [QueryItem("partNumber", String(number)), QueryItem("uploadId", upload.id)]
        request.body = .shared(body)
        addChecksum(to: &request, hasHash: false)
        let expected = request.headers["Content-MD5"]
        let etag = S3Answers.unquoted(try await send(request, deadline).headers["ETag"] ?? "")
        guard !etag.isEmpty else { throw StoreError(.corrupt, "UploadPart: the answer has no entity tag") }
        if let expected, etag.utf8.count == 32, options.keyID.isEmpty, let bytes = Hex.decode(etag),
            Base64.encode(bytes) != expected
        {
            throw StoreError(.corrupt, "the store's tag of part \(number) is not that of the bytes that were sent")
        }
        return etag
    }

    /// Makes a range of an object a part.
    /// - Returns: its entity tag.
    func copy(
        _ source: String, _ range: Range<UInt64>, part number: Int, of upload: S3Multipart, _ deadline: Deadline
    ) async throws -> String {
        var request = request("UploadPartCopy", .put, upload.key)
        request.query = [QueryItem("partNumber", String(number)), QueryItem("uploadId", upload.id)]
        request.headers["X-Amz-Copy-Source"] = copySource(source)
        request.headers["X-Amz-Copy-Source-Range"] = "bytes=\(range.lowerBound)-\(range.upperBound - 1)"
        let etag = S3Answers.etag(try document(try await send(request, deadline)))
        guard !etag.isEmpty else { throw StoreError(.corrupt, "UploadPartCopy: the answer has no entity tag") }
        return etag
    }

    /// Makes the parts an object, in one step.
    /// - Parameter size: of all parts together.
    /// - Returns: the object's entity tag.
    func complete(
        _ upload: S3Multipart, _ etags: [String], size: UInt64, if condition: Precondition = .none, _ deadline: Deadline
    ) async throws -> String {
        var request = request("CompleteMultipartUpload", .post, upload.key)
        request.query = [QueryItem("uploadId", upload.id)]
        request.body = .bytes(S3Questions.completion(of: etags))
        request.headers["Content-Type"] = "application/xml"
        addCondition(condition, to: &request)
        // Whoever knows the upload's id can't have ended it otherwise: an object of so many parts is this one.
        func found() async throws -> S3Head? {
            guard let found = try await head(upload.key, deadline), found.size == size,
                found.etag.hasSuffix("-\(etags.count)")
            else { return nil }
            return found
        }
        let check: (StoreError) async throws -> StoreClient.Outcome = { _ in
            try await found().map { .done(HTTPResponse.found($0)) } ?? .notDone
        }
        do {
            let response = try await send(request, deadline, check: check)
            if let etag = response.headers["ETag"], response.body.isEmpty { return S3Answers.unquoted(etag) }
            return S3Answers.etag(try document(response))
        } catch let error as StoreError {
            // An attempt before, or a process that died then, may have ended the upload.
            if error.vendorCode == "NoSuchUpload", case .none = condition, let found = try await found() {
                return found.etag
            }
            throw conditional(error, condition)
        }
    }

    /// Drops an upload and its parts; also one that is gone.
    func abort(_ upload: S3Multipart, _ deadline: Deadline) async throws {
        var request = request("AbortMultipartUpload", .delete, upload.key)
        request.query = [QueryItem("uploadId", upload.id)]
        do {
            _ = try await send(request, deadline)
        } catch let error as StoreError where error.kind == .notFound {}
    }

    /// Runs `body` with a new upload, which is dropped if it fails, whatever became of its caller.
    func withUpload<Value>(
        _ key: String, _ deadline: Deadline, _ body: (S3Multipart) async throws -> Value
    ) async throws -> Value {
        let upload = try await createUpload(key, deadline)
        do {
            return try await body(upload)
        } catch {
            await uncancelled { bucket in
                do {
                    try await bucket.abort(upload, .after(milliseconds: 30_000))
                } catch {
                    bucket.host.log.write(
                        .warning, "an upload of parts was not aborted", [("key", key), ("error", "\(error)")])
                }
            }
            throw error
        }
    }

    /// Runs what must be done although the call may have been cancelled.
    func uncancelled(_ body: @escaping @Sendable (S3Bucket) async -> Void) async {
        await Task.detached(executorPreference: executor) { [self] in await body(self) }.value
    }
}
