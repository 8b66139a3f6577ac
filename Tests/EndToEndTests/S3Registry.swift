import Foundation
import TestSupport
import Testing

/// Runs `body` with a registry on a prefix of its own in SeaweedFS's bucket.
/// - Parameters:
///   - redirects: whether clients are sent to the store for blobs.
///   - endpoint: what the registry takes for the store; nil: the store itself.
func withS3Registry<Result>(
    redirects: Bool = false, server: String = BuildProducts.server, endpoint: String? = nil,
    root: String = "e2e-\(UUID().uuidString.prefix(8).lowercased())",
    _ body: (Registry, S3Root, TemporaryDirectory) async throws -> Result
) async throws -> Result {
    let store = try await S3Server.seaweed()
    return try await withTemporaryDirectory { directory in
        let seen = S3Server(endpoint: endpoint ?? store.endpoint, process: store.process)
        let configuration = Configuration.s3(seen, root: root, redirects: redirects)
        return try await withRegistry(in: directory, configuration, server: server) { registry in
            try await body(registry, S3Root(server: store, path: root), directory)
        }
    }
}

extension Configuration {
    static func s3(_ server: S3Server, root: String, redirects: Bool = false) -> Configuration {
        let more = "delete: {enabled: true}\nredirect: {disable: \(!redirects)}"
        // Below `storage:`, the registry's own settings stand beside the driver.
        return Configuration(storage: server.yaml(root: root, more: more))
    }
}

/// A registry's part of a bucket.
struct S3Root: Sendable {
    let server: S3Server
    let path: String

    /// What is left of uploads: keys, and multipart uploads that weren't ended.
    func leftovers() async throws -> [String] {
        try await server.keys(below: path + "/").filter { $0.contains("/_uploads/") }
            + server.uploads(below: path + "/")
    }

    /// The keys of all objects, without the root.
    func keys() async throws -> [String] {
        try await server.keys(below: path + "/").map { String($0.dropFirst(path.count)) }
    }
}

/// An upload in steps, as a client makes it.
struct UploadSteps: Sendable {
    let registry: Registry
    let repository: String

    func begin() async throws -> String {
        let answer = try await registry.curl("/v2/\(repository)/blobs/uploads/", "-X", "POST", "-d", "")
        #expect(answer.status == 202)
        return try #require(answer["Location"])
    }

    /// Sends bytes, and gives the next location.
    func patch(_ location: String, _ bytes: Data) async throws -> String {
        let answer = try await registry.curl(
            location, "-X", "PATCH", "-H", "Content-Type: application/octet-stream", "-H", "Expect:", "--data-binary",
            "@-", input: bytes)
        #expect(answer.status == 202, "\(String(decoding: answer.body, as: UTF8.self))")
        return try #require(answer["Location"])
    }

    func end(_ location: String, _ digest: String, _ bytes: Data = Data()) async throws {
        let answer = try await registry.curl(
            location + (location.contains("?") ? "&" : "?") + "digest=\(digest)", "-X", "PUT", "-H",
            "Content-Type: application/octet-stream", "-H", "Expect:", "--data-binary", "@-", input: bytes)
        #expect(answer.status == 201, "\(String(decoding: answer.body, as: UTF8.self))")
    }

    func blob(_ digest: String) async throws -> Data {
        let answer = try await registry.curl("/v2/\(repository)/blobs/\(digest)")
        #expect(answer.status == 200)
        return answer.body
    }
}
