import Foundation
import TestSupport
import Testing

@Suite(
    "Storage middlewares that send clients elsewhere",
    .enabled(if: BuildProducts.serverIsOurs, "another server has middlewares of its own"))
struct StorageMiddlewareTests {
    /// Pushes a blob through a registry with these middlewares, and asks for it.
    private func pull(
        _ middlewares: String, in directory: TemporaryDirectory, method: String = "GET",
        _ check: (RawResponse, Blob, Registry) throws -> Void
    ) async throws {
        var configuration = Configuration.filesystem(directory.path("root"))
        configuration.more = "middleware: {storage: [\(middlewares)]}"
        try await withRegistry(in: directory, configuration) { registry in
            let connection = try await registry.connect()
            let blob = try await Blob.random(1000)
            try await connection.push(blob, to: "app")
            try check(try await connection.request(method, "/v2/app/blobs/\(blob.digest)"), blob, registry)
        }
    }

    private func path(of blob: Blob) -> String {
        "/docker/registry/v2/blobs/sha256/\(blob.hex.prefix(2))/\(blob.hex)/data"
    }

    @Test("redirect sends GET and HEAD to the same path of another server", arguments: ["GET", "HEAD"])
    func redirect(method: String) async throws {
        try await withTemporaryDirectory { directory in
            let layer = "{name: redirect, options: {baseurl: 'https://mirror.example.com/files/'}}"
            try await pull(layer, in: directory, method: method) { response, blob, _ in
                #expect(response.status == 307)
                #expect(response["Location"] == "https://mirror.example.com/files" + path(of: blob))
            }
        }
    }

    @Test("The later of two middlewares is the outer one, and a disabled one isn't there")
    func stack() async throws {
        try await withTemporaryDirectory { directory in
            let layers = [
                "{name: redirect, options: {baseurl: 'http://store.example.com:9000/bucket'}}",
                "{name: redirect, disabled: true, options: {baseurl: 'http://nowhere.example.com'}}",
                "{name: rewrite, options: {scheme: https, host: cdn.example.com, trimpathprefix: /bucket}}",
            ]
            try await pull(layers.joined(separator: ", "), in: directory) { response, blob, _ in
                #expect(response.status == 307)
                #expect(response["Location"] == "https://cdn.example.com" + path(of: blob))
            }
        }
    }

    @Test("rewrite makes up no URL where the driver serves the blob, and says at start that it changes nothing")
    func rewriteAlone() async throws {
        try await withTemporaryDirectory { directory in
            let layer = "{name: rewrite, options: {host: cdn.example.com}}"
            try await pull(layer, in: directory) { response, blob, registry in
                #expect(response.status == 200 && response.body == blob.bytes)
                #expect(registry.process.log.contains("rewrite changes nothing"))
            }
        }
    }

    /// What CloudFront would check, checked with OpenSSL's command.
    @Test("cloudfront signs what it sends clients to, and passes on what no bucket signed")
    func cloudFront() async throws {
        try await withTemporaryDirectory { directory in
            try await Command.run("openssl", ["genrsa", "-out", directory.path("key.pem"), "2048"]).checked()
            let options = "baseurl: d1.cloudfront.net, keypairid: K2J, privatekey: '\(directory.path("key.pem"))'"
            let layer = "{name: cloudfront, options: {\(options)}}"
            try await pull(layer, in: directory) { response, blob, registry in
                #expect(response.status == 200 && response.body == blob.bytes)
                #expect(registry.process.log.contains("cloudfront does nothing"))
            }
            let unsigned = "{name: redirect, options: {baseurl: 'http://store.example.com'}}, \(layer)"
            try await pull(unsigned, in: directory) { response, blob, registry in
                #expect(response["Location"] == "http://store.example.com" + path(of: blob))
                #expect(registry.process.log.contains("gives no URLs signed for S3"))
            }
        }
    }

    @Test(
        "Wrong options end the start with one line that names the key",
        arguments: [
            ("{name: redirect}", "baseurl"),
            ("{name: redirect, options: {baseurl: mirror.example.com}}", "baseurl"),
            ("{name: redirect, options: {baseurl: 'https://a.example.com/?x=1'}}", "baseurl"),
            ("{name: redirect, options: {baseurl: 'https://a.example.com', path: /x}}", "path"),
            ("{name: rewrite, options: {host: 'a/b'}}", "host"),
            ("{name: rewrite, options: {scheme: '1x'}}", "scheme"),
            ("{name: cloudfront, options: {baseurl: d1.example.com, keypairid: K, privatekey: /no.pem}}", "privatekey"),
            ("{name: chaos}", "rules"),
            ("{name: chaos, options: {rules: []}}", "rules"),
            ("{name: chaos, options: {rules: [{fault: torn, rate: 0.5, operations: [stat]}]}}", "rules"),
            ("{name: chaos, options: {rules: [{fault: error, rate: 2}]}}", "rate"),
            ("{name: chaos, options: {rules: [{fault: sleep, rate: 1}]}}", "fault"),
        ])
    func wrongOptions(layer: String, key: String) async throws {
        try await withTemporaryDirectory { directory in
            var configuration = Configuration.filesystem(directory.path("root"))
            configuration.more = "middleware: {storage: [\(layer)]}"
            let file = try directory.write(configuration.yaml(address: "127.0.0.1:0"), to: "config.yml")
            let output = try await Command.run(BuildProducts.server, ["serve", file])
            #expect(!output.isSuccess)
            let line = output.errorText.split(separator: "\n").last.map(String.init) ?? ""
            #expect(line.contains(key) && line.contains("config.yml:"), "\(output.errorText)")
        }
    }
}
