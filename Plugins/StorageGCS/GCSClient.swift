import ObjectStoreKit
import PluginKit

/// The requests of the JSON API that the driver makes, each with its credentials and retries.
final class GCSClient: Sendable {
    let options: GCSOptions
    let client: StoreClient
    let credentials: GoogleCredentials

    init(_ options: GCSOptions, client: StoreClient, credentials: GoogleCredentials) {
        self.options = options
        self.client = client
        self.credentials = credentials
    }

    /// The members of an object that the driver looks at.
    static let fields = "name,size,generation,timeCreated,updated,contentType,crc32c,metadata"

    /// What an answer that isn't what was asked for means. 308 and, for reads, 416 are answers too.
    static let refusal: StoreClient.Refusal = { request, response in
        if response.isSuccess { return nil }
        return GCSFailure.error(request, response)
    }

    // MARK: Building

    /// A request with credentials.
    func request(
        _ operation: StaticString, _ method: HTTPRequest.Method, _ path: String, subject: String,
        _ attempt: StoreClient.Attempt
    ) async throws -> HTTPRequest {
        var request = HTTPRequest(operation, method, options.endpoint, path: options.basePath + path)
        request.subject = subject
        request.headers["Authorization"] = try await credentials.authorization(
            refresh: attempt.previous?.retry == .credentials)
        if !options.userProject.isEmpty { request.query.append(QueryItem("userProject", options.userProject)) }
        return request
    }

    private var bucketPath: String { "/storage/v1/b/\(PercentEncoding.component(options.bucket))" }

    func objectPath(_ key: String) -> String { "\(bucketPath)/o/\(PercentEncoding.component(key))" }

    var uploadPath: String { "/upload\(bucketPath)/o" }

    // MARK: Looking

    /// An object's description; nil: there is none.
    func look(_ key: String, _ deadline: Deadline) async throws -> GCSObject? {
        try await absent {
            let response = try await client.send(deadline) { [self] attempt in
                var request = try await request("GetMetadata", .get, objectPath(key), subject: key, attempt)
                request.query.append(QueryItem("fields", Self.fields))
                return request
            }
            return try JSON.decode(GCSObject.self, response.body)
        }
    }

    /// What a listing is asked for.
    struct ListQuery: Sendable {
        var prefix: String
        var delimiter = false
        /// The first key.
        var start = ""
        /// The key behind the last one.
        var end = ""
        var pageToken: String?
        var limit = 1000
    }

    /// A page of keys.
    func list(_ query: ListQuery, _ deadline: Deadline) async throws -> GCSListing {
        let response = try await client.send(deadline) { [self] attempt in
            var request = try await request("List", .get, bucketPath + "/o", subject: query.prefix, attempt)
            request.responseLimit = 16 << 20
            let members = "items(name,size,timeCreated,updated,contentType,generation,metadata),prefixes,nextPageToken"
            request.query.append(QueryItem("fields", members))
            request.query.append(QueryItem("maxResults", String(max(1, min(query.limit, 1000)))))
            let texts = [
                ("prefix", query.prefix), ("delimiter", query.delimiter ? "/" : ""), ("startOffset", query.start),
                ("endOffset", query.end), ("pageToken", query.pageToken ?? ""),
            ]
            for (name, value) in texts where !value.isEmpty { request.query.append(QueryItem(name, value)) }
            return request
        }
        return try JSON.decode(GCSListing.self, response.body)
    }

    // MARK: Reading

    /// A whole object that has at most `limit` bytes; nil: there is none.
    func read(_ key: String, limit: Int, _ deadline: Deadline) async throws -> HTTPResponse? {
        try await absent {
            try await client.send(deadline) { [self] attempt in
                var request = try await request("Get", .get, objectPath(key), subject: key, attempt)
                request.query.append(QueryItem("alt", "media"))
                request.headers["Accept-Encoding"] = "gzip"
                request.responseLimit = limit
                return request
            }
        }
    }

    /// A stream of an object's bytes, or the answer 416; nil: there is no object.
    /// - Parameters:
    ///   - range: the header `Range`; nil: all.
    ///   - generation: only this content.
    func open(
        _ key: String, range: String?, generation: String?, _ deadline: Deadline
    ) async throws -> HTTPStream? {
        try await absent {
            try await client.open(
                deadline,
                refusal: { request, response in
                    response.status == 416 ? nil : Self.refusal(request, response)
                }
            ) { [self] attempt in
                var request = try await request("Read", .get, objectPath(key), subject: key, attempt)
                request.query.append(QueryItem("alt", "media"))
                if let generation { request.query.append(QueryItem("generation", generation)) }
                // Stored bytes are wanted as they are, also those that somebody compressed.
                request.headers["Accept-Encoding"] = "gzip"
                if let range { request.headers["Range"] = range }
                return request
            }
        }
    }

    // MARK: Changing

    /// Removes an object; false: there was none.
    func delete(_ key: String, generation: Int64? = nil, _ deadline: Deadline) async throws -> Bool {
        let wasSent = Flag()
        let found: Bool? = try await absent {
            // It may be repeated; but whether one was done before tells what a 404 means, so no repetition goes unnoticed.
            _ = try await client.send(deadline, check: { _ in .notDone }) { [self] attempt in
                if attempt.hadUnknownEffect { wasSent.set() }
                var request = try await request("Delete", .delete, objectPath(key), subject: key, attempt)
                request.isIdempotent = false
                if let generation { request.query.append(QueryItem("ifGenerationMatch", String(generation))) }
                return request
            }
            return true
        }
        // An attempt before this one may have removed it and lost its answer.
        return found ?? wasSent.isSet
    }

    /// Copies an object; nil: there is none. Large objects, and those of another class or place, take several steps.
    func copy(
        _ source: String, to destination: String, if condition: Precondition, _ deadline: Deadline
    ) async throws -> GCSObject? {
        var token: String?
        while true {
            let next = token
            let target = "\(PercentEncoding.component(options.bucket))/o/\(PercentEncoding.component(destination))"
            let path = "\(objectPath(source))/rewriteTo/b/\(target)"
            let step: GCSRewrite? = try await absent {
                let response = try await client.send(deadline) { [self] attempt in
                    var request = try await request("Rewrite", .post, path, subject: destination, attempt)
                    // A step that is repeated goes on or finds its work done.
                    request.isIdempotent = condition.generation == nil
                    if let generation = condition.generation {
                        request.query.append(QueryItem("ifGenerationMatch", generation))
                    }
                    if let next { request.query.append(QueryItem("rewriteToken", next)) }
                    if !options.kmsKey.isEmpty {
                        request.query.append(QueryItem("destinationKmsKeyName", options.kmsKey))
                    }
                    if !options.predefinedACL.isEmpty {
                        request.query.append(QueryItem("destinationPredefinedAcl", options.predefinedACL))
                    }
                    request.query.append(QueryItem("fields", "done,rewriteToken,resource(\(Self.fields))"))
                    // Without a description the copy gets the bucket's class and the source's other properties.
                    if !options.storageClass.isEmpty {
                        let copy = NewObject(key: destination, content: .none, checksum: CRC32C())
                        request.headers["Content-Type"] = "application/json; charset=UTF-8"
                        request.body = .bytes(try description(of: copy, withChecksum: false))
                    }
                    return request
                }
                return try JSON.decode(GCSRewrite.self, response.body)
            }
            guard let step else { return nil }
            if step.done {
                guard let copy = step.resource else { throw Self.incomplete }
                return copy
            }
            guard let following = step.rewriteToken else { throw Self.incomplete }
            token = following
        }
    }

    private static var incomplete: StoreError { StoreError(.corrupt, "Rewrite: the answer is incomplete") }

    /// Runs a request whose object may be missing.
    private func absent<Value>(_ body: () async throws -> Value) async throws -> Value? {
        do {
            return try await body()
        } catch let error as StoreError where error.kind == .notFound {
            return nil
        }
    }
}

extension Precondition {
    /// As `ifGenerationMatch` takes it: a tag is a generation, and 0 is no object. A tag that isn't a number is none of
    /// ours, and nothing has generation -1.
    var generation: String? {
        switch self {
        case .none: nil
        case .absent: "0"
        case .matches(let tag): String(tag.generation ?? -1)
        }
    }

    /// The error that 412 stands for.
    func explain(_ error: StoreError) -> StoreError {
        guard error.kind == .precondition, case .absent = self else { return error }
        var explained = error
        explained.kind = .alreadyExists
        return explained
    }
}

extension EntityTag {
    /// The number of a tag.
    var generation: Int64? {
        withUnsafeBytes { bytes in Int64(String(decoding: bytes, as: UTF8.self)) }
    }
}

extension GCSObject {
    /// The tag of this content.
    var etag: EntityTag { EntityTag(String(generation)) ?? EntityTag() }

    var stat: ObjectStat { ObjectStat(size: size, modifiedNanoseconds: createdNanoseconds, etag: etag) }

    /// Whether it is what is left of an unfinished upload.
    var isSuspendedUpload: Bool { contentType == SuspendedName.contentType }
}
