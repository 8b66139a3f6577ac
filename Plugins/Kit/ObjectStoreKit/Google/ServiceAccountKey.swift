/// The key of a service account: signs assertions (RFC 7523) and URLs.
public struct ServiceAccountKey: Sendable {
    /// The account's name.
    public let email: String
    let keyID: String
    let tokenURL: String
    private let key: RSAPrivateKey

    init(_ file: GoogleCredentialsFile) throws(StoreError) {
        try self.init(
            email: file.clientEmail, keyID: file.privateKeyID, pem: file.privateKey,
            tokenURL: file.tokenURI.isEmpty ? GoogleIdentity.defaultTokenURL : file.tokenURI)
    }

    /// A key of its parts.
    /// - Throws: `config` if one is missing, or the PEM text holds no RSA key.
    public init(email: String, keyID: String, pem: String, tokenURL: String) throws(StoreError) {
        guard !email.isEmpty else { throw .credentials("client_email is missing") }
        guard !pem.isEmpty else { throw .credentials("private_key is missing") }
        do throws(StoreError) {
            key = try RSAPrivateKey(pem: pem)
        } catch {
            throw .credentials("private_key isn't the PEM text of an RSA key")
        }
        self.email = email
        self.keyID = keyID
        self.tokenURL = tokenURL
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256.
    func sign(_ message: some Sequence<UInt8>) throws(StoreError) -> [UInt8] { try key.signSHA256(message) }

    /// The signed assertion that is exchanged for an access token: a JWT with algorithm RS256.
    /// - Parameters:
    ///   - scope: what access is asked for.
    ///   - now: when the assertion begins to count; it does for an hour, the longest that Google takes.
    public func assertion(scope: String, at now: Timestamp) throws(StoreError) -> String {
        let unsigned = unsignedAssertion(scope: scope, at: now)
        return unsigned + "." + Base64.encodeURL(try sign(unsigned.utf8))
    }

    /// Header and claims, encoded: what is signed. The members stand in a fixed order.
    func unsignedAssertion(scope: String, at now: Timestamp) -> String {
        var header = JSONObjectText()
        header.add("alg", "RS256")
        header.add("typ", "JWT")
        if !keyID.isEmpty { header.add("kid", keyID) }
        var claims = JSONObjectText()
        claims.add("iss", email)
        claims.add("scope", scope)
        claims.add("aud", tokenURL)
        claims.add("iat", now.unixSeconds)
        claims.add("exp", now.adding(seconds: 3600).unixSeconds)
        return Base64.encodeURL(Array(header.text.utf8)) + "." + Base64.encodeURL(Array(claims.text.utf8))
    }
}

/// A flat JSON object written member by member, in the order given.
struct JSONObjectText {
    private var members = ""

    var text: String { "{" + members + "}" }

    mutating func add(_ name: String, _ value: String) { add(name, raw: Self.quoted(value)) }
    mutating func add(_ name: String, _ value: Int64) { add(name, raw: String(value)) }

    /// Adds a member whose value is JSON already.
    mutating func add(_ name: String, raw: String) {
        if !members.isEmpty { members += "," }
        members += Self.quoted(name) + ":" + raw
    }

    static func quoted(_ text: String) -> String {
        var json = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": json += "\\\""
            case "\\": json += "\\\\"
            default:
                if scalar.value < 0x20 {
                    let hex = String(scalar.value, radix: 16)
                    json += "\\u" + String(repeating: "0", count: 4 - hex.count) + hex
                } else {
                    json.unicodeScalars.append(scalar)
                }
            }
        }
        return json + "\""
    }
}
