import Foundation

/// The strict fake of Azure Blob Storage (`Tests/Fixtures/azure_blob`), running beside the tests.
public final class AzureBlobServer: Sendable {
    /// The account.
    public static let account = "devaccount"
    /// Its key.
    public static let key = Data("a key that only tests know, 123456".utf8).base64EncodedString()
    /// The directory of its identities.
    public static let tenant = "11111111-2222-3333-4444-555555555555"

    private let process: ServerProcess
    /// Where it listens in the clear.
    public let port: Int
    /// Where it listens with TLS; 0 without a certificate.
    public let tlsPort: Int
    /// The PEM file that vouches for it; empty without one.
    public let certificate: String

    /// The address of the account.
    public var url: String { "http://127.0.0.1:\(port)/\(Self.account)" }
    /// The same with TLS.
    public var tlsURL: String { "https://127.0.0.1:\(tlsPort)/\(Self.account)" }

    /// Starts a server in a directory.
    /// - Parameters:
    ///   - containers: that it has from the start.
    ///   - arguments: more of the program's.
    ///   - withTLS: makes a certificate.
    public init(
        in directory: String, containers: [String], arguments: [String] = [], withTLS: Bool = false
    ) async throws {
        let name = "azure-\(UUID().uuidString)"
        certificate = withTLS ? "\(directory)/\(name).crt" : ""
        var all = [SourceTree.path("Tests/Fixtures/azure_blob"), "--account", "\(Self.account):\(Self.key)"]
        for container in containers { all += ["--container", container] }
        if withTLS {
            let both = "\(directory)/\(name).pem"
            try await Self.makeCertificate(certificate, key: "\(directory)/\(name).key", both: both)
            all += ["--certificate", both]
        }
        process = try ServerProcess(
            "/usr/bin/env", ["python3"] + all + arguments, environment: ["PYTHONDONTWRITEBYTECODE": "1"],
            logFile: "\(directory)/\(name).log")
        let process = process
        try await process.ready { process.log.contains("ready ") && process.log.contains("\n") }
        let words = process.log.split(whereSeparator: \.isWhitespace)
        guard let at = words.firstIndex(of: "ready"), at + 2 < words.count, let port = Int(words[at + 1]),
            let tlsPort = Int(words[at + 2])
        else { throw DidNotHappen(description: "the fake said: \(process.log)") }
        self.port = port
        self.tlsPort = tlsPort
    }

    private static func makeCertificate(_ certificate: String, key: String, both: String) async throws {
        try await Command.run(
            "openssl",
            [
                "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost",
            ]
        ).checked()
        try (Data(contentsOf: URL(fileURLWithPath: key)) + Data(contentsOf: URL(fileURLWithPath: certificate)))
            .write(to: URL(fileURLWithPath: both))
    }

    /// The driver's options, as JSON, for a prefix of a container.
    public func options(container: String, root: String, more: String = "") -> String {
        """
        {"accountname":"\(Self.account)","accountkey":"\(Self.key)","container":"\(container)",\
        "credentials":{"type":"shared_key"},"serviceurl":"\(url)","rootdirectory":"\(root)"\(more.isEmpty ? "" : "," + more)}
        """
    }

    // MARK: What tests may ask

    /// Changes how it behaves: `copy_seconds`, `copy_threshold`, `keeps_uncommitted`, `faults`.
    public func set(_ json: String) async throws { _ = try await control("POST", "settings", json) }

    /// Makes a container, if there is none of this name.
    public func makeContainer(_ name: String) async throws { _ = try await control("POST", "containers/\(name)", "") }

    /// Puts blocks of one byte each that wait at a name.
    public func seed(blocks: [String], at name: String, in container: String) async throws {
        let values: [String: Any] = ["account": Self.account, "container": container, "name": name, "blocks": blocks]
        _ = try await control(
            "POST", "blocks", String(decoding: try JSONSerialization.data(withJSONObject: values), as: UTF8.self))
    }

    /// The requests that it has answered, oldest first: method, path, query, status, code.
    public func requests() async throws -> [[String: Any]] {
        let data = try await control("GET", "requests", "")
        return try JSONSerialization.jsonObject(with: data) as? [[String: Any]] ?? []
    }

    /// Forgets the requests so far.
    public func forgetRequests() async throws { _ = try await control("DELETE", "requests", "") }

    /// How many tokens it has issued.
    public func issuedTokens() async throws -> Int {
        let data = try await control("GET", "tokens", "")
        return (try JSONSerialization.jsonObject(with: data) as? [String: Any])?["issued"] as? Int ?? 0
    }

    private func control(_ method: String, _ name: String, _ body: String) async throws -> Data {
        try await Command.run(
            "curl",
            [
                "-sS", "--fail", "--noproxy", "*", "-X", method, "--data-binary", "@-",
                "http://127.0.0.1:\(port)/.fake/\(name)",
            ],
            input: Data(body.utf8)
        ).checked().output
    }

    /// Ends it.
    public func stop() async { await process.kill() }
}
