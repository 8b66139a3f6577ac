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
        var payload: [UInt8] = [1]
        payload += bytes(UInt64(bitPattern: state.startedAt))
        payload += bytes(state.offset)
        payload.append(UInt8(clamping: state.id.description.utf8.count))
        payload += state.id.description.utf8
        payload += state.resumeToken
        let code = HMAC<SHA256>.authenticationCode(for: authenticated(payload, name), using: key)
        return Data(Array(code) + payload).base64EncodedString()
            .replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
    }

    /// The state in a token; nil if it wasn't made for this repository with this secret.
    func state(from token: String, in name: RepositoryName) -> UploadState? {
        guard token.utf8.count <= 4096, let data = decoded(token) else { return nil }
        let all = [UInt8](data)
        guard all.count > 32 + 18 else { return nil }
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

    private func decoded(_ token: String) -> Data? {
        let standard = token.replacing("-", with: "+").replacing("_", with: "/")
        let missing = (4 - standard.utf8.count % 4) % 4
        return Data(base64Encoded: standard + String(repeating: "=", count: missing))
    }

    private func authenticated(_ payload: [UInt8], _ name: RepositoryName) -> Data {
        Data(payload + [0] + Array(name.description.utf8))
    }

    private func bytes(_ value: UInt64) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * UInt64($0))) }
    }

    private func number(_ bytes: ArraySlice<UInt8>) -> UInt64 {
        bytes.reduce(0) { $0 << 8 | UInt64($1) }
    }
}
