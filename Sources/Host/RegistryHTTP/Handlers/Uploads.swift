import HTTPServer
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryModel

extension RequestContext {
    /// `POST /v2/<name>/blobs/uploads/[?digest=|?mount=[&from=]|?digest-algorithm=]`
    func beginUpload(_ name: String) async throws -> HTTPResponse {
        let repository = try repository(name)
        let algorithm = try digestAlgorithm()
        let mount = target["mount"]
        if let mount, let mounted = try await self.mount(mount, repository) { return mounted }
        // Where a mount was wanted, a digest without bytes only says the same again.
        if let digestText = target["digest"], mount == nil || !request.body.isEmpty {
            let digest = try digest(digestText)
            try await registry.push(uploadBody(), digest, to: repository)
            return created(repository, digest)
        }
        var answer = session(.accepted, try registry.beginUpload(repository, algorithm), repository)
        if registry.leastChunkLength > 0 {
            answer.headers.add(name: "OCI-Chunk-Min-Length", value: String(registry.leastChunkLength))
        }
        return answer
    }

    private func digestAlgorithm() throws(RegistryError) -> Digest.Algorithm {
        guard let text = target["digest-algorithm"] else { return .sha256 }
        guard let algorithm = Digest.Algorithm(rawValue: text) else {
            let known = Digest.Algorithm.allCases.map(\.rawValue).joined(separator: ", ")
            throw RegistryError(
                .digestInvalid, "unsupported digest algorithm; supported are \(known)",
                detail: .text(String(text.prefix(300))))
        }
        return algorithm
    }

    /// What can't be mounted is uploaded: never an error of its own.
    private func mount(_ digestText: String, _ name: RepositoryName) async throws -> HTTPResponse? {
        guard let digest = try? Digest(digestText) else { return nil }
        var source: RepositoryName?
        if let from = target["from"] {
            guard let named = try? RepositoryName(from) else { return nil }
            source = named
        }
        // Without authorisation everybody may read everything.
        guard try await registry.mount(digest, from: source, to: name, mayPull: { _ in true }) else { return nil }
        return created(name, digest)
    }

    /// `GET|HEAD|PATCH|PUT|DELETE /v2/<name>/blobs/uploads/<id>`
    func upload(_ name: String, _ idText: String) async throws -> HTTPResponse {
        let repository = try repository(name)
        guard let id = UploadID(idText) else {
            throw RegistryError(.blobUploadUnknown, detail: .text(String(idText.prefix(300))))
        }
        let reference = UploadReference(name: repository, id: id, token: target["_state"])
        switch request.method {
        case .PATCH:
            let start = try contentRange()
            return session(
                .accepted, try await registry.append(try uploadBody(), to: reference, at: start), repository)
        case .PUT:
            let digest = try digest(target["digest"] ?? "")
            // Without bytes there is nothing to place; old clients still say where.
            let start = request.body.isEmpty ? nil : try contentRange()
            try await registry.commitUpload(reference, digest: digest, body: try uploadBody(), at: start)
            return created(repository, digest)
        case .DELETE:
            try await registry.cancelUpload(reference)
            return empty(.noContent, [("Docker-Upload-UUID", id.description)])
        default:
            return session(.noContent, try await registry.status(of: reference), repository)
        }
    }

    private func created(_ name: RepositoryName, _ digest: Digest) -> HTTPResponse {
        empty(
            .created,
            [("Location", url("\(name)/blobs/\(digest)")), ("Docker-Content-Digest", digest.description)])
    }

    private func session(_ status: HTTPResponseStatus, _ upload: UploadProgress, _ name: RepositoryName) -> HTTPResponse
    {
        empty(
            status,
            [
                ("Location", url("\(name)/blobs/uploads/\(upload.id)?_state=\(upload.token)")),
                ("Range", upload.range), ("Docker-Upload-UUID", upload.id.description),
            ])
    }

    private func uploadBody() throws(RegistryError) -> UploadBody {
        let body = request.body
        let length = body.isEmpty ? 0 : body.declaredLength
        guard let limit = responder.settings.uploadLimit else {
            return UploadBody(length: length) { try await body.next() }
        }
        if let length, length > limit { throw tooLarge(limit) }
        let counter = ByteCounter(limit: limit)
        return UploadBody(length: length) {
            guard let batch = try await body.next() else { return nil }
            guard counter.add(batch) else { throw tooLarge(limit) }
            return batch
        }
    }

    private func tooLarge(_ limit: UInt64) -> RegistryError {
        var error = RegistryError(.sizeInvalid, "a blob may have at most \(limit) bytes")
        error.status = 413
        return error
    }

    /// Where the client thinks its chunk goes (`Content-Range: <first>-<last>`, without unit or total; some send the unit).
    private func contentRange() throws(RegistryError) -> UInt64? {
        guard let text = request.headers.first(name: "Content-Range") else { return nil }
        let plain = text.hasPrefix("bytes ") ? text.dropFirst(6) : text[...]
        let parts = plain.prefix { $0 != "/" }.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 2, let first = UInt64(digits: parts[0]), let last = UInt64(digits: parts[1]) else {
            var error = RegistryError(.rangeInvalid, "Content-Range must be <first>-<last>")
            error.status = 400
            throw error
        }
        guard first <= last else {
            // An empty last chunk can't be expressed; old clients send N-N or N-(N-1) with no body.
            if request.body.isEmpty { return first }
            throw RegistryError(.rangeInvalid, "Content-Range begins behind its end")
        }
        let span = (last - first).addingReportingOverflow(1)
        if let length = request.body.declaredLength, length > 0, span.overflow || length != span.partialValue {
            throw RegistryError(.sizeInvalid, "Content-Range \(first)-\(last) and Content-Length \(length) disagree")
        }
        return first
    }
}
