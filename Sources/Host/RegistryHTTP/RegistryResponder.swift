public import HTTPServer
public import Logging
import NIOCore
public import NIOHTTP1
public import RegistryCore
import RegistryModel

/// How the API appears to clients.
public struct RegistryHTTPSettings: Sendable {
    /// Path below which the API lies: `/`, or with a slash at both ends (`http.prefix`).
    public var prefix = "/"
    /// The URL by which clients reach the registry, without a slash at its end (`http.host`).
    public var host: String?
    /// Whether URLs in answers have no host (`http.relativeurls`).
    public var relativeURLs = false
    /// Headers added to every answer (`http.headers`).
    public var headers: [(name: String, value: String)] = []
    /// The most bytes of a blob; nil: no bound.
    public var uploadLimit: UInt64?

    /// The defaults.
    public init() {}
}

/// Answers requests of the Registry HTTP API V2 and the OCI Distribution Spec.
public struct RegistryResponder: HTTPResponder {
    let registry: Registry
    let settings: RegistryHTTPSettings
    let locations: LocationBuilder
    let logger: Logger
    /// Room for the bodies that are collected.
    let bodies: BodyBudget
    private let commonHeaders: HTTPHeaders
    /// The common headers and those that every blob has.
    let blobHeaders: HTTPHeaders

    /// A responder for a registry.
    public init(registry: Registry, settings: RegistryHTTPSettings, logger: Logger) {
        self.registry = registry
        self.settings = settings
        self.logger = logger
        bodies = BodyBudget(limit: registry.settings.manifestLimit)
        locations = LocationBuilder(
            fixedHost: settings.host, isRelative: settings.relativeURLs, prefix: settings.prefix)
        let common = HTTPHeaders(
            [("Docker-Distribution-API-Version", "registry/2.0")] + settings.headers.map { ($0.name, $0.value) })
        commonHeaders = common
        var blob = common
        blob.add(name: "Accept-Ranges", value: "bytes")
        blob.add(name: "Cache-Control", value: "max-age=31536000")
        blob.add(name: "Content-Type", value: "application/octet-stream")
        blobHeaders = blob
    }

    /// Answers a request; whatever goes wrong becomes an answer too.
    public func respond(to request: HTTPRequest) async -> HTTPResponse {
        let target = RequestTarget(request.target)
        do {
            return try await route(request, target)
        } catch let error as RegistryError {
            return response(for: error, request)
        } catch is CancellationError {
            return response(for: RegistryError(.unavailable, "the request was cancelled"), request)
        } catch {
            return response(for: RegistryError(.unknown), request, cause: "\(error)")
        }
    }

    /// The answer to what the server refuses before it is a request.
    public func refusal(_ status: HTTPResponseStatus) -> HTTPResponse {
        let code: RegistryErrorCode = status == .serviceUnavailable ? .unavailable : .unsupported
        var error = RegistryError(code, Self.reasons[status.code] ?? "the request can't be understood")
        error.status = Int(status.code)
        var headers = self.headers()
        headers.add(name: "Content-Type", value: "application/json")
        return HTTPResponse(status: status, headers: headers, body: .bytes(ErrorEnvelope.json(error)))
    }

    private static let reasons: [UInt: String] = [
        400: "the request is malformed",
        408: "the request did not come in time",
        414: "the target of the request is too long",
        431: "the header fields of the request are too many or too long",
        503: "there are too many connections, or the server is going down",
        501: "the transfer coding or the method is not supported",
        505: "the version of HTTP is not supported",
    ]

    private func route(_ request: HTTPRequest, _ target: RequestTarget) async throws -> HTTPResponse {
        if let redirect = slashRedirect(request, target) { return redirect }
        guard let path = target.path, let route = RegistryRoute(path: path, prefix: settings.prefix) else {
            var error = RegistryError(.unsupported, "there is nothing at this path")
            error.status = 404
            throw error
        }
        guard route.methods.contains(request.method) else { return otherMethod(request, route) }
        let context = RequestContext(request: request, target: target, responder: self)
        switch route {
        case .alive:
            return HTTPResponse(
                status: .ok, headers: ["Cache-Control": "no-cache", "Content-Length": "0"], body: .empty)
        case .base: return context.json(.ok, "{}")
        case .catalog: return try await context.catalog()
        case .tags(let name): return try await context.tags(of: name)
        case .manifest(let name, let reference): return try await context.manifest(name, reference)
        case .referrers(let name, let digest): return try await context.referrers(of: digest, in: name)
        case .blob(let name, let digest): return try await context.blob(name, digest)
        case .uploads(let name): return try await context.beginUpload(name)
        case .upload(let name, let id): return try await context.upload(name, id)
        }
    }

    /// Who reads a path with a slash too many or too few at its end is sent to the right one, as Distribution does.
    private func slashRedirect(_ request: HTTPRequest, _ target: RequestTarget) -> HTTPResponse? {
        guard request.method == .GET || request.method == .HEAD,
            let location = target.withOtherEnd(prefix: settings.prefix)
        else { return nil }
        var headers = self.headers()
        headers.add(name: "Location", value: location)
        headers.add(name: "Content-Length", value: "0")
        return HTTPResponse(status: .movedPermanently, headers: headers)
    }

    private func otherMethod(_ request: HTTPRequest, _ route: RegistryRoute) -> HTTPResponse {
        if request.method == .OPTIONS {
            var headers = self.headers()
            headers.add(name: "Allow", value: route.allow)
            headers.add(name: "Content-Length", value: "0")
            return HTTPResponse(status: .ok, headers: headers)
        }
        let error = RegistryError(.unsupported, "\(request.method.rawValue) is not possible here")
        var response = response(for: error, request)
        response.headers.add(name: "Allow", value: route.allow)
        return response
    }

    /// Headers that every answer has; room for those that follow.
    func headers() -> HTTPHeaders { commonHeaders }

    private func response(for error: RegistryError, _ request: HTTPRequest, cause: String? = nil) -> HTTPResponse {
        let status = HTTPResponseStatus(statusCode: error.status ?? error.code.httpStatus)
        // Nobody gets the answer to a request that was cancelled.
        if status.code >= 500, !Task.isCancelled {
            logger.error(
                "a request failed: \(cause ?? error.cause.map { "\($0)" } ?? error.message)",
                metadata: [
                    "http.request.method": "\(request.method.rawValue)",
                    "http.request.uri": "\(request.target.prefix(512))",
                    "http.response.status": "\(status.code)",
                ])
        }
        var headers = self.headers()
        headers.add(name: "Content-Type", value: "application/json")
        if let retryAfter = error.retryAfter {
            let seconds = max(1, retryAfter.components.seconds + (retryAfter.components.attoseconds > 0 ? 1 : 0))
            headers.add(name: "Retry-After", value: String(seconds))
        }
        if let upload = error.upload {
            let path = RequestTarget(request.target).path
            if let path, case .upload(let name, _)? = RegistryRoute(path: path, prefix: settings.prefix) {
                let url = locations.url("\(name)/blobs/uploads/\(upload.id)?_state=\(upload.token)", for: request)
                headers.add(name: "Location", value: url)
                headers.add(name: "Range", value: upload.range)
                headers.add(name: "Docker-Upload-UUID", value: upload.id.description)
            }
        }
        let body = ErrorEnvelope.json(error)
        if request.method == .HEAD {
            headers.add(name: "Content-Length", value: String(body.readableBytes))
            return HTTPResponse(status: status, headers: headers)
        }
        return HTTPResponse(status: status, headers: headers, body: .bytes(body))
    }
}

extension UploadProgress {
    /// `Range` as clients parse it: inclusive, without unit, `0-0` also when there is nothing.
    var range: String { "0-\(max(1, offset) - 1)" }
}
