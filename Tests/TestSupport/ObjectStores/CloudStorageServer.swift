import Foundation

/// The tests' own fake of Google Cloud Storage and of the services that give access to it (`Tests/Fixtures/cloud_storage`):
/// strict, and it fails on request.
public final class CloudStorageServer: Sendable {
    /// "http://127.0.0.1:port"
    public let endpoint: String
    /// The server.
    public let process: ServerProcess
    /// The one bucket.
    public static let bucket = "strict-bucket"
    /// The service account.
    public static let email = "tester@example.iam.gserviceaccount.com"
    /// Its private key, made for this server.
    public let privateKey: String

    private init(endpoint: String, process: ServerProcess, privateKey: String) {
        self.endpoint = endpoint
        self.process = process
        self.privateKey = privateKey
    }

    /// One for the process that asks for no token.
    public static func shared() async throws -> CloudStorageServer { try await sharedServer.value }

    private static let sharedServer = Task { try await start(anonymous: true) }

    /// Starts one.
    /// - Parameter anonymous: no token is asked for.
    public static func start(anonymous: Bool = false) async throws -> CloudStorageServer {
        let directory = "\(PluginFixture.directory)/cloud-storage-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        let key = directory + "/key.pem"
        try await Command.run(
            "openssl", ["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", key]
        ).checked()
        var arguments = [SourceTree.path("Tests/Fixtures/cloud_storage"), "--bucket", bucket, "--private-key", key]
        if anonymous { arguments.append("--anonymous") }
        // The fixture leaves no files beside its sources.
        let process = try ServerProcess(
            try await PythonTools.program("python"), arguments, environment: ["PYTHONDONTWRITEBYTECODE": "1"],
            logFile: directory + "/log")
        try await process.ready { process.log.hasPrefix("ready ") && process.log.hasSuffix("\n") }
        guard let port = Int(process.log.dropFirst("ready ".count).prefix { $0.isNumber }) else {
            throw DidNotHappen(description: "no port in \(process.log)")
        }
        return CloudStorageServer(
            endpoint: "http://127.0.0.1:\(port)", process: process,
            privateKey: try String(contentsOfFile: key, encoding: .utf8))
    }

    /// Options of the `gcs` driver without credentials, as JSON.
    public func options(more: String = "") -> String {
        #"{"bucket":"\#(Self.bucket)","endpoint":"\#(endpoint)"\#(more)}"#
    }

    /// The service account's key file.
    public func keyFile() throws -> String {
        let file = [
            "type": "service_account", "project_id": "example", "private_key_id": "1", "private_key": privateKey,
            "client_email": Self.email, "token_uri": endpoint + "/token",
        ]
        let json = try JSONSerialization.data(withJSONObject: file, options: .withoutEscapingSlashes)
        return String(decoding: json, as: UTF8.self)
    }

    // MARK: What the server is told and tells

    /// Asks for faults; each is an object as `faults.py` says.
    public func fail(_ faults: [String: Any]...) async throws {
        let body = String(decoding: try JSONSerialization.data(withJSONObject: faults), as: UTF8.self)
        try await control("_faults", body: body)
    }

    /// What was asked for since the last time, `METHOD /path?query` each.
    public func requests() async throws -> [String] {
        let answer = try await control("_requests")
        return try JSONSerialization.jsonObject(with: answer.output) as? [String] ?? []
    }

    /// The keys of the bucket, and how many sessions wait for more.
    public func state() async throws -> (keys: [String], sessions: Int) {
        let state = try await control("_state").json()
        let objects = state["objects"] as? [String: [String]] ?? [:]
        return (objects[Self.bucket] ?? [], state["sessions"] as? Int ?? -1)
    }

    /// Anything else that `server.py` understands.
    @discardableResult
    public func control(_ path: String, body: String = "") async throws -> CommandResult {
        try await Command.run(
            "curl", ["--silent", "--fail", "--max-time", "10", "--data-binary", body, "\(endpoint)/\(path)"]
        ).checked()
    }
}
