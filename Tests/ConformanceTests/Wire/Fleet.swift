import Foundation
import TestSupport
import Testing

/// The servers that a suite talks to: one process for each configuration, all on one root.
struct Fleet: Sendable {
    @TaskLocal static var current: Fleet?

    let directory: TemporaryDirectory
    let transport: Transport
    private let ports: [ServerKind: Int]
    private let processes: [ServerProcess]

    func client(_ kind: ServerKind = .standard) throws -> any Client {
        transport.client(port: try port(kind), certificate: directory.path("server.crt"))
    }

    func port(_ kind: ServerKind = .standard) throws -> Int {
        guard let port = ports[kind] else { throw DidNotHappen(description: "no server \(kind)") }
        return port
    }

    /// Runs `body` with running servers, and ends them.
    static func serving(
        _ transport: Transport, _ kinds: [ServerKind], _ body: @Sendable () async throws -> Void
    ) async throws {
        try await withTemporaryDirectory { directory in
            if transport.isSecure { try await makeCertificate(in: directory) }
            var ports: [ServerKind: Int] = [:]
            var processes: [ServerProcess] = []
            for kind in kinds {
                let port = try FreePort.take()
                let file = try directory.write(
                    kind.configuration(in: directory, port: port, transport), to: "\(kind.rawValue).yml")
                let process = try ServerProcess(
                    BuildProducts.server, ["serve", file], logFile: directory.path("\(kind.rawValue).log"))
                try await process.ready(port: port)
                ports[kind] = port
                processes.append(process)
            }
            let fleet = Fleet(directory: directory, transport: transport, ports: ports, processes: processes)
            let result: Result<Void, any Error>
            do {
                result = .success(try await $current.withValue(fleet, operation: body))
            } catch {
                result = .failure(error)
            }
            for process in processes { await process.terminate() }
            try result.get()
        }
    }

    private static func makeCertificate(in directory: TemporaryDirectory) async throws {
        let subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]
        let files = ["-keyout", directory.path("server.key"), "-out", directory.path("server.crt")]
        try await Command.run("openssl", ["req", "-x509", "-nodes", "-days", "2"] + files + curve + subject).checked()
    }
}

extension ServerKind {
    fileprivate func configuration(in directory: TemporaryDirectory, port: Int, _ transport: Transport) -> String {
        var storage = "filesystem: {rootdirectory: \(directory.path("root"))}\n  delete: {enabled: true}"
        var http = "addr: 127.0.0.1:\(port)\n  secret: conformance"
        var more = ""
        switch self {
        case .standard: break
        case .deletesOff: storage = storage.replacing("true", with: "false")
        case .readOnly: storage += "\n  maintenance: {readonly: {enabled: true}}"
        case .relativeURLs: http += "\n  relativeurls: true"
        case .fixedHost: http += "\n  host: https://registry.example"
        case .prefixed: http += "\n  prefix: /hub/"
        case .smallPages: more = "catalog: {maxentries: 3}\ntags: {maxtags: 3}"
        case .sparse:
            more =
                "validation: {manifests: {indexes: {platforms: none}, urls: {allow: ['^https://(store.)?example.com/']}}}"
        case .headers: http += "\n  headers: {X-Content-Type-Options: [nosniff]}"
        }
        if transport.isSecure {
            let (certificate, key) = (directory.path("server.crt"), directory.path("server.key"))
            http += "\n  tls: {certificate: \(certificate), key: \(key)}"
        }
        if transport == .http2 { http += "\n  h2c: {enabled: true}" }
        return "version: 0.1\nlog: {level: warn, accesslog: {disabled: true}}\nstorage:\n  \(storage)\n"
            + "http:\n  \(http)\n\(more)\n"
    }
}

/// Servers for the length of a suite.
struct ServingTrait: SuiteTrait, TestScoping {
    let transport: Transport
    let kinds: [ServerKind]

    @concurrent func provideScope(
        for test: Test, testCase: Test.Case?, performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await Fleet.serving(transport, kinds, function)
    }
}

extension Trait where Self == ServingTrait {
    /// Serves the suite's tests, which find the servers in ``Fleet/current``.
    static func serving(_ transport: Transport, _ kinds: [ServerKind] = ServerKind.allCases) -> Self {
        ServingTrait(transport: transport, kinds: kinds)
    }
}
