/// Where the blobs of a container are, and what they are called.
public struct AzureAddress: Sendable {
    /// The service.
    public let endpoint: Endpoint
    /// What stands before the container in the path: empty, or `/account` with an emulator.
    public let basePath: String
    /// The storage account.
    public let account: String
    /// The container.
    public let container: String
    /// What each blob's name begins with: empty, or a path that ends in `/`.
    public let root: String

    /// An address. `rootDirectory` may have slashes at both ends.
    public init(endpoint: Endpoint, basePath: String, account: String, container: String, rootDirectory: String) {
        self.endpoint = endpoint
        self.basePath = basePath
        self.account = account
        self.container = container
        let trimmed = rootDirectory.split(separator: "/").joined(separator: "/")
        root = trimmed.isEmpty ? "" : trimmed + "/"
    }

    /// The blob of a storage path.
    public func name(of path: String) -> String { root + path.drop { $0 == "/" } }

    /// What the blobs below a storage path begin with.
    public func prefix(of path: String) -> String { path == "/" ? root : name(of: path) + "/" }

    /// The encoded path of the container.
    public var containerPath: String { "\(basePath)/\(PercentEncoding.component(container))" }

    /// The encoded path of a blob.
    public func path(ofBlob name: String) -> String { "\(containerPath)/\(PercentEncoding.path(name))" }

    /// The whole URL of a blob.
    public func url(ofBlob name: String) -> String { endpoint.url + path(ofBlob: name) }
}
