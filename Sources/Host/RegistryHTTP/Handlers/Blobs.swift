import HTTPServer
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryModel

extension RequestContext {
    /// `GET|HEAD|DELETE /v2/<name>/blobs/<digest>`
    func blob(_ name: String, _ digestText: String) async throws -> HTTPResponse {
        let repository = try repository(name)
        let digest = try digest(digestText)
        if request.method == .DELETE {
            try await registry.deleteBlob(repository, digest)
            return empty(.accepted, [])
        }
        if registry.redirectsPulls, let url = try await redirect(repository, digest) {
            return empty(.temporaryRedirect, [("Location", url), ("Content-Type", "application/octet-stream")])
        }
        if let answer = try await conditional(repository, digest) { return answer }
        return isHead ? try await headBlob(repository, digest) : try await getBlob(repository, digest)
    }

    /// The answer where a condition of the request decides it (RFC 9110, 13.2.2). There are no times to compare.
    private func conditional(_ name: RepositoryName, _ digest: Digest) async throws -> HTTPResponse? {
        if request.headers.contains(name: "If-Match"), !matches("If-Match", [digest]) {
            _ = try await registry.blobStatus(name, digest)
            var error = RegistryError(.digestInvalid, "the blob is not the one that If-Match asks for")
            error.status = 412
            throw error
        }
        guard isKnown(digest) else { return nil }
        _ = try await registry.blobStatus(name, digest)
        return HTTPResponse(status: .notModified, headers: contentHeaders(digest))
    }

    private func redirect(_ name: RepositoryName, _ digest: Digest) async throws -> String? {
        try await registry.redirect(
            name, digest, headOnly: isHead, clientAddress: clientAddress,
            userAgent: request.headers.first(name: "User-Agent") ?? "")
    }

    /// Where the client seems to be, as Distribution sees it: what a proxy in front says first, else who is connected. Good
    /// for choosing between places that have the content, and for nothing that must be true.
    private var clientAddress: String {
        let forwarded = request.headers.first(name: "X-Forwarded-For")?.split(separator: ",").first
        let named = forwarded.map { $0.drop { $0 == " " }.prefix { $0 != " " } }
        if let named, !named.isEmpty, named.utf8.count <= 45 { return String(named) }
        if let real = request.headers.first(name: "X-Real-Ip"), !real.isEmpty, real.utf8.count <= 45 { return real }
        let address = request.remoteAddress
        return String(address[..<(address.lastIndex(of: ":") ?? address.endIndex)].filter { $0 != "[" && $0 != "]" })
    }

    private func contentHeaders(_ digest: Digest) -> HTTPHeaders {
        let text = digest.description
        var headers = responder.blobHeaders
        headers.reserveCapacity(headers.count + 4)
        headers.add(name: "Docker-Content-Digest", value: text)
        headers.add(name: "Etag", value: "\"" + text + "\"")
        return headers
    }

    private func headBlob(_ name: RepositoryName, _ digest: Digest) async throws -> HTTPResponse {
        let status = try await registry.blobStatus(name, digest)
        var headers = contentHeaders(digest)
        headers.add(name: "Content-Length", value: String(status.size))
        return HTTPResponse(status: .ok, headers: headers)
    }

    private func getBlob(_ name: RepositoryName, _ digest: Digest) async throws -> HTTPResponse {
        switch requestedRange(digest) {
        case .none: return try await part(nil, name, digest)
        case .single(let range): return try await part(range, name, digest)
        case .several(let ranges): return try await parts(ranges, name, digest)
        case .malformed: return unsatisfiable(size: try await registry.blobStatus(name, digest).size)
        }
    }

    private func part(_ range: BlobRange?, _ name: RepositoryName, _ digest: Digest) async throws -> HTTPResponse {
        let content: BlobContent
        do throws(RegistryError) {
            content = try await registry.blob(name, digest, range: range)
        } catch {
            guard error.code == .rangeInvalid, case .fields(let fields) = error.detail,
                let size = fields["size"].flatMap({ UInt64($0) })
            else { throw error }
            return unsatisfiable(size: size)
        }
        var headers = contentHeaders(digest)
        headers.add(name: "Content-Length", value: String(content.length))
        // A part that is the whole is a part, as with Distribution; of nothing there are no parts.
        let isPart = range != nil && content.length > 0
        if isPart {
            let last = content.offset + content.length - 1
            headers.add(name: "Content-Range", value: "bytes \(content.offset)-\(last)/\(content.status.size)")
        }
        return HTTPResponse(status: isPart ? .partialContent : .ok, headers: headers, body: body(of: content))
    }

    private func parts(_ ranges: [BlobRange], _ name: RepositoryName, _ digest: Digest) async throws -> HTTPResponse {
        let size = try await registry.blobStatus(name, digest).size
        let parts = BlobRange.parts(ranges, of: size)
        guard let first = parts.first else {
            return size == 0 ? try await part(nil, name, digest) : unsatisfiable(size: size)
        }
        if parts.count == 1 {
            return try await part(.from(first.lowerBound, through: first.upperBound - 1), name, digest)
        }
        let registry = self.registry
        let body = MultipartBody(parts, of: size) { part in
            try await registry.blob(name, digest, range: .from(part.lowerBound, through: part.upperBound - 1))
        }
        var headers = contentHeaders(digest)
        headers.replaceOrAdd(name: "Content-Type", value: body.contentType)
        headers.add(name: "Content-Length", value: String(body.length))
        return HTTPResponse(status: .partialContent, headers: headers, body: .stream(length: body.length, body))
    }

    private func unsatisfiable(size: UInt64) -> HTTPResponse {
        let error = RegistryError(
            .rangeInvalid, "the range lies outside the blob", detail: .fields(["size": String(size)]))
        var headers = responder.headers()
        headers.add(name: "Content-Range", value: "bytes */\(size)")
        headers.add(name: "Content-Type", value: "application/json")
        return HTTPResponse(status: .rangeNotSatisfiable, headers: headers, body: .bytes(ErrorEnvelope.json(error)))
    }

    /// What the client asks for, if it still applies.
    private func requestedRange(_ digest: Digest) -> RangeRequest {
        guard let line = request.headers.first(name: "Range") else { return .none }
        if let condition = request.headers.first(name: "If-Range"), condition != "\"\(digest)\"" { return .none }
        return RangeRequest(header: line)
    }

    private func body(of content: BlobContent) -> HTTPResponseBody {
        switch content.source {
        case .bytes(let bytes): return .bytes(bytes)
        case .reader(let reader):
            guard let file = reader.file else {
                return .stream(length: content.length, ReaderBody(reader))
            }
            return .file(
                HTTPFileBody(
                    descriptor: file.descriptor, offset: file.offset, length: content.length, owner: reader))
        }
    }
}

/// A reader as the body of an answer.
private final class ReaderBody: HTTPBodySource {
    private let reader: BlobReader

    init(_ reader: BlobReader) { self.reader = reader }

    func next(upTo maximum: Int) async throws -> ByteBuffer? { try await reader.next(upTo: maximum) }

    func close() { reader.close() }
}
