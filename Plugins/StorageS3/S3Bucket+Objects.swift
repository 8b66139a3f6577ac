import ObjectStoreKit
import PluginKit

/// What HEAD tells of an object.
struct S3Head: Sendable {
    var size: UInt64
    var etag: String
    var modifiedNanoseconds: Int64

    init(_ headers: HTTPFields) {
        size = UInt64(headers["Content-Length"] ?? "") ?? 0
        etag = S3Answers.unquoted(headers["ETag"] ?? "")
        modifiedNanoseconds = Timestamp(rfc1123: headers["Last-Modified"] ?? "")?.unixNanoseconds ?? 0
    }

    /// What is known without asking.
    init(size: UInt64, etag: String) {
        self.size = size
        self.etag = etag
        modifiedNanoseconds = 0
    }

    /// What the host is told.
    var stat: ObjectStat {
        ObjectStat(size: size, modifiedNanoseconds: modifiedNanoseconds, etag: S3Bucket.tag(etag))
    }
}

extension S3Bucket {
    static func tag(_ etag: String) -> EntityTag {
        EntityTag(etag) ?? EntityTag(String(etag.prefix(64))) ?? EntityTag()
    }

    /// What the object is like; nil: there is none.
    func head(_ key: String, _ deadline: Deadline) async throws -> S3Head? {
        do {
            return S3Head(try await send(request("HeadObject", .head, key), deadline).headers)
        } catch let error as StoreError where error.kind == .notFound {
            return nil
        }
    }

    /// Stores an object whole.
    /// - Parameter sha256: of the body, in hexadecimal, if it is known: then the store checks it.
    /// - Returns: its entity tag.
    func put(
        _ body: HTTPBody, _ key: String, if condition: Precondition = .none, sha256: String? = nil, _ deadline: Deadline
    ) async throws -> String {
        var request = request("PutObject", .put, key)
        request.body = body
        addObjectHeaders(to: &request)
        addCondition(condition, to: &request)
        addChecksum(to: &request, hasHash: sha256 != nil)
        let expected = request.headers["Content-MD5"]
        // A condition that holds once may not hold for a repetition whose first answer was lost.
        var check: ((StoreError) async throws -> StoreClient.Outcome)?
        if case .none = condition {
        } else {
            request.isIdempotent = false
            let (size, deadline) = (UInt64(body.count), deadline)
            check = { [self] _ in
                guard let found = try await head(key, deadline), found.size == size else { return .notDone }
                return found.etag == Hex.encode(body.md5) ? .done(HTTPResponse.found(found)) : .unknown
            }
        }
        do {
            let response = try await send(request, deadline, payload: sha256, check: check)
            let etag = S3Answers.unquoted(response.headers["ETag"] ?? "")
            try compare(etag, expected, key)
            return etag
        } catch let error as StoreError {
            throw conditional(error, condition)
        }
    }

    /// A tag that is an MD5 says what the store has got.
    private func compare(_ etag: String, _ expected: String?, _ key: String) throws {
        guard let expected, etag.utf8.count == 32, options.keyID.isEmpty, let bytes = Hex.decode(etag),
            Base64.encode(bytes) != expected
        else { return }
        throw StoreError(.corrupt, "the store's tag of \(key) is not that of the bytes that were sent")
    }

    /// Removes an object; also if there is none.
    func delete(_ key: String, _ deadline: Deadline) async throws {
        do {
            _ = try await send(request("DeleteObject", .delete, key), deadline)
        } catch let error as StoreError where error.kind == .notFound {}
    }

    /// Removes up to 1000 objects, also such that aren't there.
    /// - Returns: what could not be removed.
    func delete(_ keys: [String], _ deadline: Deadline) async throws -> [S3Answers.Refusal] {
        if keys.isEmpty { return [] }
        var request = request("DeleteObjects", .post)
        request.query = [QueryItem("delete")]
        request.body = .bytes(S3Questions.deletion(of: keys))
        request.headers["Content-Type"] = "application/xml"
        // Required here, whatever else is signed.
        request.headers["Content-MD5"] = Base64.encode(request.body.md5)
        request.isIdempotent = true
        return try S3Answers.refusals(document(try await send(request, deadline)))
    }

    /// Copies an object of at most 5 GiB by one request.
    /// - Returns: the copy's entity tag.
    func copy(_ source: String, to key: String, _ deadline: Deadline) async throws -> String {
        var request = request("CopyObject", .put, key)
        request.headers["X-Amz-Copy-Source"] = copySource(source)
        addObjectHeaders(to: &request)
        request.headers["Content-Type"] = nil
        return S3Answers.etag(try document(try await send(request, deadline)))
    }

    /// The value of `X-Amz-Copy-Source`.
    func copySource(_ key: String) -> String {
        "/\(PercentEncoding.component(options.bucket))/\(PercentEncoding.path(key))"
    }

    // MARK: Headers

    /// What the configuration says of objects.
    func addObjectHeaders(to request: inout HTTPRequest) {
        request.headers["Content-Type"] = "application/octet-stream"
        if options.storageClass != "NONE" { request.headers["X-Amz-Storage-Class"] = options.storageClass }
        if !options.acl.isEmpty, options.acl != "none" { request.headers["X-Amz-Acl"] = options.acl }
        guard options.encrypts else { return }
        request.headers["X-Amz-Server-Side-Encryption"] = options.keyID.isEmpty ? "AES256" : "aws:kms"
        if !options.keyID.isEmpty { request.headers["X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id"] = options.keyID }
    }

    /// A condition on what stands at the key.
    func addCondition(_ condition: Precondition, to request: inout HTTPRequest) {
        switch condition {
        case .none: break
        case .absent: request.headers["If-None-Match"] = "*"
        case .matches(let tag):
            let text = tag.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
            request.headers["If-Match"] = "\"\(text)\""
        }
    }

    /// An error as the condition makes it.
    func conditional(_ error: StoreError, _ condition: Precondition) -> StoreError {
        var error = error
        switch condition {
        case .absent where error.status == 412: error.kind = .alreadyExists
        // A tag that nothing can have, because there is nothing.
        case .matches where error.status == 404 && error.vendorCode == "NoSuchKey": error.kind = .precondition
        default: break
        }
        return error
    }
}

extension HTTPResponse {
    /// The answer to a request whose own answer was lost.
    static func found(_ head: S3Head) -> HTTPResponse {
        var headers = HTTPFields()
        headers["ETag"] = "\"\(head.etag)\""
        return HTTPResponse(status: 200, headers: headers, body: SharedBytes())
    }
}
