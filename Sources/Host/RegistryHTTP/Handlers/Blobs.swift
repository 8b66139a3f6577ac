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
        if isHead { return try await headBlob(repository, digest) }
        if isKnown(digest) {
            _ = try await registry.blobStatus(repository, digest)
            return HTTPResponse(status: .notModified, headers: contentHeaders(digest))
        }
        return try await getBlob(repository, digest)
    }

    private func redirect(_ name: RepositoryName, _ digest: Digest) async throws -> String? {
        let address = request.remoteAddress.prefix(
            upTo: request.remoteAddress.lastIndex(of: ":") ?? request.remoteAddress.endIndex)
        return try await registry.redirect(
            name, digest, headOnly: isHead, clientAddress: String(address),
            userAgent: request.headers.first(name: "User-Agent") ?? "")
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
        let content: BlobContent
        do throws(RegistryError) {
            content = try await registry.blob(name, digest, range: requestedRange(digest))
        } catch {
            guard error.code == .rangeInvalid else { throw error }
            return unsatisfiable(error)
        }
        var headers = contentHeaders(digest)
        headers.add(name: "Content-Length", value: String(content.length))
        let isPart = content.offset > 0 || content.length < content.status.size
        if isPart {
            let last = content.offset + content.length - 1
            headers.add(name: "Content-Range", value: "bytes \(content.offset)-\(last)/\(content.status.size)")
        }
        return HTTPResponse(status: isPart ? .partialContent : .ok, headers: headers, body: body(of: content))
    }

    private func unsatisfiable(_ error: RegistryError) -> HTTPResponse {
        var headers = responder.headers()
        if case .fields(let fields) = error.detail, let size = fields["size"] {
            headers.add(name: "Content-Range", value: "bytes */\(size)")
        }
        headers.add(name: "Content-Type", value: "application/json")
        return HTTPResponse(status: .rangeNotSatisfiable, headers: headers, body: .bytes(ErrorEnvelope.json(error)))
    }

    /// A single range that the client asks for and that still applies; several at once are answered with the whole.
    private func requestedRange(_ digest: Digest) -> BlobRange? {
        guard let line = request.headers.first(name: "Range"), let range = BlobRange(header: line) else { return nil }
        if let condition = request.headers.first(name: "If-Range"), condition != "\"\(digest)\"" { return nil }
        return range
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

extension BlobRange {
    /// A `Range` of one part (RFC 9110, 14.1.2); nil for what is to be ignored: other units, several parts, and what
    /// isn't well formed.
    init?(header text: String) {
        guard text.prefix(6).lowercased() == "bytes=" else { return nil }
        let parts = text.dropFirst(6).split(separator: "-", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        if parts[0].isEmpty {
            guard let count = UInt64(digits: parts[1]) else { return nil }
            self = .last(count)
            return
        }
        guard let first = UInt64(digits: parts[0]) else { return nil }
        if parts[1].isEmpty {
            self = .from(first, through: nil)
        } else {
            guard let last = UInt64(digits: parts[1]), last >= first else { return nil }
            self = .from(first, through: last)
        }
    }
}

extension UInt64 {
    /// A number of digits alone, without the sign that Swift would take.
    init?(digits text: Substring) {
        guard text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else { return nil }
        self.init(text)
    }
}

/// A reader as the body of an answer.
private final class ReaderBody: HTTPBodySource {
    private let reader: BlobReader

    init(_ reader: BlobReader) { self.reader = reader }

    func next(upTo maximum: Int) async throws -> ByteBuffer? { try await reader.next(upTo: maximum) }

    func close() { reader.close() }
}
