import PluginABI
import RegistryStorage

extension StorageError {
    /// `MOOR_ERR_*`.
    var abiFlags: UInt32 { (isRetryable ? 1 : 0) | (hadNoEffect ? 2 : 0) }
    /// Milliseconds; -1: no hint.
    var abiRetryAfter: Int64 { retryAfter.map { $0.components.seconds &* 1000 } ?? -1 }
}

extension [StorageError?] {
    /// Passes the results of a batch to a completion; everything is borrowed by it.
    func withItems(_ body: (UnsafePointer<moor_item_result>?, Int) -> Void) {
        // All texts lie in one block, which is there before anything points into it.
        let texts = flatMap { error in error.map { [UInt8]($0.message.utf8) + $0.vendorCode.utf8 } ?? [] }
        texts.withUnsafeBufferPointer { texts in
            var start = 0
            func next(_ count: Int) -> moor_str {
                defer { start += count }
                return moor_str(UnsafeBufferPointer(rebasing: texts[start..<start + count]))
            }
            let items = map { error in
                moor_item_result(
                    code: error?.code.rawValue ?? 0, flags: error?.abiFlags ?? 0,
                    retry_after_ms: error?.abiRetryAfter ?? -1, message: next(error?.message.utf8.count ?? 0),
                    vendor_code: next(error?.vendorCode.utf8.count ?? 0))
            }
            items.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
        }
    }
}
