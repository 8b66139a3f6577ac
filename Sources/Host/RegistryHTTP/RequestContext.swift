import HTTPServer
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryModel

/// One request on its way through a handler.
struct RequestContext: Sendable {
    let request: HTTPRequest
    let target: RequestTarget
    let responder: RegistryResponder

    var registry: Registry { responder.registry }
    var isHead: Bool { request.method == .HEAD }

    // MARK: Names

    func repository(_ text: String) throws(RegistryError) -> RepositoryName {
        do {
            return try RepositoryName(text)
        } catch {
            throw RegistryError(.nameInvalid, "\(error)", detail: .fields(["name": String(text.prefix(300))]))
        }
    }

    func digest(_ text: String) throws(RegistryError) -> Digest {
        do {
            return try Digest(text)
        } catch {
            throw RegistryError(.digestInvalid, "\(error)", detail: .text(String(text.prefix(300))))
        }
    }

    // MARK: Answers

    /// A JSON answer; for HEAD only its head.
    func json(_ status: HTTPResponseStatus, _ text: String, _ extra: [(String, String)] = []) -> HTTPResponse {
        var headers = responder.headers()
        headers.add(name: "Content-Type", value: "application/json")
        for (name, value) in extra { headers.add(name: name, value: value) }
        if isHead {
            headers.add(name: "Content-Length", value: String(text.utf8.count))
            return HTTPResponse(status: status, headers: headers)
        }
        return HTTPResponse(status: status, headers: headers, body: .bytes(ByteBuffer(string: text)))
    }

    /// An answer without a body.
    func empty(_ status: HTTPResponseStatus, _ extra: [(String, String)]) -> HTTPResponse {
        var headers = responder.headers()
        for (name, value) in extra { headers.add(name: name, value: value) }
        // 204 and 304 have no length by definition (RFC 9110, 8.6).
        if status != .noContent, status != .notModified { headers.add(name: "Content-Length", value: "0") }
        return HTTPResponse(status: status, headers: headers)
    }

    /// The URL of a path below `/v2/`.
    func url(_ path: String) -> String { responder.locations.url(path, for: request) }

    /// Whether the client has this content already (`If-None-Match`, RFC 9110, 13.1.2; the bare digest as well, as
    /// Distribution takes it).
    func isKnown(_ digests: Digest...) -> Bool {
        request.headers.contains(name: "If-None-Match") && matches("If-None-Match", digests)
    }

    /// Whether a list of entity tags names this content.
    func matches(_ field: String, _ digests: [Digest]) -> Bool {
        let wanted = digests.map(\.description)
        return request.headers[field].contains { line in
            line.split(separator: ",").contains { item in
                var tag = item.drop(while: Self.isSpace).prefix { !Self.isSpace($0) }
                if tag == "*" { return true }
                if tag.hasPrefix("W/") { tag = tag.dropFirst(2) }
                let text = tag.drop { $0 == "\"" }.prefix { $0 != "\"" }
                return wanted.contains { $0 == text }
            }
        }
    }

    private static func isSpace(_ character: Character) -> Bool { character == " " || character == "\t" }
}
