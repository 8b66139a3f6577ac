import Foundation
import HTTPServer
import Logging
import NIOCore
import NIOHTTP1
import RegistryCore
import RegistryHTTP
import RegistryModel
import RegistryStorage
import TestSupport
import Testing

/// The API over a storage in memory, without a network.
struct API: Sendable {
    let storage: TestStorage
    let registry: Registry
    let responder: RegistryResponder

    init(
        _ storage: TestStorage = TestStorage(), http: (inout RegistryHTTPSettings) -> Void = { _ in },
        _ change: (inout RegistrySettings) -> Void = { _ in }
    ) {
        var settings = RegistrySettings()
        settings.deleteEnabled = true
        settings.secret = "secret"
        change(&settings)
        var httpSettings = RegistryHTTPSettings()
        http(&httpSettings)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        self.storage = storage
        registry = Registry(driver: storage, settings: settings, logger: logger)
        responder = RegistryResponder(registry: registry, settings: httpSettings, logger: logger)
    }

    /// Sends a request and checks what holds for every answer.
    @discardableResult
    func send(
        _ method: HTTPMethod, _ target: String, _ headers: [(String, String)] = [], body: String = "",
        isSecure: Bool = false
    ) async throws -> Answer {
        let request = HTTPRequest(
            method: method, target: target, headers: HTTPHeaders([("Host", "registry.test")] + headers),
            isSecure: isSecure, remoteAddress: "192.0.2.1:4711", body: HTTPRequestBody(ByteBuffer(string: body)))
        let answer = try await Answer(responder.respond(to: request))
        answer.check(method, target)
        return answer
    }

    // MARK: What clients do

    /// Pushes a blob and gives its digest.
    @discardableResult
    func push(_ content: String, to name: String) async throws -> String {
        let digest = digest(of: content)
        let answer = try await send(.POST, "/v2/\(name)/blobs/uploads/?digest=\(digest)", body: content)
        #expect(answer.status == 201, "\(answer.text)")
        return digest
    }

    /// Pushes an image and gives its manifest.
    @discardableResult
    func pushImage(to name: String, tag: String, note: String = "") async throws -> String {
        try await push("{}", to: name)
        try await push("layer", to: name)
        let manifest = Documents.image(note: note)
        let answer = try await put(manifest, at: "/v2/\(name)/manifests/\(tag)")
        #expect(answer.status == 201, "\(answer.text)")
        return manifest
    }

    func put(_ manifest: String, at target: String, _ type: MediaType = .ociManifest) async throws -> Answer {
        try await send(.PUT, target, [("Content-Type", type.rawValue)], body: manifest)
    }

    /// Begins an upload and gives its location, without the host.
    func begin(_ name: String) async throws -> String {
        let answer = try await send(.POST, "/v2/\(name)/blobs/uploads/")
        #expect(answer.status == 202)
        return try answer.location()
    }
}

/// An answer with its whole body.
struct Answer: Sendable {
    let status: Int
    let headers: HTTPHeaders
    let body: ByteBuffer

    init(_ response: HTTPResponse) async throws {
        status = Int(response.status.code)
        headers = response.headers
        switch response.body {
        case .empty: body = ByteBuffer()
        case .bytes(let bytes): body = bytes
        case .stream(_, let source):
            var bytes = ByteBuffer()
            while var chunk = try await source.next(upTo: 4096) { bytes.writeBuffer(&chunk) }
            source.close()
            body = bytes
        case .file: throw Unexpected(description: "the storage has no descriptors")
        }
    }

    struct Unexpected: Error, CustomStringConvertible {
        let description: String
    }

    subscript(name: String) -> String? { headers.first(name: name) }
    var text: String { String(buffer: body) }
    var json: [String: Any] {
        (try? JSONSerialization.jsonObject(with: Data(body.readableBytesView))) as? [String: Any] ?? [:]
    }
    var errors: [[String: Any]] { json["errors"] as? [[String: Any]] ?? [] }
    /// The codes of the envelope.
    var codes: [String] { errors.compactMap { $0["code"] as? String } }

    /// Path and query of `Location`.
    func location() throws -> String {
        let text = try #require(self["Location"])
        guard let scheme = text.range(of: "://") else { return text }
        return String(text[scheme.upperBound...].drop { $0 != "/" })
    }

    func check(_ method: HTTPMethod, _ target: String) {
        let comment: Comment = "\(method) \(target.prefix(200)): \(status) \(text.prefix(300))"
        let isProbe = target.prefix { $0 != "?" } == "/" && status == 200
        if !isProbe { #expect(self["Docker-Distribution-API-Version"] == "registry/2.0", comment) }
        #expect(!headers.contains { $0.value.utf8.contains { $0 < 0x20 } || $0.value.isEmpty }, comment)
        #expect(Set(headers.map { $0.name.lowercased() }).count == headers.count, "a header twice: \(headers)")
        if method == .HEAD || [204, 304].contains(status) { #expect(body.readableBytes == 0, comment) }
        if status == 204 || status == 304 { #expect(self["Content-Length"] == nil, comment) }
        guard status >= 400 else { return }
        #expect(self["Content-Type"] == "application/json", comment)
        if method == .HEAD {
            #expect(Int(self["Content-Length"] ?? "") ?? 0 > 0, comment)
            return
        }
        #expect(!codes.isEmpty && codes.allSatisfy { RegistryErrorCode(rawValue: $0) != nil }, comment)
        #expect(errors.allSatisfy { ($0["message"] as? String)?.isEmpty == false }, comment)
    }
}

func digest(of content: String, _ algorithm: RegistryModel.Digest.Algorithm = .sha256) -> String {
    ContentDigest.text(of: content, algorithm)
}

enum Documents {
    static func descriptor(_ type: MediaType, _ content: String, _ more: String = "") -> String {
        #"{"mediaType":"\#(type)","digest":"\#(digest(of: content))","size":\#(content.utf8.count)\#(more)}"#
    }

    static func image(note: String = "", type: MediaType? = .ociManifest, layers: [String] = ["layer"]) -> String {
        let layers = layers.map { descriptor(.ociLayer, $0) }.joined(separator: ",")
        let type = type.map { #""mediaType":"\#($0)","# } ?? ""
        return """
            {"schemaVersion":2,\(type)"config":\(descriptor(.ociConfig, "{}")),"layers":[\(layers)],\
            "annotations":{"note":"\(note)"}}
            """
    }

    static func list(_ type: MediaType, _ children: [(manifest: String, type: MediaType, platform: String)]) -> String {
        let manifests = children.map { child in
            let parts = child.platform.split(separator: "/")
            return descriptor(
                child.type, child.manifest, #","platform":{"os":"\#(parts[0])","architecture":"\#(parts[1])"}"#)
        }
        return #"{"schemaVersion":2,"mediaType":"\#(type)","manifests":[\#(manifests.joined(separator: ","))]}"#
    }
}
