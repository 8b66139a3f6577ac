import Foundation
import TestSupport
import Testing

/// The real server on Cloud Storage: on fake-gcs-server, and on the tests' strict fake, which verifies tokens and signed URLs
/// and keeps sessions as the service does.
@Suite("A registry in Cloud Storage", .timeLimit(.minutes(6)))
struct CloudStorageTests {
    /// Runs a registry on the strict fake.
    /// - Parameter more: further options of the driver, each beginning with a comma.
    private func withStrict(
        _ more: String = "", redirects: Bool = false,
        _ body: (Registry, CloudStorageServer, TemporaryDirectory) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let server = try await CloudStorageServer.start()
            let key = try directory.write(try server.keyFile(), to: "key.json")
            let options = "bucket: \(CloudStorageServer.bucket), endpoint: \"\(server.endpoint)\", keyfile: \(key)"
            let configuration = Configuration(
                storage: """
                    gcs: {\(options)\(more)}
                    delete: {enabled: true}
                    redirect: {disable: \(!redirects)}
                    """)
            try await withRegistry(in: directory, configuration) { try await body($0, server, directory) }
            await server.process.kill()
        }
    }

    private func pushAndPull(_ registry: Registry, _ directory: TemporaryDirectory) async throws {
        let layout = try await OCILayout.multiArchitecture(
            in: directory.path("in"), layerSizes: [1, 4000, 700_000, 3_000_000])
        try await Skopeo.push(layout.path, to: registry, "library/app:1.0")
        try await Skopeo.push(layout.path, to: registry, "library/app:again")
        try await Skopeo.pull(registry, "library/app:1.0", into: directory.path("out"))
        let copy = try OCILayout(path: directory.path("out"))
        #expect(try copy.index() == layout.index())
        #expect(try copy.blobNames() == layout.blobNames())
        for name in try copy.blobNames() {
            #expect(try await sha256(ofFile: copy.path + "/blobs/sha256/" + name) == "sha256:" + name)
        }
        let tags = try await registry.curl("/v2/library/app/tags/list").json
        #expect(tags["tags"] as? [String] == ["1.0", "again"])
    }

    @Test("skopeo pushes and pulls on fake-gcs-server, and nothing is left beside the image")
    func skopeo() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await FakeGCSServer.shared()
            let bucket = try await server.bucket("end-to-end-\(UUID().uuidString.prefix(8).lowercased())")
            let configuration = Configuration(
                storage: server.yaml(bucket, more: ", rootdirectory: /some/root") + "\ndelete: {enabled: true}")
            try await withRegistry(in: directory, configuration) { registry in
                try await pushAndPull(registry, directory)
                let keys = try await server.keys(bucket)
                #expect(keys.allSatisfy { $0.hasPrefix("some/root/") })
                #expect(!keys.contains { $0.contains("_uploads") }, "\(keys.filter { $0.contains("_uploads") })")
                #expect(
                    keys.contains(
                        "some/root/docker/registry/v2/repositories/library/app/_manifests/tags/1.0/current/link"))
                let gone = try await registry.curl("/v2/library/app/manifests/1.0", "-X", "DELETE")
                #expect(gone.status == 202)
                #expect(try await registry.curl("/v2/library/app/manifests/1.0").status == 404)
            }
        }
    }

    @Test("skopeo pushes and pulls with a service account's key, with redirects and without", arguments: [false, true])
    func strict(redirects: Bool) async throws {
        try await withStrict(redirects: redirects) { registry, server, directory in
            try await pushAndPull(registry, directory)
            let signed = try await server.requests().count { $0.hasPrefix("GET /\(CloudStorageServer.bucket)/") }
            #expect((signed > 0) == redirects)
            guard redirects else { return }
            let layout = try OCILayout(path: directory.path("in"))
            let name = try layout.largestBlobName()
            let answer = try await registry.curl("/v2/library/app/blobs/sha256:\(name)")
            #expect(answer.status == 307)
            let part = try await registry.curl("/v2/library/app/blobs/sha256:\(name)", "-L", "-H", "Range: bytes=0-9")
            #expect(part.status == 206 && part.body.count == 10)
        }
    }

    // MARK: Uploads in chunks

    private func begin(_ registry: Registry) async throws -> String {
        try #require(try await registry.curl("/v2/app/blobs/uploads/", "-X", "POST", "-d", "")["Location"])
    }

    private func patch(_ location: String, _ bytes: Data, _ registry: Registry) async throws -> String {
        let answer = try await registry.curl(
            registry.url(pathAndQuery(location)), "-X", "PATCH", "-H", "Content-Type: application/octet-stream",
            "--data-binary", "@-", input: bytes)
        #expect(answer.status == 202, "\(answer.text)")
        return try #require(answer["Location"])
    }

    private func finish(_ location: String, _ rest: Data, _ blob: Blob, _ registry: Registry) async throws {
        let path = adding(digest: blob.digest, to: pathAndQuery(location))
        let answer = try await registry.curl(
            registry.url(path), "-X", "PUT", "-H", "Content-Type: application/octet-stream", "--data-binary", "@-",
            input: rest)
        #expect(answer.status == 201, "\(answer.text)")
        let back = try await registry.curl("/v2/app/blobs/\(blob.digest)")
        #expect(back.status == 200 && back.body == blob.bytes)
    }

    @Test(
        "A chunked upload is cut by kill -9 of the server and goes on, with a session and without",
        arguments: [40_000, 3_000_000])
    func killed(size: Int) async throws {
        try await withStrict(", chunksize: 524288") { registry, server, _ in
            let blob = try await Blob.random(size)
            let (first, second) = (blob.bytes.prefix(size / 3), blob.bytes.dropFirst(size / 3))
            let location = try await patch(try await begin(registry), Data(first), registry)
            // A second chunk that doesn't come to its end: the server dies while it is being sent on.
            let connection = try await registry.connect()
            try await connection.send(
                "PATCH \(pathAndQuery(location)) HTTP/1.1\r\nHost: \(registry.host)\r\nContent-Length: \(second.count)\r\n"
                    + "Content-Type: application/octet-stream\r\n\r\n")
            try await connection.send(Data(second.prefix(second.count * 3 / 4)))
            try await Task.sleep(for: .milliseconds(300))
            await registry.process.kill()
            connection.close()

            let next = try await registry.restarted()
            let status = try await next.curl(next.url(pathAndQuery(location)))
            #expect(status.status == 204)
            #expect(status["Range"] == "0-\(size / 3 - 1)")
            try await finish(try #require(status["Location"]), Data(second), blob, next)
            await next.process.terminate()
            let state = try await server.state()
            #expect(!state.keys.contains { $0.contains("_uploads") } && state.sessions == 0, "\(state)")
        }
    }

    @Test("Two servers on one bucket: each goes on with the other's upload", arguments: [30_000, 2_500_000])
    func twoServers(size: Int) async throws {
        try await withStrict(", chunksize: 524288") { first, server, directory in
            let port = try FreePort.take()
            let text = try String(contentsOfFile: first.configurationFile, encoding: .utf8)
            let file = try directory.write(
                text.replacingOccurrences(of: first.host, with: "127.0.0.1:\(port)"), to: "second.yml")
            let second = try await Registry.start(file, port: port)
            let blob = try await Blob.random(size)
            let third = size / 3
            var location = try await patch(try await begin(first), Data(blob.bytes[..<third]), first)
            location = try await patch(location, Data(blob.bytes[third..<(2 * third)]), second)
            try await finish(location, Data(blob.bytes[(2 * third)...]), blob, first)
            #expect(try await second.curl("/v2/app/blobs/\(blob.digest)").body == blob.bytes)

            // Cancelled by the one that didn't begin it, nothing is left.
            let other = try await patch(try await begin(second), Data(blob.bytes[..<third]), second)
            #expect(try await first.curl(first.url(pathAndQuery(other)), "-X", "DELETE").status == 204)
            let state = try await server.state()
            #expect(!state.keys.contains { $0.contains("_uploads") } && state.sessions == 0, "\(state)")
            await second.process.terminate()
        }
    }

    // MARK: The start

    /// What `mooring serve` says when it doesn't start.
    private func refusal(_ storage: String, environment: [String: String?] = [:]) async throws -> String {
        try await withTemporaryDirectory { directory in
            let configuration = Configuration(storage: storage)
            let port = try FreePort.take()
            let file = try directory.write(configuration.yaml(address: "127.0.0.1:\(port)"), to: "config.yml")
            let result = try await Command.run(
                BuildProducts.server, ["serve", file], environment: environment, timeout: .seconds(30))
            #expect(result.status != nil && !result.isSuccess, "\(result)")
            return result.errorText
        }
    }

    @Test("A server that can't use its bucket ends within seconds and says why")
    func refusals() async throws {
        let fake = try await FakeGCSServer.shared()
        let missing = try await refusal(fake.yaml("there-is-no-such-bucket"))
        #expect(missing.contains("bucket") && missing.contains("there-is-no-such-bucket"), "\(missing)")
        let key = try await refusal("gcs: {bucket: some-bucket, keyfile: /no/such/key.json}")
        #expect(key.contains("keyfile") && key.contains("/no/such/key.json: No such file"), "\(key)")
        let environment = ["GOOGLE_APPLICATION_CREDENTIALS": "/no/such/default.json"]
        let named = try await refusal("gcs: {bucket: some-bucket}", environment: environment)
        #expect(named.contains("GOOGLE_APPLICATION_CREDENTIALS") && named.contains("/no/such/default.json"), "\(named)")
    }

    @Test(
        "Application Default Credentials: a named file, gcloud's file, and the metadata server with signatures by IAM")
    func defaultCredentials() async throws {
        try await withTemporaryDirectory { directory in
            let server = try await CloudStorageServer.start()
            let home = try directory.makeDirectory("home")
            let key = try directory.write(try server.keyFile(), to: "key.json")
            let user = """
                {"type":"authorized_user","client_id":"client","client_secret":"client-secret",
                "refresh_token":"refresh-me","token_uri":"\(server.endpoint)/token"}
                """
            try directory.write(user, to: "gcloud/application_default_credentials.json")
            let metadata = String(server.endpoint.dropFirst("http://".count))
            let environments: [[String: String?]] = [
                ["GOOGLE_APPLICATION_CREDENTIALS": key, "HOME": home],
                ["CLOUDSDK_CONFIG": directory.path("gcloud"), "HOME": home],
                ["GCE_METADATA_HOST": metadata, "HOME": home],
            ]
            for (index, environment) in environments.enumerated() {
                let port = try FreePort.take()
                let bucket = "bucket: \(CloudStorageServer.bucket), endpoint: \"\(server.endpoint)\""
                let configuration = Configuration(
                    storage: "gcs: {\(bucket), iamendpoint: \"\(server.endpoint)\", rootdirectory: /r\(index)}")
                let file = try directory.write(
                    configuration.yaml(address: "127.0.0.1:\(port)"), to: "config-\(index).yml")
                let process = try ServerProcess(
                    BuildProducts.server, ["serve", file], environment: environment, logFile: file + ".log")
                let registry = Registry(port: port, process: process, configurationFile: file)
                try await process.ready(port: port)
                let blob = try await Blob.random(50_000)
                try await registry.connect().push(blob, to: "app")
                let answer = try await registry.curl("/v2/app/blobs/\(blob.digest)")
                #expect(answer.status == (index == 1 ? 200 : 307), "a user's signature counts for nobody")
                #expect(try await registry.curl("/v2/app/blobs/\(blob.digest)", "-L").body == blob.bytes)
                await process.terminate()
                #expect(
                    !process.log.contains("refresh-me") && !process.log.contains("ya29.")
                        && !process.log.contains("PRIVATE"))
            }
            await server.process.kill()
        }
    }
}
