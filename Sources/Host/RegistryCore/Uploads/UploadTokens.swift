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
    /// How the driver finds the suspended bytes.
    var resumeToken: [UInt8]
}

/// Makes and reads the `_state` of an upload's `Location`: the session's state, authenticated together with the
/// repository's name. So beginning an upload costs no storage, and any process with the same secret can go on with it.
struct UploadTokens: Sendable {
    private let key: SymmetricKey

    /// - Parameter secret: `http.secret`; empty: a random one, good for this process only.
    init(secret: String) {
        key = secret.isEmpty ? SymmetricKey(size: .bits256) : SymmetricKey(data: Data(secret.utf8))
    }

    func token(for state: UploadState, in name: RepositoryName) -> String {
        let id = state.id.description.utf8
        var payload: [UInt8] = [1]
        payload.reserveCapacity(18 + id.count + state.resumeToken.count)
        append(UInt64(bitPattern: state.startedAt), to: &payload)
        append(state.offset, to: &payload)
        payload.append(UInt8(clamping: id.count))
        payload += id
        payload += state.resumeToken
        let code = HMAC<SHA256>.authenticationCode(for: authenticated(payload, name), using: key)
        return Base64URL.encoded(Array(code) + payload)
    }

    /// The state in a token; nil if it wasn't made for this repository with this secret.
    func state(from token: String, in name: RepositoryName) -> UploadState? {
        guard token.utf8.count <= 4096, let all = Base64URL.decoded(token), all.count > 32 + 18 else { return nil }
        let payload = Array(all[32...])
        let isAuthentic = HMAC<SHA256>.isValidAuthenticationCode(
            all[..<32], authenticating: authenticated(payload, name), using: key)
        guard isAuthentic, payload[0] == 1 else { return nil }
        let end = 18 + Int(payload[17])
        guard end <= payload.count, let id = UploadID(String(decoding: payload[18..<end], as: UTF8.self)) else {
            return nil
        }
        return UploadState(
            id: id, offset: number(payload[9..<17]), startedAt: Int64(bitPattern: number(payload[1..<9])),
            resumeToken: Array(payload[end...]))
    }

    /// The repository's name belongs to what the token vouches for, though the token doesn't hold it.
    private func authenticated(_ payload: [UInt8], _ name: RepositoryName) -> [UInt8] {
        payload + [0] + Array(name.description.utf8)
    }

    private func append(_ value: UInt64, to bytes: inout [UInt8]) {
        for shift in stride(from: UInt64(56), through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    private func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
