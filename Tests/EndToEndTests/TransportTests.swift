import Foundation
import TestSupport
import Testing

@Suite("TLS, HTTP/2 and unix sockets")
struct TransportTests {
    /// A certificate for localhost with its key, and the configuration that uses them.
    private struct Certificate {
        let file: String
        let key: String

        init(in directory: TemporaryDirectory) async throws {
            file = directory.path("server.crt")
            key = directory.path("server.key")
            let subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
            let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
            try await Command.run(
                "openssl", ["req", "-x509", "-nodes", "-days", "2", "-keyout", key, "-out", file] + curve + subject
            ).checked()
        }

        func configuration(_ root: String, more: String = "") -> Configuration {
            var configuration = Configuration.filesystem(root)
            configuration.http += "\ntls: {certificate: \(file), key: \(key)}" + more
            return configuration
        }
    }

    private func withTLSRegistry(
        more: String = "", _ body: (String, Certificate, TemporaryDirectory) async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            let certificate = try await Certificate(in: directory)
            let port = try FreePort.take()
            let yaml = certificate.configuration(directory.path("root"), more: more).yaml(address: "127.0.0.1:\(port)")
            let file = try directory.write(yaml, to: "config.yml")
            let server = try ServerProcess(BuildProducts.server, ["serve", file], logFile: directory.path("log"))
            try await server.ready(port: port)
            try await body("https://localhost:\(port)", certificate, directory)
            #expect(await server.terminate()?.isSuccess == true)
        }
    }

    @Test("A client that offers HTTP/2 gets it, and HTTP/1.1 otherwise", .timeLimit(.minutes(2)))
    func negotiation() async throws {
        try await withTLSRegistry { base, certificate, _ in
            for (option, version) in [("--http2", "HTTP/2"), ("--http1.1", "HTTP/1.1")] {
                let response = try await Curl.run([option, "--cacert", certificate.file, base + "/v2/"])
                #expect(response.status == 200)
                #expect(response.version == version)
            }
        }
    }

    @Test("HTTP/2 can be turned off", .timeLimit(.minutes(2)))
    func withoutHTTP2() async throws {
        try await withTLSRegistry(more: "\nhttp2: {disabled: true}") { base, certificate, _ in
            let response = try await Curl.run(["--http2", "--cacert", certificate.file, base + "/v2/"])
            #expect(response.version == "HTTP/1.1")
        }
    }

    @Test("A blob goes in and out over TLS", .timeLimit(.minutes(3)), arguments: ["--http2", "--http1.1"])
    func roundTrip(version: String) async throws {
        try await withTLSRegistry { base, certificate, directory in
            let blob = try await Blob.random(5_000_000)
            let common = [version, "--cacert", certificate.file]
            let opened = try await Curl.run(common + ["-X", "POST", base + "/v2/tls/blobs/uploads/"])
            #expect(opened.status == 202)
            let location = try #require(opened["Location"])
            #expect(location.hasPrefix("/") || location.hasPrefix(base + "/"))
            let session = base + pathAndQuery(location)
            let file = try directory.write(blob.bytes, to: "blob")
            let stored = try await Curl.run(common + ["-T", file, adding(digest: blob.digest, to: session)])
            #expect(stored.status == 201)
            let pulled = try await Curl.run(common + [base + "/v2/tls/blobs/\(blob.digest)"])
            #expect(pulled.body == blob.bytes)
            let range = try await Curl.run(common + ["-r", "1000000-1000009", base + "/v2/tls/blobs/\(blob.digest)"])
            #expect(range.status == 206)
            #expect(range.body == blob.bytes[1_000_000..<1_000_010])
        }
    }

    @Test("skopeo pushes and pulls over TLS", .timeLimit(.minutes(3)))
    func skopeo() async throws {
        try await withTLSRegistry { base, certificate, directory in
            let layout = try await OCILayout.multiArchitecture(in: directory.path("in"), layerSizes: [300_000])
            let authorities = try directory.makeDirectory("authorities")
            try FileManager.default.copyItem(atPath: certificate.file, toPath: authorities + "/ca.crt")
            let image = "docker://" + base.dropFirst("https://".count) + "/tls/app:1"
            try await Command.run(
                "skopeo", ["copy", "--all", "--dest-cert-dir", authorities, "oci:" + layout.path, image]
            ).checked()
            let out = directory.path("out")
            try await Command.run("skopeo", ["copy", "--all", "--src-cert-dir", authorities, image, "oci:" + out])
                .checked()
            #expect(try OCILayout(path: out).blobNames() == layout.blobNames())
        }
    }

    @Test("TLS below the configured minimum is refused", .timeLimit(.minutes(2)))
    func minimumVersion() async throws {
        try await withTLSRegistry { base, certificate, _ in
            let file = certificate.file
            let old = try await Command.run("curl", ["-sS", "--tls-max", "1.1", "--cacert", file, base + "/v2/"])
            #expect(!old.isSuccess)
            let modern = try await Curl.run(["--tls-max", "1.2", "--cacert", file, base + "/v2/"])
            #expect(modern.status == 200)
        }
    }

    @Test("A unix socket serves, and is gone or can be reused after the end", .timeLimit(.minutes(2)))
    func unixSocket() async throws {
        try await withTemporaryDirectory { directory in
            var configuration = Configuration.filesystem(directory.path("root"))
            configuration.http += "\nnet: unix"
            let socket = directory.path("socket")
            let file = try directory.write(configuration.yaml(address: socket), to: "config.yml")
            // A killed server leaves its socket behind; the next one has to start all the same.
            for end in [SIGKILL, SIGTERM] {
                let server = try ServerProcess(BuildProducts.server, ["serve", file], logFile: directory.path("log"))
                try await server.ready { (try? await RawConnection.open(unixSocket: socket)) != nil }
                let response = try await Curl.run(["--unix-socket", socket, "http://registry/v2/"])
                #expect(response.status == 200)
                server.signal(end)
                _ = await server.waitForEnd(within: .seconds(15))
            }
        }
    }
}
