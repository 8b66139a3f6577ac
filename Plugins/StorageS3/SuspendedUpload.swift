import ObjectStoreKit
import PluginKit

/// What a suspended writer leaves in the bucket, beside the key that it writes, under a name that is the driver's own: which
/// parts the store has, and the bytes that aren't one yet, because parts have a least size. One object, so that going on
/// costs one request and stopping another; and below the upload's folder, so that it goes when that is removed.
struct SuspendedUpload: Sendable {
    /// What stands before the bytes.
    private struct Header: Codable {
        var version = 1
        var upload = ""
        var parts: [String] = []
        var chunk: UInt64 = 0
        var areEqual = false
        var tail: UInt64 = 0
    }

    /// The id of the multipart upload; empty: there is none yet.
    var uploadID = ""
    /// The entity tags of its parts.
    var etags: [String] = []
    /// How large they are.
    var sizes: S3PartSizes
    /// The bytes behind them.
    var tail = SharedBytes()

    /// Of all parts and the tail.
    var offset: UInt64 { sizes.size(ofFirst: etags.count) + UInt64(tail.count) }

    // MARK: Names

    /// A name that sorts by time: 48 bits of milliseconds and 80 bits of chance, in 32 hexadecimal digits.
    static func makeID() -> String {
        let milliseconds = UInt64(clamping: max(0, Timestamp.now().unixNanoseconds / 1_000_000))
        let time = (0..<6).map { UInt8(truncatingIfNeeded: milliseconds >> UInt64(40 - 8 * $0)) }
        return Hex.encode(time + (0..<10).map { _ in UInt8.random(in: .min ... .max) })
    }

    /// Whether bytes are such a name.
    static func isID(_ text: some Collection<UInt8>) -> Bool {
        text.count == 32 && text.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }

    /// What the names of states of writers of `key` begin with: a dot before its last name, and one behind it.
    static func stem(_ key: String) -> String {
        guard let slash = key.utf8.lastIndex(of: UInt8(ascii: "/")) else { return ".\(key)." }
        return "\(key[...slash]).\(key[key.utf8.index(after: slash)...])."
    }

    /// Where the state of a writer of `key` lies.
    static func key(_ key: String, _ id: String) -> String { "\(stem(key))\(id).tmp" }

    /// The id in such a key; nil if it is none of a writer of `key`.
    static func id(in stateKey: String, of key: String) -> String? {
        guard let rest = ObjectKey.relative(stateKey, to: stem(key)), rest.hasSuffix(".tmp") else { return nil }
        let id = rest.utf8.dropLast(4)
        return isID(id) ? String(id) : nil
    }

    // MARK: Bytes

    /// As it is stored: a line of JSON, then the tail.
    func encoded() throws(StoreError) -> [UInt8] {
        let header = Header(
            upload: uploadID, parts: etags, chunk: sizes.first, areEqual: sizes.areEqual, tail: UInt64(tail.count))
        var bytes = try JSON.encode(header) + [0x0A]
        bytes.reserveCapacity(bytes.count + tail.count)
        tail.withSegments { bytes += $0 }
        return bytes
    }

    init(sizes: S3PartSizes) { self.sizes = sizes }

    /// Reads what is stored. The content of a bucket can be anything, so every number is looked at.
    init(_ bytes: SharedBytes) throws(StoreError) {
        let array = bytes.array
        guard let end = array.firstIndex(of: 0x0A) else { throw SuspendedUpload.malformed }
        let header: Header
        do throws(StoreError) {
            header = try JSON.decode(Header.self, SharedBytes(Array(array[..<end])))
        } catch {
            throw SuspendedUpload.malformed
        }
        let rest = array.count - end - 1
        guard header.version == 1, UInt64(rest) == header.tail, header.parts.count <= S3PartSizes.mostParts,
            header.chunk >= S3PartSizes.least, header.chunk <= S3PartSizes.most,
            header.parts.isEmpty || !header.upload.isEmpty
        else { throw SuspendedUpload.malformed }
        uploadID = header.upload
        etags = header.parts
        sizes = S3PartSizes(chunk: header.chunk, areEqual: header.areEqual)
        tail = SharedBytes(Array(array[(end + 1)...]))
    }

    private static var malformed: StoreError {
        StoreError(.corrupt, "the state of a suspended upload can't be read")
    }
}

extension S3Bucket {
    /// The suspended writer of a key and an id; nil if there is none.
    func suspended(_ key: String, _ id: String, _ deadline: Deadline) async throws -> SuspendedUpload? {
        var request = request("GetObject", .get, SuspendedUpload.key(key, id))
        // A tail is shorter than a part.
        request.responseLimit = 1 << 40
        do {
            return try SuspendedUpload(try await send(request, deadline).body)
        } catch let error as StoreError where error.kind == .notFound {
            return nil
        }
    }

    /// The ids of suspended writers of a key, the newest first.
    func suspendedIDs(_ key: String, _ deadline: Deadline) async throws -> [String] {
        var ids: [String] = []
        var after = ""
        while true {
            let page = try await list(SuspendedUpload.stem(key), after: after, deadline)
            ids += page.objects.compactMap { SuspendedUpload.id(in: $0.key, of: key) }
            guard page.isTruncated, let last = page.objects.last else { return ids.sorted(by: >) }
            after = last.key
        }
    }
}
