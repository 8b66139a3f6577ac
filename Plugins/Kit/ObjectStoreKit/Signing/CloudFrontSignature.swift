/// Signed URLs of Amazon CloudFront with a canned policy: one resource until one time (CloudFront Developer Guide,
/// "Create a signed URL using a canned policy").
public struct CloudFrontSignature: Sendable {
    private let keyPairID: String
    private let key: RSAPrivateKey

    /// Signs with a private key, whose public half CloudFront knows by `keyPairID`.
    public init(keyPairID: String, key: RSAPrivateKey) {
        self.keyPairID = keyPairID
        self.key = key
    }

    /// A URL, which has no query yet, with expiry and signature in its query.
    public func signed(_ url: String, until expiry: Timestamp) throws(StoreError) -> String {
        let policy = CloudFrontSignature.policy(url, until: expiry)
        let signature = CloudFrontSignature.safe(Base64.encode(try key.signSHA1(Array(policy.utf8))))
        return "\(url)?Expires=\(expiry.unixSeconds)&Signature=\(signature)&Key-Pair-Id=\(keyPairID)"
    }

    /// The statement that is signed; CloudFront composes the same from the request, so each byte counts.
    static func policy(_ url: String, until expiry: Timestamp) -> String {
        "{\"Statement\":[{\"Resource\":\"\(url)\",\"Condition\":{\"DateLessThan\":"
            + "{\"AWS:EpochTime\":\(expiry.unixSeconds)}}}]}"
    }

    /// Base64 with the letters that CloudFront wants in a query.
    static func safe(_ base64: String) -> String {
        String(
            base64.map { letter in
                switch letter {
                case "+": "-"
                case "=": "_"
                case "/": "~"
                default: letter
                }
            })
    }
}
