/// A shared access signature for one blob: a right to it that stands in a URL.
///
/// As of version 2020-12-06 of the service: signed with the account's key (service SAS) or with a key that a principal of
/// the directory got for that (user delegation SAS).
public struct AzureBlobSignature: Sendable {
    /// The version of the service whose rules hold for the string to sign.
    public static let version = "2021-12-02"

    /// The account.
    public var account: String
    /// The container.
    public var container: String
    /// The name of the blob, not encoded.
    public var blob: String
    /// Letters in the order `racwdxltmeop`; `r` reads.
    public var permissions: String
    /// From when on it holds; nil: at once.
    public var start: Timestamp?
    /// Until when it holds.
    public var expiry: Timestamp
    /// Whether it holds over TLS alone.
    public var requiresTLS: Bool
    /// `Content-Disposition` of the answer; empty: the blob's own.
    public var contentDisposition = ""
    /// `Content-Type` of the answer; empty: the blob's own.
    public var contentType = ""

    /// A signature for one blob.
    public init(
        account: String, container: String, blob: String, permissions: String, start: Timestamp? = nil,
        expiry: Timestamp, requiresTLS: Bool
    ) {
        self.account = account
        self.container = container
        self.blob = blob
        self.permissions = permissions
        self.start = start
        self.expiry = expiry
        self.requiresTLS = requiresTLS
    }

    private var protocols: String { requiresTLS ? "https" : "https,http" }
    private var resource: String { "/blob/\(account)/\(container)/\(blob)" }
    private var startText: String { start?.iso8601 ?? "" }

    /// The query with the signature of the account's key.
    public func query(signedBy key: AzureSharedKey) -> [QueryItem] {
        query(key: [], signature: key.signature(of: stringToSign))
    }

    /// The query with the signature of a delegated key.
    public func query(signedBy key: AzureUserDelegationKey) -> [QueryItem] {
        let signature = Base64.encode(HMAC.sha256(stringToSign(for: key), key: key.value))
        return query(key: key.queryItems, signature: signature)
    }

    /// What the account's key signs.
    public var stringToSign: String {
        // The empty fields: stored policy, IP range, snapshot, encryption scope.
        let fields = [permissions, startText, expiry.iso8601, resource, "", "", protocols, Self.version, "b", "", ""]
        return (fields + overrides).joined(separator: "\n")
    }

    /// What a delegated key signs.
    public func stringToSign(for key: AzureUserDelegationKey) -> String {
        // The empty fields: authorized object, unauthorized object, correlation; IP range; snapshot, encryption scope.
        let fields = [permissions, startText, expiry.iso8601, resource] + key.queryItems.map { $0.value ?? "" }
        return (fields + ["", "", "", "", protocols, Self.version, "b", "", ""] + overrides).joined(separator: "\n")
    }

    /// Cache control, disposition, encoding, language, type.
    private var overrides: [String] { ["", contentDisposition, "", "", contentType] }

    private func query(key: [QueryItem], signature: String) -> [QueryItem] {
        var items = [QueryItem("sv", Self.version), QueryItem("sr", "b"), QueryItem("sp", permissions)]
        if start != nil { items.append(QueryItem("st", startText)) }
        items += [QueryItem("se", expiry.iso8601), QueryItem("spr", protocols)]
        items += key
        if !contentDisposition.isEmpty { items.append(QueryItem("rscd", contentDisposition)) }
        if !contentType.isEmpty { items.append(QueryItem("rsct", contentType)) }
        return items + [QueryItem("sig", signature)]
    }
}

/// A key with which a principal of the directory signs (`Get User Delegation Key`).
public struct AzureUserDelegationKey: Sendable {
    /// Who got it: `skoid`, `sktid`, `skt`, `ske`, `sks`, `skv`, in the order in which they are signed.
    public let queryItems: [QueryItem]
    /// When it ends.
    public let expires: Timestamp
    let value: [UInt8]

    /// Reads the answer of the service.
    public init(_ answer: XMLElement) throws(StoreError) {
        let names = [
            ("skoid", "SignedOid"), ("sktid", "SignedTid"), ("skt", "SignedStart"), ("ske", "SignedExpiry"),
            ("sks", "SignedService"), ("skv", "SignedVersion"),
        ]
        let fields = names.compactMap { name, element in answer[element].map { QueryItem(name, $0.text) } }
        guard answer.name == "UserDelegationKey", fields.count == names.count,
            let expires = Timestamp(iso8601: answer["SignedExpiry"]?.text ?? ""),
            let value = Base64.decode(answer["Value"]?.text ?? ""), !value.isEmpty
        else { throw StoreError(.corrupt, "the user delegation key can't be read") }
        queryItems = fields
        self.expires = expires
        self.value = value
    }

    /// A key of known parts.
    public init(
        object: String, tenant: String, start: Timestamp, expires: Timestamp, version: String, value: [UInt8]
    ) {
        queryItems = [
            QueryItem("skoid", object), QueryItem("sktid", tenant), QueryItem("skt", start.iso8601),
            QueryItem("ske", expires.iso8601), QueryItem("sks", "b"), QueryItem("skv", version),
        ]
        self.expires = expires
        self.value = value
    }

    /// The body of the request for one.
    public static func request(from start: Timestamp, to expiry: Timestamp) -> [UInt8] {
        var writer = XMLWriter(root: "KeyInfo")
        writer.element("Start", start.iso8601)
        writer.element("Expiry", expiry.iso8601)
        return writer.bytes()
    }
}
