import HTTPServer
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryModel
import Synchronization

extension RequestContext {
    /// `GET /v2/_catalog?n=&last=`
    func catalog() async throws -> HTTPResponse {
        let maximum = registry.settings.catalogMaximum
        let size = try pageSize() ?? min(100, maximum)
        guard size <= maximum else {
            throw RegistryError(
                .paginationNumberInvalid, "at most \(maximum) repositories at once",
                detail: .number(name: "n", size))
        }
        let page = try await registry.catalog(after: target["last"], limit: size)
        return json(
            .ok, "{\"repositories\":\(JSONText.array(page.names))}\n", link(page.next, size))
    }

    /// `GET /v2/<name>/tags/list?n=&last=`
    func tags(of name: String) async throws -> HTTPResponse {
        let repository = try repository(name)
        let size = try pageSize { .number(name: "n", Int($0) ?? 0) }
        guard let size else { return try await allTags(of: repository) }
        let limit = min(size, registry.settings.tagsMaximum)
        let page = try await registry.tags(repository, after: target["last"], limit: limit)
        let body = TagListBody.head(repository) + TagListBody.members(page.names) + TagListBody.tail
        return json(.ok, body, link(page.next, limit))
    }

    /// Without a number nothing may be left out. What is more than a page is sent as it is read.
    private func allTags(of name: RepositoryName) async throws -> HTTPResponse {
        let listing = registry.allTags(name, after: target["last"])
        let first = TagListBody.head(name) + TagListBody.members(try await listing.next() ?? [])
        guard listing.hasMore else { return json(.ok, first + TagListBody.tail) }
        var headers = responder.headers()
        headers.add(name: "Content-Type", value: "application/json")
        // What a HEAD is told has no length: only reading all would tell it.
        if isHead { return HTTPResponse(status: .ok, headers: headers) }
        return HTTPResponse(
            status: .ok, headers: headers, body: .stream(length: nil, TagListBody(ByteBuffer(string: first), listing)))
    }

    /// The number in `n`; an empty one is none.
    /// - Parameter detail: what is told of one that can't be; else the text.
    func pageSize(
        detail: (String) -> RegistryError.Detail = { .fields(["n": String($0.prefix(100))]) }
    ) throws(RegistryError) -> Int? {
        guard let text = target["n"], !text.isEmpty else { return nil }
        guard let number = Int(text), number >= 0 else {
            throw RegistryError(.paginationNumberInvalid, detail: detail(text))
        }
        return number
    }

    /// The way to the next page: relative, on the request's own path.
    private func link(_ last: String?, _ size: Int) -> [(String, String)] {
        guard let last else { return [] }
        return [("Link", "<\(target.rawPath)?last=\(RequestTarget.encoded(last))&n=\(size)>; rel=\"next\"")]
    }
}

/// A list of tags of any length, some of them in memory at a time.
private final class TagListBody: HTTPBodySource {
    private struct State {
        /// What was read and not sent yet.
        var pending: ByteBuffer
        var isComplete = false
    }

    private let listing: TagListing
    private let state: Mutex<State>

    static func head(_ name: RepositoryName) -> String { "{\"name\":\(JSONText.quoted(name.description)),\"tags\":[" }
    static func members(_ tags: [String]) -> String { tags.map(JSONText.quoted).joined(separator: ",") }
    static let tail = "]}\n"

    /// - Parameter first: the beginning of the text, up to a tag that others may follow.
    init(_ first: ByteBuffer, _ listing: TagListing) {
        state = Mutex(State(pending: first))
        self.listing = listing
    }

    func next(upTo maximum: Int) async throws -> ByteBuffer? {
        let (isEmpty, isComplete) = state.withLock { ($0.pending.readableBytes == 0, $0.isComplete) }
        if isEmpty {
            if isComplete { return nil }
            let names = try await listing.next()
            let text = names.map { "," + Self.members($0) } ?? Self.tail
            state.withLock { $0 = State(pending: ByteBuffer(string: text), isComplete: names == nil) }
        }
        return state.withLock { $0.pending.readSlice(length: min(maximum, $0.pending.readableBytes)) }
    }

    func close() {}
}
