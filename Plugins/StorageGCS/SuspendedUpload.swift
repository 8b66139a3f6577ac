import ObjectStoreKit
import PluginKit

/// What is stored of an upload that nobody writes at the moment: the session with the service, and the bytes that it
/// hasn't got yet, in one small object that one request reads.
struct SuspendedUpload: Sendable {
    /// The session's address; nil: none was begun, and all bytes are here.
    var session: String?
    /// The bytes that the session has.
    var persisted: UInt64
    /// Of all bytes up to the end; nil: another program wrote them.
    var checksum: CRC32C?
    /// The bytes behind `persisted`.
    var rest: SharedBytes

    /// Where the bytes end.
    var offset: UInt64 { persisted &+ UInt64(rest.count) }

    private struct Head: Codable {
        var version = 1
        var session: String?
        var persisted: UInt64
        var rest: Int
        var crc32c: String?
    }

    /// Names of metadata that Distribution gives its own; with them what cleans up finds the session without reading.
    static let sessionName = "Session-URI"
    static let offsetName = "Offset"

    var metadata: [String: String] {
        var metadata = [Self.offsetName: String(persisted)]
        if let session { metadata[Self.sessionName] = session }
        return metadata
    }

    /// A line of JSON, then the bytes.
    func encoded() throws -> SharedBytes {
        let head = Head(
            session: session, persisted: persisted, rest: rest.count, crc32c: checksum.map { GCSHash.text($0) })
        return SharedBytes(joining: [SharedBytes(try JSON.encode(head) + [UInt8(ascii: "\n")]), rest])
    }

    /// Reads what `encoded` wrote.
    init(_ bytes: SharedBytes) throws {
        let all = bytes.array
        guard let end = all.firstIndex(of: UInt8(ascii: "\n")) else { throw Self.damaged }
        let head = try JSON.decode(Head.self, SharedBytes(Array(all[..<end])))
        rest = bytes.slice((end + 1)..<all.count)
        guard head.version == 1, rest.count == head.rest, head.session != nil || head.persisted == 0,
            head.persisted < UInt64(Int64.max)
        else { throw Self.damaged }
        session = head.session
        persisted = head.persisted
        checksum = try head.crc32c.map {
            guard let value = GCSHash.checksum($0) else { throw Self.damaged }
            return CRC32C(value)
        }
    }

    init(session: String?, persisted: UInt64, checksum: CRC32C?, rest: SharedBytes) {
        self.session = session
        self.persisted = persisted
        self.checksum = checksum
        self.rest = rest
    }

    private static var damaged: StoreError { StoreError(.corrupt, "a suspended upload is damaged", noEffect: true) }
}
