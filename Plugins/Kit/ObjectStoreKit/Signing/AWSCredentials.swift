/// What signs requests to AWS and to stores that speak its protocols. Never printed: it has no description of its values.
public struct AWSCredentials: Sendable, Equatable, CustomStringConvertible {
    /// Names the secret; appears in requests and URLs.
    public let accessKeyID: String
    /// The secret.
    public let secretAccessKey: String
    /// Comes with temporary credentials; nil for those of a user.
    public let sessionToken: String?
    /// When they cease to be good; nil: never.
    public let expiration: Timestamp?

    /// Credentials of these values. An empty token counts as none.
    public init(
        accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil, expiration: Timestamp? = nil
    ) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken?.isEmpty == true ? nil : sessionToken
        self.expiration = expiration
    }

    /// Nothing of the secret.
    public var description: String { "AWSCredentials" }
}
