import Crypto
import FoundationEssentials
import RegistryModel
import RegistryStorage

/// What an upload session is, as its token says.
struct UploadState: Sendable, Hashable {
    var id: UploadID
    /// Bytes accepted so far.
    var offset: UInt64
    /// Seconds since 1970.
    var startedAt: Int64
    /// By what the content is hashed beside SHA-256, while it passes.
    var algorithm = RegistryModel.Digest.Algorithm.sha256
    /// How the driver finds the suspended bytes; empty where they are an object.
    var resumeToken: [UInt8]
}

/// Makes and reads the `_state` of an upload's `Location`: the session's state, authenticated. So beginning an upload costs
/// no storage, and any process with the same secret can go on with it.
///
/// The form is Distribution's: base64url of `HMAC-SHA256(secret, J)` and J, where J is JSON. With one secret each registry
/// reads the other's tokens; fields of ours are ignored there.
struct UploadTokens: Sendable {
    private static let codeLength = 32
    private let key: SymmetricKey

    /// - Parameter secret: `http.secret`; empty: a random one, good for this process only.
    init(secret: String) {
        key = secret.isEmpty ? SymmetricKey(size: .bits256) : SymmetricKey(data: Data(secret.utf8))
    }

    func token(for state: UploadState, in name: RepositoryName) -> String {
        // None of the values holds what JSON escapes.
        var text = "{\"Name\":\"\(name)\",\"UUID\":\"\(state.id)\",\"Offset\":\(state.offset)"
        text += ",\"StartedAt\":\"\(Timestamp.rfc3339(state.startedAt))\""
        if state.algorithm != .sha256 { text += ",\"Algorithm\":\"\(state.algorithm.rawValue)\"" }
        if !state.resumeToken.isEmpty { text += ",\"Resume\":\"\(Base64URL.encoded(state.resumeToken))\"" }
        text += "}"
        // Filled up to threes, base64 ends without the signs that URLs escape.
        var payload = Array(text.utf8)
        while (Self.codeLength + payload.count) % 3 != 0 { payload.append(UInt8(ascii: " ")) }
        return sealed(payload)
    }

    func sealed(_ payload: [UInt8]) -> String {
        Base64URL.encoded(Array(HMAC<SHA256>.authenticationCode(for: payload, using: key)) + payload)
    }

    /// The state in a token; nil if it wasn't made for this repository with this secret.
    func state(from token: String, in name: RepositoryName) -> UploadState? {
        guard token.utf8.count <= 8192, let all = Base64URL.decoded(Self.unpadded(token)), all.count > Self.codeLength
        else { return nil }
        let payload = all[Self.codeLength...]
        let isAuthentic = HMAC<SHA256>.isValidAuthenticationCode(
            all[..<Self.codeLength], authenticating: payload, using: key)
        guard isAuthentic, let fields = try? Self.fields(Array(payload)), fields["Name"] == name.description,
            let id = fields["UUID"].flatMap({ UploadID($0) }), let offset = fields["Offset"].flatMap({ UInt64($0) }),
            let algorithm = RegistryModel.Digest.Algorithm(rawValue: fields["Algorithm"] ?? "sha256"),
            let resumeToken = Base64URL.decoded(fields["Resume"] ?? "")
        else { return nil }
        return UploadState(
            id: id, offset: offset, startedAt: fields["StartedAt"].flatMap(Timestamp.seconds) ?? 0,
            algorithm: algorithm, resumeToken: resumeToken)
    }

    /// The fields of J, which are texts and numbers.
    private static func fields(_ payload: [UInt8]) throws -> [String: String] {
        var scanner = JSONScanner(payload, maximumDepth: 1)
        var fields: [String: String] = [:]
        try scanner.enterObject()
        while let key = try scanner.nextKey() {
            let isNumber = try scanner.kind() == .number
            fields[key] = isNumber ? try scanner.number() : try scanner.string()
        }
        try scanner.finish()
        return fields
    }

    /// Go fills base64 up with one or two `=`.
    private static func unpadded(_ token: String) -> String {
        guard token.utf8.count % 4 == 0 else { return token }
        let count = token.utf8.reversed().prefix(2).prefix { $0 == UInt8(ascii: "=") }.count
        return String(token.utf8.dropLast(count)) ?? token
    }
}
