import HTTPServer
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryModel

extension RequestContext {
    /// `GET|HEAD|PUT|DELETE /v2/<name>/manifests/<reference>`
    func manifest(_ name: String, _ reference: String) async throws -> HTTPResponse {
        let repository = try repository(name)
        let reference = try manifestReference(reference)
        if request.method == .PUT { return try await putManifest(repository, reference) }
        if request.method == .DELETE {
            try await registry.deleteManifest(repository, reference)
            return empty(.accepted, [])
        }
        return try await getManifest(repository, reference)
    }

    private func manifestReference(_ text: String) throws(RegistryError) -> Reference {
        if text.utf8.contains(UInt8(ascii: ":")) { return .digest(try digest(text)) }
        do {
            return .tag(try Tag(text))
        } catch {
            // Nothing is stored by such a name, so reading it finds nothing; only writing it is wrong.
            if request.method == .PUT { throw RegistryError(.tagInvalid, "\(error)") }
            throw RegistryError(.manifestUnknown, detail: .text(String(text.prefix(300))))
        }
    }

    private func getManifest(_ name: RepositoryName, _ reference: Reference) async throws -> HTTPResponse {
        var manifest = try await registry.manifest(name, reference)
        if manifest.mediaType == .dockerManifestList, case .tag = reference, !accepts(.dockerManifestList) {
            manifest = try await substitute(for: manifest, name)
        }
        // A client that asks by another algorithm's digest verifies with that one.
        let names = manifest.answeredDigest.description
        if isKnown(manifest.answeredDigest, manifest.digest) {
            return empty(.notModified, [("Docker-Content-Digest", names), ("Etag", "\"\(names)\"")])
        }
        var headers = responder.headers()
        headers.add(name: "Content-Type", value: manifest.mediaType.rawValue)
        headers.add(name: "Docker-Content-Digest", value: names)
        headers.add(name: "Etag", value: "\"\(names)\"")
        headers.add(name: "Content-Length", value: String(manifest.bytes.readableBytes))
        return HTTPResponse(status: .ok, headers: headers, body: isHead ? .empty : .bytes(manifest.bytes))
    }

    /// Whether the client takes a type: one it names, or anything. No `Accept` means a client from before lists.
    private func accepts(_ type: MediaType) -> Bool {
        request.headers["Accept"].contains { line in
            line.split(separator: ",").contains { item in
                let name = item.prefix { $0 != ";" }.filter { !$0.isWhitespace }
                return name == type.rawValue || name == "*/*" || name == "application/*"
            }
        }
    }

    /// A client that doesn't know Docker's lists gets the manifest for linux/amd64 from it.
    private func substitute(for list: StoredManifest, _ name: RepositoryName) async throws -> StoredManifest {
        let parsed = try? Manifest(parsing: list.bytes.readableBytesView, contentType: nil, validation: .stored)
        let child = parsed?.children.first { $0.platform?.os == "linux" && $0.platform?.architecture == "amd64" }
        guard let child else {
            throw RegistryError(
                .manifestUnknown, "the tag is a manifest list without linux/amd64, and Accept has no manifest list")
        }
        return try await registry.manifest(name, .digest(child.digest))
    }

    private func putManifest(_ name: RepositoryName, _ reference: Reference) async throws -> HTTPResponse {
        let tags = try tags(with: reference)
        let type = request.headers.first(name: "Content-Type").map { MediaType($0) }
        guard let type, type.isManifest || type.isSchema1 else {
            throw RegistryError(
                .manifestInvalid,
                "the Content-Type \(type.map { "\"\($0)\" " } ?? "")is missing or not one of a manifest")
        }
        let limit = registry.settings.manifestLimit
        let (digest, manifest) = try await responder.bodies.withBody(of: request, limit: limit) { bytes in
            try await registry.putManifest(name, reference, contentType: type, bytes, tags: tags)
        }
        var headers = [
            ("Location", url("\(name)/manifests/\(digest)")), ("Docker-Content-Digest", digest.description),
        ]
        // Tells the client that it needn't keep a list of referrers itself.
        if let subject = manifest.subject { headers.append(("OCI-Subject", subject.digest.description)) }
        if !tags.isEmpty { headers.append(("OCI-Tag", tags.map(\.description).joined(separator: ", "))) }
        return empty(.created, headers)
    }

    /// Tags that one push by digest may bring; the specification asks for ten.
    private static var maximumTags: Int { 100 }

    /// The tags in the query of a push by digest (OCI Distribution Spec, "Pushing Manifests"), each once. A push by tag has
    /// none: it says what it means in its path.
    private func tags(with reference: Reference) throws(RegistryError) -> [Tag] {
        guard case .digest = reference else { return [] }
        let texts = target.values(of: "tag")
        guard texts.count <= Self.maximumTags else {
            var error = RegistryError(.tagInvalid, "at most \(Self.maximumTags) tags in one request")
            error.status = 414
            throw error
        }
        var tags: [Tag] = []
        for text in texts {
            do {
                let tag = try Tag(text)
                if !tags.contains(tag) { tags.append(tag) }
            } catch {
                throw RegistryError(.tagInvalid, "\(error)", detail: .text(String(text.prefix(300))))
            }
        }
        return tags
    }
}
