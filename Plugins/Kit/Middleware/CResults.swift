// What comes back from a C storage, as the kit's types.
import PluginABI

extension PluginError {
    /// A copy of an error that was lent.
    init(_ raw: UnsafePointer<moor_error>) {
        self.init(Code(rawValue: raw.pointee.code) ?? .internalFailure, raw.pointee.message.text)
        vendorCode = raw.pointee.vendor_code.text
        detailsJSON = String(decoding: raw.pointee.details_json.bytes, as: UTF8.self)
        osErrno = raw.pointee.os_errno
        retryAfterMilliseconds = raw.pointee.retry_after_ms
        noEffect = raw.pointee.flags & MOOR_ERR_NO_EFFECT != 0
        isRetryable = raw.pointee.flags & MOOR_ERR_RETRYABLE != 0
    }

    /// The result of one item of a batch; nil: it went well.
    init?(item: moor_item_result) {
        guard item.code != MOOR_OK else { return nil }
        self.init(Code(rawValue: item.code) ?? .internalFailure, item.message.text)
        retryAfterMilliseconds = item.retry_after_ms
        vendorCode = item.vendor_code.text
        noEffect = item.flags & MOOR_ERR_NO_EFFECT != 0
        isRetryable = item.flags & MOOR_ERR_RETRYABLE != 0
    }
}

extension ObjectStat {
    /// A copy of a stat that was lent; nil if it is neither object nor prefix.
    init?(_ raw: UnsafePointer<moor_stat>) {
        guard let kind = Kind(rawValue: raw.pointee.kind) else { return nil }
        self.init(
            size: raw.pointee.size, modifiedNanoseconds: raw.pointee.mtime_ns,
            etag: EntityTag(raw.pointee.etag.bytes) ?? EntityTag(), checksum: raw.pointee.checksum.text)
        self.kind = kind
    }
}

extension ListPage {
    /// A copy of a page that was lent. Its paths are whole.
    init(_ raw: UnsafePointer<moor_page>) {
        self.init(prefix: [])
        for index in 0..<max(raw.pointee.nentries, 0) {
            guard let entry = raw.pointee.entries?[index], let stat = ObjectStat(entry) else { continue }
            append(
                entry.pointee.path.bytes, stat.kind, size: stat.size, modifiedNanoseconds: stat.modifiedNanoseconds)
        }
        let token = raw.pointee.next_token.bytes
        if !token.isEmpty { rawToken = [UInt8](token) }
    }
}
