import ObjectStoreKit
import PluginKit
import Synchronization

/// A resumable upload of the service: takes chunks in their order and becomes an object with the last of them.
///
/// After a failure whose effect is unknown the session is asked how much it has, and goes on there: no byte is sent twice
/// blindly. <https://cloud.google.com/storage/docs/performing-resumable-uploads>
final class ResumableSession: Sendable {
    private struct State {
        var address: String?
        var persisted: UInt64
    }

    private let client: GCSClient
    private let key: String
    private let state: Mutex<State>
    /// As many answers without a byte of progress are an error.
    private static let patience = 4

    /// A session that is begun with the first chunk, or one that was begun before.
    init(_ client: GCSClient, key: String, address: String? = nil, persisted: UInt64 = 0) {
        self.client = client
        self.key = key
        state = Mutex(State(address: address, persisted: persisted))
    }

    /// Its address once it is begun. Who knows it may write: it is never logged.
    var address: String? { state.withLock { $0.address } }

    /// The bytes that the service has, as far as is known.
    var persisted: UInt64 { state.withLock { $0.persisted } }

    /// Sends a chunk whose first byte stands at `start`; what the service has of it already is left out.
    /// - Parameters:
    ///   - total: the size of the whole, if this chunk ends it. Else the chunk's size is a multiple of 256 KiB.
    ///   - checksum: of the whole; the service refuses the end if it has something else.
    /// - Returns: the object, after the last chunk.
    func send(
        _ chunk: SharedBytes, from start: UInt64, total: UInt64?, checksum: CRC32C?, _ deadline: Deadline
    ) async throws -> GCSObject? {
        if address == nil { try await begin(deadline) }
        var idle = 0
        while true {
            let before = persisted
            if total == nil, before >= start &+ UInt64(chunk.count) { return nil }
            guard before >= start else { throw lost("it has fewer bytes than it had") }
            let response = try await put(chunk, from: start, total: total, checksum: checksum, deadline)
            if response.isSuccess {
                guard total != nil else { throw lost("it ended too early") }
                return try JSON.decode(GCSObject.self, response.body)
            }
            idle = persisted > before ? 0 : idle + 1
            guard idle < Self.patience else {
                throw StoreError(.unavailable, "Upload: the session takes no bytes", cause: .response)
            }
        }
    }

    /// Drops the session and its bytes.
    func cancel(_ deadline: Deadline) async throws {
        guard let address else { return }
        do {
            _ = try await client.client.send(
                deadline,
                refusal: { request, response in
                    // 499 is the answer to a cancellation; without the session there is nothing to cancel.
                    [404, 410, 499].contains(response.status) ? nil : GCSClient.refusal(request, response)
                }
            ) { [self] attempt in
                var request = try await request("CancelUpload", .delete, address, attempt)
                request.isIdempotent = true
                return request
            }
        }
        state.withLock { $0.address = nil }
    }

    // MARK: Requests

    private func begin(_ deadline: Deadline) async throws {
        let object = NewObject(key: key, content: .none, checksum: CRC32C())
        let body = try client.description(of: object, withChecksum: false)
        let response = try await client.client.send(deadline) { [self] attempt in
            var request = try await client.request("BeginUpload", .post, client.uploadPath, subject: key, attempt)
            // A session nobody knows of has no bytes, costs nothing and ends after a week.
            request.isIdempotent = true
            request.query.append(QueryItem("uploadType", "resumable"))
            request.query.append(QueryItem("name", key))
            request.query.append(contentsOf: client.creationQuery(if: .none))
            request.headers["Content-Type"] = "application/json; charset=UTF-8"
            request.headers["X-Upload-Content-Type"] = object.contentType
            request.body = .bytes(body)
            return request
        }
        guard let address = response.headers["Location"], !address.isEmpty else {
            throw StoreError(.corrupt, "BeginUpload: the answer has no Location")
        }
        state.withLock { $0 = State(address: address, persisted: 0) }
    }

    private func put(
        _ chunk: SharedBytes, from start: UInt64, total: UInt64?, checksum: CRC32C?, _ deadline: Deadline
    ) async throws -> HTTPResponse {
        guard let address else { throw lost("it has no address") }
        let end = start &+ UInt64(chunk.count)
        do {
            let response = try await client.client.send(
                deadline,
                check: { [self] _ in
                    let response = try await ask(total: total, deadline)
                    // Something of the chunk may be missing: the next attempt sends that alone.
                    return response.isSuccess || total == nil && persisted >= end ? .done(response) : .notDone
                }, refusal: Self.refusal
            ) { [self] attempt in
                let first = min(max(persisted, start), end)
                var request = try await request("UploadChunk", .put, address, attempt)
                request.isIdempotent = false
                let part = chunk.slice(Int(first - start)..<chunk.count)
                request.headers["Content-Range"] = GCSRange.content(first, part.count, total: total)
                if total != nil, let checksum { request.headers["X-Goog-Hash"] = "crc32c=" + GCSHash.text(checksum) }
                request.body = .shared(part)
                return request
            }
            try note(response)
            return response
        } catch let error as StoreError where error.kind == .notFound {
            throw lost("the service doesn't know it any more")
        }
    }

    /// Asks how much the service has.
    private func ask(total: UInt64?, _ deadline: Deadline) async throws -> HTTPResponse {
        guard let address else { throw lost("it has no address") }
        let response = try await client.client.send(deadline, refusal: Self.refusal) { [self] attempt in
            var request = try await request("QueryUpload", .put, address, attempt)
            request.headers["Content-Range"] = GCSRange.content(0, 0, total: total)
            return request
        }
        try note(response)
        return response
    }

    /// 308 is the answer to every chunk but the last.
    private static let refusal: StoreClient.Refusal = { request, response in
        response.status == 308 ? nil : GCSClient.refusal(request, response)
    }

    private func note(_ response: HTTPResponse) throws {
        guard response.status == 308 else { return }
        guard let persisted = GCSRange.persisted(response.headers["Range"]) else {
            throw StoreError(.corrupt, "UploadChunk: the answer's Range is malformed")
        }
        state.withLock { $0.persisted = persisted }
    }

    /// A request to the session. The address is the credential, and path and query of it are all that counts: they are
    /// sent to the configured endpoint, whatever host they name.
    private func request(
        _ operation: StaticString, _ method: HTTPRequest.Method, _ address: String, _ attempt: StoreClient.Attempt
    ) async throws -> HTTPRequest {
        guard let scheme = address.firstRange(of: "://"), let slash = address[scheme.upperBound...].firstIndex(of: "/")
        else { throw lost("its address is no URL") }
        let target = String(address[slash...].prefix { $0 != "?" })
        let base = client.options.basePath
        let path = base.isEmpty || target.hasPrefix(base + "/") ? target : base + target
        var request = HTTPRequest(operation, method, client.options.endpoint, path: path)
        request.storeQuery = String(address[slash...].dropFirst(target.count + 1))
        request.subject = key
        return request
    }

    private func lost(_ why: String) -> StoreError {
        StoreError(.precondition, "the session of the upload is lost: \(why)", cause: .response)
    }
}
