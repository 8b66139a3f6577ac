import HTTPServer
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryModel

extension RequestContext {
    /// `GET|HEAD /v2/<name>/referrers/<digest>?artifactType=&n=&last=` (OCI Distribution Spec, "Listing Referrers")
    ///
    /// Always an index, also where there is nothing: clients take 404 for a registry that has no such list, and keep their
    /// own.
    func referrers(of digest: String, in name: String) async throws -> HTTPResponse {
        let repository = try repository(name)
        let subject = try self.digest(digest)
        let type = target["artifactType"]
        let page = try await registry.referrers(
            of: subject, in: repository, artifactType: type, after: try target["last"].map(self.digest),
            limit: try pageSize())
        var headers = responder.headers()
        // Exactly this: clients compare.
        headers.add(name: "Content-Type", value: MediaType.ociIndex.rawValue)
        if type != nil { headers.add(name: "OCI-Filters-Applied", value: "artifactType") }
        if let next = page.next { headers.add(name: "Link", value: link(to: next, type)) }
        let body = index(of: page.descriptors)
        headers.add(name: "Content-Length", value: String(body.readableBytes))
        return HTTPResponse(status: .ok, headers: headers, body: isHead ? .empty : .bytes(body))
    }

    private func index(of descriptors: [Descriptor]) -> ByteBuffer {
        var body = ByteBuffer(
            string: "{\"schemaVersion\":2,\"mediaType\":\"\(MediaType.ociIndex)\",\"manifests\":[")
        for (index, descriptor) in descriptors.enumerated() {
            if index > 0 { body.writeString(",") }
            body.writeString(descriptor.json)
        }
        body.writeString("]}")
        return body
    }

    /// The way to the next page: relative, on the request's own path, with the same filter.
    private func link(to next: Digest, _ type: String?) -> String {
        var query = type.map { "artifactType=\(RequestTarget.encoded($0))&" } ?? ""
        query += "last=\(RequestTarget.encoded(next.description))"
        if let size = target["n"] { query += "&n=\(RequestTarget.encoded(size))" }
        return "<\(target.rawPath)?\(query)>; rel=\"next\""
    }
}
