import Crypto
import Foundation
import TestSupport

/// Bytes and their digest.
struct Blob: Sendable {
    let bytes: Data
    let digest: String

    /// The digest without its algorithm.
    var hex: String { String(digest.dropFirst("sha256:".count)) }

    init(_ bytes: Data) async throws {
        self.bytes = bytes
        digest = try await sha256(of: bytes)
    }

    init(_ text: String) async throws { try await self.init(Data(text.utf8)) }

    /// `count` bytes that no other blob has.
    static func random(_ count: Int) async throws -> Blob {
        let bytes = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/dev/urandom")).read(upToCount: count)
        return try await Blob(bytes ?? Data())
    }
}

/// `sha256:` and the hexadecimal digest of `bytes`.
func sha256(of bytes: Data) async throws -> String {
    let digits = Array("0123456789abcdef".utf8)
    let hex = SHA256.hash(data: bytes).flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return "sha256:" + String(decoding: hex, as: UTF8.self)
}

/// `sha256:` and the hexadecimal digest of a file.
func sha256(ofFile path: String) async throws -> String {
    let line = try await Command.run("sha256sum", [path]).checked().text
    return "sha256:" + line.prefix(64)
}

/// An image manifest of one configuration and some layers.
struct ImageManifest: Sendable {
    static let mediaType = "application/vnd.oci.image.manifest.v1+json"

    let configuration: Blob
    let layers: [Blob]
    let manifest: Blob
    /// The digest of the manifest that this one refers to.
    let subject: String?

    init(layers: [Blob], marker: String = UUID().uuidString, subject: Blob? = nil) async throws {
        self.subject = subject?.digest
        let reference = subject.map {
            #","subject":{"mediaType":"\#(Self.mediaType)","size":\#($0.bytes.count),"digest":"\#($0.digest)"}"#
        }
        configuration = try await Blob(#"{"architecture":"amd64","os":"linux","author":"\#(marker)"}"#)
        self.layers = layers
        let descriptors = layers.map { layer in
            #"{"mediaType":"application/vnd.oci.image.layer.v1.tar","size":\#(layer.bytes.count),"digest":"\#(layer.digest)"}"#
        }
        manifest = try await Blob(
            """
            {"schemaVersion":2,"mediaType":"\(Self.mediaType)",\
            "config":{"mediaType":"application/vnd.oci.image.config.v1+json",\
            "size":\(configuration.bytes.count),"digest":"\(configuration.digest)"},\
            "layers":[\(descriptors.joined(separator: ","))]\(reference ?? "")}
            """)
    }

    var blobs: [Blob] { [configuration] + layers }
}

/// A push or a pull, request by request, for tests about what happens between the requests.
extension RawConnection {
    /// Opens an upload session and returns its path with its query.
    func beginUpload(in repository: String) async throws -> String {
        let response = try await request("POST", "/v2/\(repository)/blobs/uploads/", body: Data())
        guard response.status == 202, let location = response["Location"] else { throw UnexpectedResponse(response) }
        return pathAndQuery(location)
    }

    /// Pushes a blob by POST and PUT.
    func push(_ blob: Blob, to repository: String) async throws {
        let session = try await beginUpload(in: repository)
        let response = try await request("PUT", adding(digest: blob.digest, to: session), body: blob.bytes)
        guard response.status == 201 else { throw UnexpectedResponse(response) }
    }

    /// Pushes an image: blobs, then the manifest under `tag`.
    func push(_ image: ImageManifest, to repository: String, tag: String) async throws {
        for blob in image.blobs { try await push(blob, to: repository) }
        let response = try await request(
            "PUT", "/v2/\(repository)/manifests/\(tag)", headers: [("Content-Type", ImageManifest.mediaType)],
            body: image.manifest.bytes)
        guard response.status == 201 else { throw UnexpectedResponse(response) }
    }
}

/// A status that a test did not count on.
struct UnexpectedResponse: Error, CustomStringConvertible {
    let description: String

    init(_ response: RawResponse) {
        description = "\(response.status) \(response.headers.map { "\($0.name): \($0.value)" }) \(response.text)"
    }
}

/// What follows the host in an absolute or relative address.
func pathAndQuery(_ location: String) -> String {
    guard let scheme = location.range(of: "://") else { return location }
    return String(location[scheme.upperBound...].drop { $0 != "/" })
}

/// An upload's address with the digest that ends it, added as clients do.
func adding(digest: String, to location: String) -> String {
    location + (location.contains("?") ? "&" : "?") + "digest=" + digest
}
