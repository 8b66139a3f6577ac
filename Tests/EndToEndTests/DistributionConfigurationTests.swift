import Foundation
import TestSupport
import Testing

/// Files with the sections that Distribution's own sample files have.
@Suite("Distribution's configuration files start the server")
struct DistributionConfigurationTests {
    struct Sample: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let text: String
    }

    private static let debug = """
        log: {level: debug, fields: {service: registry, environment: development}}
        storage:
          delete: {enabled: true}
          cache: {blobdescriptor: inmemory}
          filesystem: {rootdirectory: ROOT}
          maintenance: {uploadpurging: {enabled: false}}
          tag: {concurrencylimit: 5}
        http:
          addr: ADDRESS
          debug: {addr: "127.0.0.1:0", prometheus: {enabled: true, path: /metrics}}
          headers: {X-Content-Type-Options: [nosniff]}
        """

    private static let samples = [
        Sample(
            testDescription: "the image's",
            text: """
                log: {fields: {service: registry}}
                storage:
                  cache: {blobdescriptor: inmemory}
                  filesystem: {rootdirectory: ROOT}
                http:
                  addr: ADDRESS
                  headers: {X-Content-Type-Options: [nosniff]}
                health: {storagedriver: {enabled: true, interval: 10s, threshold: 3}}
                """),
        Sample(
            testDescription: "for development, with notifications",
            text: debug + "\n"
                + """
                notifications:
                  events: {includereferences: true}
                  endpoints:
                    - name: local-5003
                      url: http://127.0.0.1:9/callback
                      headers: {Authorization: [Bearer example]}
                      timeout: 1s
                      threshold: 10
                      backoff: 1s
                      disabled: true
                health: {storagedriver: {enabled: true, interval: 10s, threshold: 3}}
                """),
        Sample(
            testDescription: "with Redis for descriptors",
            text: debug.replacingOccurrences(of: "inmemory", with: "redis") + "\n"
                + """
                redis:
                  addrs: ["127.0.0.1:9"]
                  maxidleconns: 16
                  poolsize: 64
                  connmaxidletime: 300s
                  dialtimeout: 10ms
                  readtimeout: 10ms
                  writetimeout: 10ms
                """),
        Sample(
            testDescription: "with the older names of Redis' keys",
            text: debug.replacingOccurrences(of: "inmemory", with: "redis") + "\n"
                + """
                redis:
                  addr: 127.0.0.1:9
                  pool: {maxidle: 16, maxactive: 64, idletimeout: 300s}
                  dialtimeout: 10ms
                  readtimeout: 10ms
                  writetimeout: 10ms
                """),
        Sample(
            testDescription: "in memory, nothing else",
            text: "storage: inmemory\nhttp: {addr: ADDRESS}"),
    ]

    @Test("A sample starts the server, which serves", .timeLimit(.minutes(1)), arguments: samples)
    func starts(sample: Sample) async throws {
        try await withTemporaryDirectory { directory in
            let port = try FreePort.take()
            let text = "version: 0.1\n" + filled(sample.text, directory, port)
            let file = try directory.write(text, to: "config.yml")
            let registry = try await Registry.start(file, port: port)
            try await registry.connect().push(try await Blob("content"), to: "app")
            await registry.process.terminate()
        }
    }

    @Test("A file that asks for authentication is refused as long as there is none", .timeLimit(.minutes(1)))
    func authentication() async throws {
        try await withTemporaryDirectory { directory in
            let port = try FreePort.take()
            for auth in [
                "htpasswd: {realm: basic-realm, path: /etc/registry}",
                "token: {realm: https://auth.example.com/token, service: registry, issuer: i, rootcertbundle: /x}",
                "silly: {realm: test, service: test}",
            ] {
                let text = "version: 0.1\n" + filled(Self.samples[0].text, directory, port) + "\nauth:\n  \(auth)\n"
                let result = try await Command.run(
                    BuildProducts.server, ["serve", try directory.write(text, to: "config.yml")],
                    timeout: .seconds(20))
                #expect(result.status == .exited(1))
                #expect(result.errorText.contains("auth.\(auth.prefix { $0 != ":" })"), "\(result)")
            }
        }
    }

    @Test("Debian's file is taken from its package, but for authentication and places", .timeLimit(.minutes(1)))
    func debian() async throws {
        let packaged = "/etc/docker/registry/config.yml"
        guard FileManager.default.fileExists(atPath: packaged) else { return }
        try await withTemporaryDirectory { directory in
            let text = try String(contentsOfFile: packaged, encoding: .utf8)
            let lines = text.components(separatedBy: "\n")
            let open = lines.enumerated().filter { number, line in
                // The section ends with the next line that isn't indented.
                let section = lines[...number].last { !$0.hasPrefix(" ") && !$0.isEmpty }
                return section?.hasPrefix("auth:") != true
            }.map(\.element).joined(separator: "\n")
            let port = try FreePort.take()
            let process = try ServerProcess(
                BuildProducts.server, ["serve", try directory.write(open, to: "config.yml")],
                environment: [
                    "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": directory.path("root"),
                    "REGISTRY_HTTP_ADDR": "127.0.0.1:\(port)",
                ],
                logFile: directory.path("log"))
            try await process.ready(port: port)
            await process.terminate()
        }
    }

    private func filled(_ text: String, _ directory: TemporaryDirectory, _ port: Int) -> String {
        text.replacingOccurrences(of: "ROOT", with: directory.path("root"))
            .replacingOccurrences(of: "ADDRESS", with: "127.0.0.1:\(port)")
    }
}
