import PluginABI

extension [PluginError?] {
    /// Lends the results of a batch as the ABI wants them, for one completion: nil is success.
    func withCItems(_ body: (UnsafePointer<moor_item_result>?, Int) -> Void) {
        // All texts lie in one block, which is there before anything points into it.
        var texts: [UInt8] = []
        let lengths = map { error in
            let (message, vendor) = (error.map { PluginError.oneLine($0.message) } ?? "", error?.vendorCode ?? "")
            texts += message.utf8
            texts += vendor.utf8
            return (message: message.utf8.count, vendor: vendor.utf8.count)
        }
        texts.withUnsafeBufferPointer { texts in
            var start = 0
            func next(_ count: Int) -> moor_str {
                defer { start += count }
                return moor_str(UnsafeBufferPointer(rebasing: texts[start..<start + count]))
            }
            let items = zip(self, lengths).map { error, lengths in
                var item = moor_item_result()
                item.message = next(lengths.message)
                item.vendor_code = next(lengths.vendor)
                item.retry_after_ms = error?.retryAfterMilliseconds ?? -1
                guard let error else { return item }
                item.code = error.code.rawValue
                item.flags = (error.isRetryable ? MOOR_ERR_RETRYABLE : 0) | (error.noEffect ? MOOR_ERR_NO_EFFECT : 0)
                return item
            }
            items.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
        }
    }
}
