import HTTPServer
import NIOHTTP1
import RegistryCore
import RegistryModel

extension RequestContext {
    /// `GET /v2/_catalog?n=&last=`
    func catalog() async throws -> HTTPResponse {
        let maximum = registry.settings.catalogMaximum
        let size = try pageSize() ?? min(100, maximum)
        guard size <= maximum else {
            throw RegistryError(
                .paginationNumberInvalid, "at most \(maximum) repositories at once",
                detail: .fields(["n": String(size)]))
        }
        let page = try await registry.catalog(after: target["last"], limit: size)
        return json(
            .ok, "{\"repositories\":\(JSONText.array(page.names))}\n", link(page.hasMore ? page.names.last : nil, size))
    }

    /// `GET /v2/<name>/tags/list?n=&last=`
    func tags(of name: String) async throws -> HTTPResponse {
        let repository = try repository(name)
        let size = try pageSize().map { min($0, registry.settings.tagsMaximum) }
        if size == 0 { return json(.ok, "{\"name\":\(JSONText.quoted(name)),\"tags\":[]}\n") }
        let page = try await registry.tags(repository, after: target["last"], limit: size)
        let body = "{\"name\":\(JSONText.quoted(name)),\"tags\":\(JSONText.array(page.names))}\n"
        return json(.ok, body, link(page.hasMore ? page.names.last : nil, size ?? 0))
    }

    /// The way to the next page: relative, on the request's own path.
    private func link(_ last: String?, _ size: Int) -> [(String, String)] {
        guard let last else { return [] }
        return [("Link", "<\(target.rawPath)?last=\(RequestTarget.encoded(last))&n=\(size)>; rel=\"next\"")]
    }
}
