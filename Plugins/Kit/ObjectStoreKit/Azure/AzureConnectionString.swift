/// What an Azure Storage connection string says: `AccountName=…;AccountKey=…;EndpointSuffix=…`.
public struct AzureConnectionString: Sendable {
    /// `AccountName`.
    public var account: String?
    /// `AccountKey`.
    public var key: String?
    /// `SharedAccessSignature`, without a leading `?`.
    public var signature: String?
    /// `BlobEndpoint`, or what `DefaultEndpointsProtocol` and `EndpointSuffix` make together with the account.
    public var blobEndpoint: String?

    /// The emulator's account, which is public.
    private static let emulator = (
        account: "devstoreaccount1",
        key: "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
        endpoint: "http://127.0.0.1:10000/devstoreaccount1"
    )

    /// Reads a connection string. A name that is given twice or that nobody knows is refused.
    /// - Throws: `config`; the message never holds a value.
    public init(_ text: String) throws(StoreError) {
        var fields: [String: String] = [:]
        for part in text.split(separator: ";") where !part.allSatisfy(\.isWhitespace) {
            // Keys and signatures hold `=` too: only the first one counts.
            guard let equals = part.firstIndex(of: "=") else { throw Self.malformed("a part without `=`") }
            let name = part[..<equals].drop { $0.isWhitespace }.lowercased()
            guard Self.known.contains(name) else { throw Self.malformed("the unknown name \(Self.shown(name))") }
            guard fields.updateValue(String(part[part.index(after: equals)...]), forKey: name) == nil else {
                throw Self.malformed("\(name) twice")
            }
        }
        if fields["usedevelopmentstorage"]?.lowercased() == "true" {
            (account, key, blobEndpoint) = Self.emulator
            return
        }
        account = fields["accountname"]
        key = fields["accountkey"]
        signature = fields["sharedaccesssignature"].map { $0.hasPrefix("?") ? String($0.dropFirst()) : $0 }
        blobEndpoint = fields["blobendpoint"]
        if blobEndpoint == nil, let account, let suffix = fields["endpointsuffix"] {
            blobEndpoint = "\(fields["defaultendpointsprotocol"] ?? "https")://\(account).blob.\(suffix)"
        }
    }

    private static let known: Set<String> = [
        "accountname", "accountkey", "sharedaccesssignature", "blobendpoint", "endpointsuffix",
        "defaultendpointsprotocol", "usedevelopmentstorage", "queueendpoint", "tableendpoint", "fileendpoint",
        "blobsecondaryendpoint", "queuesecondaryendpoint", "tablesecondaryendpoint", "filesecondaryendpoint",
        "developmentstorageproxyuri",
    ]

    /// A name is shown only if it can't be a part of a key that lost its name.
    private static func shown(_ name: String) -> String {
        name.utf8.count <= 32 && name.allSatisfy { $0.isASCII && $0.isLetter } ? name : "of another form"
    }

    private static func malformed(_ what: String) -> StoreError {
        StoreError(.config, "the connection string has \(what)", noEffect: true)
    }
}
