import Foundation
import Synchronization

/// A server that speaks S3, with a bucket, for the tests of one process.
public struct S3Server: Sendable {
    /// The bucket that tests share; each uses a prefix of its own.
    public static let bucket = "mooring-tests"
    /// The access key that may do everything.
    public static let accessKey = "AKIAMOORINGTESTKEY00"
    /// Its secret, made for tests.
    public static let secretKey = "tests/only+0123456789abcdefghijklmnopqrs"
    /// The region that signatures name.
    public static let region = "us-east-1"

    /// "http://127.0.0.1:port"
    public let endpoint: String
    /// The server.
    public let process: ServerProcess

    /// A server at an address, which may be a proxy before the process.
    public init(endpoint: String, process: ServerProcess) {
        self.endpoint = endpoint
        self.process = process
    }

    /// Options of the `s3` driver for objects below a prefix of the bucket, as JSON.
    /// - Parameter more: further members, each beginning with a comma.
    public func options(root: String, more: String = "") -> String {
        """
        {"bucket":"\(Self.bucket)","region":"\(Self.region)","regionendpoint":"\(endpoint)","forcepathstyle":true,\
        "accesskey":"\(Self.accessKey)","secretkey":"\(Self.secretKey)","rootdirectory":"\(root)"\(more)}
        """
    }

    /// As above, as the YAML below `storage:`.
    /// - Parameter driver: the driver's name; Debian's registry knows `s3`.
    public func yaml(root: String, more: String = "") -> String {
        """
        s3:
          bucket: \(Self.bucket)
          region: \(Self.region)
          regionendpoint: \(endpoint)
          accesskey: \(Self.accessKey)
          secretkey: \(Self.secretKey)
          rootdirectory: /\(root)
          secure: false
        \(more)
        """
    }

    // MARK: Requests

    /// Sends a signed request with curl, and gives its status and body.
    @discardableResult
    public func request(_ method: String, _ path: String, timeout: Int = 10) async throws -> (status: Int, body: String)
    {
        let result = try await Command.run(
            "curl",
            [
                "--silent", "--max-time", "\(timeout)", "--aws-sigv4", "aws:amz:\(Self.region):s3", "--user",
                "\(Self.accessKey):\(Self.secretKey)", "--request", method, "--write-out", "\n%{http_code}",
                endpoint + path,
            ])
        let lines = result.text.split(separator: "\n", omittingEmptySubsequences: false)
        return (Int(lines.last ?? "") ?? 0, lines.dropLast().joined(separator: "\n"))
    }

    /// The keys below a prefix, all of them.
    public func keys(below prefix: String) async throws -> [String] {
        let allowed = CharacterSet(charactersIn: "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~")
        let encoded = prefix.addingPercentEncoding(withAllowedCharacters: allowed) ?? ""
        let answer = try await request("GET", "/\(Self.bucket)?list-type=2&max-keys=1000&prefix=\(encoded)")
        return Self.texts("Key", in: answer.body)
    }

    /// The keys of multipart uploads that weren't ended.
    public func uploads(below prefix: String) async throws -> [String] {
        let answer = try await request("GET", "/\(Self.bucket)?uploads=")
        return Self.texts("Key", in: answer.body).filter { $0.hasPrefix(prefix) }
    }

    private static func texts(_ name: String, in xml: String) -> [String] {
        xml.components(separatedBy: "<\(name)>").dropFirst().compactMap {
            $0.components(separatedBy: "</\(name)>").first
        }
    }

    // MARK: Servers

    /// SeaweedFS with one identity, which signs with version 4; one for the process.
    public static func seaweed() async throws -> S3Server { try await sharedSeaweed.value }

    private static let sharedSeaweed = Task { try await startSeaweed() }

    /// Another SeaweedFS, for who stops it or looks at it alone.
    public static func startSeaweed() async throws -> S3Server {
        let directory = try scratch("seaweedfs")
        let identities = """
            {"identities":[{"name":"tests","credentials":[{"accessKey":"\(accessKey)","secretKey":"\(secretKey)"}],
            "actions":["Admin","Read","Write","List","Tagging"]}]}
            """
        try Data(identities.utf8).write(to: URL(fileURLWithPath: directory + "/identities.json"))
        try FileManager.default.createDirectory(atPath: directory + "/data", withIntermediateDirectories: true)
        let port = try FreePort.take()
        var arguments = [
            "-logtostderr=true", "server", "-dir=\(directory)/data", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            "-s3.config=\(directory)/identities.json", "-volume.max=100", "-master.volumeSizeLimitMB=512", "-filer",
            "-s3",
            "-s3.port=\(port)", "-s3.port.iceberg=0", "-s3.port.lance=0",
        ]
        for name in [
            "master.port", "master.port.grpc", "volume.port", "volume.port.grpc", "filer.port", "filer.port.grpc",
            "s3.port.grpc",
        ] {
            arguments.append("-\(name)=\(try FreePort.take())")
        }
        let process = try ServerProcess(
            try await PythonTools.program("weed"), arguments, logFile: directory + "/weed.log")
        return try await ready(S3Server(endpoint: "http://127.0.0.1:\(port)", process: process))
    }

    /// moto; one for the process.
    public static func moto() async throws -> S3Server { try await sharedMoto.value }

    private static let sharedMoto = Task {
        let directory = try scratch("moto")
        let port = try FreePort.take()
        let process = try ServerProcess(
            try await PythonTools.program("moto_server"), ["-H", "127.0.0.1", "-p", "\(port)"],
            logFile: directory + "/moto.log")
        return try await ready(S3Server(endpoint: "http://127.0.0.1:\(port)", process: process))
    }

    /// Waits until the bucket can be made.
    private static func ready(_ server: S3Server) async throws -> S3Server {
        try await server.process.ready(within: .seconds(90)) {
            guard let made = try? await server.request("PUT", "/\(bucket)", timeout: 5) else { return false }
            return made.status == 200 || made.status == 409
        }
        return server
    }

    private static func scratch(_ name: String) throws -> String {
        let path = "\(PluginFixture.directory)/\(name)-\(UUID().uuidString.prefix(8))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        return path
    }
}
