public import NIOCore
public import RegistryModel

/// An upload session as a client sees it.
public struct UploadProgress: Sendable, Hashable {
    /// The session's name.
    public let id: UploadID
    /// Bytes accepted so far.
    public let offset: UInt64
    /// What goes into the `Location`, as `_state`.
    public let token: String
}

/// How a request names its upload session.
public struct UploadReference: Sendable {
    /// The repository.
    public let name: RepositoryName
    /// The session's name, from the path.
    public let id: UploadID
    /// `_state` of the query, if there is one.
    public let token: String?

    /// A session as a request names it.
    public init(name: RepositoryName, id: UploadID, token: String?) {
        self.name = name
        self.id = id
        self.token = token
    }
}

/// The bytes that a request brings.
public struct UploadBody: Sendable {
    /// The next bytes, in batches; nil at the end. Throws if the client goes away.
    public let next: @Sendable () async throws -> [ByteBuffer]?
    /// How many bytes there will be, if the request says.
    public let length: UInt64?

    /// A body.
    public init(length: UInt64?, next: @escaping @Sendable () async throws -> [ByteBuffer]?) {
        self.length = length
        self.next = next
    }

    /// Whether it is certain that no byte will come.
    var isEmpty: Bool { length == 0 }
}
