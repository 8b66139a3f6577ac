import HTTPServer
import Logging
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryHTTP
import TestSupport

/// Sends the requests of a script to a responder over a storage of its own, and holds every answer and the storage against
/// what must be true.
struct APIRun {
    static let logger = Logger(label: "fuzz") { _ in SwiftLogNoOpLogHandler() }

    let storage = Contents.storage()
    let settings: RegistryHTTPSettings
    let responder: RegistryResponder
    private let isSecure: Bool
    private let isReadOnly: Bool

    init(options: some Sequence<Substring>) {
        let options = Set(options)
        var settings = RegistrySettings()
        settings.secret = "secret"
        settings.deleteEnabled = !options.contains("nodelete")
        settings.readOnly = options.contains("readonly")
        settings.manifestLimit = 4096
        settings.tagsMaximum = 2
        settings.catalogMaximum = 2
        var http = RegistryHTTPSettings()
        http.uploadLimit = 3000
        if options.contains("prefix") { http.prefix = "/some/where/" }
        if options.contains("host") { http.host = "https://fixed.test" }
        if options.contains("relative") { http.relativeURLs = true }
        self.settings = http
        isSecure = options.contains("secure")
        isReadOnly = settings.readOnly
        let registry = Registry(driver: storage, settings: settings, logger: Self.logger)
        responder = RegistryResponder(registry: registry, settings: http, logger: Self.logger)
    }

    func run(_ script: RequestScript) async throws -> [Int] {
        var location = "\(settings.prefix)v2/a/blobs/uploads/0"
        var statuses: [Int] = []
        for var request in script.requests {
            request.target = expand(request.target, request.body, location)
            request.fields = request.fields.map { ($0.0, expand($0.1, request.body, location)) }
            let answer = try await send(request)
            statuses.append(answer.status)
            location = answer.localLocation ?? location
        }
        try StoredProperties(storage).check(isReadOnly: isReadOnly)
        return statuses
    }

    private func expand(_ text: String, _ body: String, _ location: String) -> String {
        guard text.utf8.contains(UInt8(ascii: "{")) else { return text }
        var text = Contents.expand(text)
        text = text.replacing("{location}", with: location)
        for (word, algorithm) in [("{digest}", "sha256:"), ("{sha512}", "sha512:")] where text.contains(word) {
            text = text.replacing(word, with: Contents.digest(of: Array(body.utf8), like: algorithm) ?? "")
        }
        return text
    }

    /// Sends a request, and those that its answer invites.
    private func send(_ request: RequestScript.Request) async throws -> Answer {
        let answer = try await exchange(request)
        if answer.status == 201 { try await readBack(answer) }
        if request.method == .HEAD, answer.status < 400,
            !request.fields.contains(where: { $0.0.lowercased() == "range" })
        {
            var other = request
            other.method = .GET
            let full = try await exchange(other)
            try hold(full.status == answer.status, "HEAD is \(answer.status), GET \(full.status): \(request.target)")
            if let length = answer["Content-Length"], answer.status == 200 {
                try hold(Int(length) == full.body.count, "HEAD says \(length), GET has \(full.body.count)")
            }
        }
        return answer
    }

    private func exchange(_ request: RequestScript.Request) async throws -> Answer {
        let headers = HTTPHeaders([("Host", "registry.test")] + request.fields)
        let body = HTTPRequestBody(ByteBuffer(string: request.body))
        let http = HTTPRequest(
            method: request.method, target: request.target, headers: headers, isSecure: isSecure,
            remoteAddress: "192.0.2.1:4711", body: body)
        let answer = try await Answer(responder.respond(to: http))
        try AnswerProperties(request: http, settings: settings, answer: answer).check()
        return answer
    }

    /// What was acknowledged is there, and is what its name says.
    private func readBack(_ created: Answer) async throws {
        guard let digest = created["Docker-Content-Digest"], let location = created.localLocation else {
            throw Violation("201 without Docker-Content-Digest or Location: \(created.headers)")
        }
        let types = ["*/*", "application/vnd.oci.image.index.v1+json"].map { ("Accept", $0) }
        let read = try await exchange(.init(method: .GET, target: location, fields: types, body: ""))
        try hold(read.status == 200, "201, then \(read.status) at \(location)")
        try hold(
            Contents.digest(of: read.body, like: digest) == digest, "what was stored as \(digest) is something else")
    }
}

/// An answer with its whole body.
struct Answer {
    let status: Int
    let headers: HTTPHeaders
    let body: [UInt8]
    /// The length that the body says to have, if it is a stream that says so.
    let promised: UInt64?

    init(_ response: HTTPResponse) async throws {
        status = Int(response.status.code)
        headers = response.headers
        var bytes = ByteBuffer()
        var promised: UInt64?
        switch response.body {
        case .empty: break
        case .bytes(let all): bytes = all
        case .stream(let length, let source):
            promised = length
            while var chunk = try await source.next(upTo: 4096) { bytes.writeBuffer(&chunk) }
            source.close()
        case .file: throw Violation("a descriptor from a storage that has none")
        }
        self.promised = promised
        body = Array(bytes.readableBytesView)
    }

    subscript(name: String) -> String? { headers.first(name: name) }

    /// Path and query of `Location`.
    var localLocation: String? {
        guard let text = self["Location"] else { return nil }
        guard !text.hasPrefix("/"), let scheme = text.firstRange(of: "://") else { return text }
        return String(text[scheme.upperBound...].drop { $0 != "/" })
    }
}
