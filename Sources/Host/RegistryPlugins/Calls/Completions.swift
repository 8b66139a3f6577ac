import Glibc
import NIOCore
import PluginABI
import RegistryStorage

// The completions that plugins call: C functions without context. Each finds the slot that `done_ctx` names, copies what
// is borrowed, checks what can be checked without knowing the arguments, and wakes the caller.

@inline(__always)
private func finish<Value: CallValue>(
    _ context: UnsafeMutableRawPointer?, _ error: UnsafePointer<moor_error>?,
    _ success: (CallSlot, PluginIdentity) throws(StorageError) -> Value
) {
    let context = CallContext(context)
    // A context that was never given out can't be answered to anybody.
    guard let slot = CallSlots.find(context) else { return }
    let isFirst = slot.complete(generation: context.generation) { identity throws(StorageError) -> Value in
        if let error { throw StorageError(error, identity) }
        return try success(slot, identity)
    }
    if !isFirst { completedAgain(context) }
}

/// Nothing of the slot may be touched here, it may be another call's by now; and what a second completion brings isn't
/// released, because it mostly is what the first one brought: a leak is the lesser evil.
@inline(never)
private func completedAgain(_ context: CallContext) {
    guard let identity = PluginIdentity.find(context.plugin) else { return }
    identity.violations.record(
        .completesOnce, plugin: identity.name, "an operation was completed more than once; ignored")
}

func doneVoid(_ context: UnsafeMutableRawPointer?, _ error: UnsafePointer<moor_error>?) {
    finish(context, error) { _, _ in Nothing() }
}

func doneNumber(_ context: UnsafeMutableRawPointer?, _ error: UnsafePointer<moor_error>?, _ value: UInt64) {
    finish(context, nil) { _, identity throws(StorageError) in
        guard let error else { return value }
        // Beside an error the offset that is still known good.
        var failure = StorageError(error, identity)
        if failure.durableOffset == nil { failure.durableOffset = value }
        throw failure
    }
}

func doneBuffer(
    _ context: UnsafeMutableRawPointer?, _ error: UnsafePointer<moor_error>?, _ owned: UnsafePointer<moor_buf>?
) {
    finish(context, error) { slot, identity throws(StorageError) in
        guard let buffer = owned?.pointee else { throw identity.missingResult(slot.operation) }
        // A size_t beyond Int.max arrives as a negative number.
        guard buffer.len >= 0, buffer.ptr != nil || buffer.len == 0 else {
            buffer.giveBack()
            throw identity.violation(
                .lengthsInRange, "\(slot.operation) gave a buffer that can't be: \(UInt(bitPattern: buffer.len)) bytes")
        }
        return buffer
    }
}

func doneStat(
    _ context: UnsafeMutableRawPointer?, _ error: UnsafePointer<moor_error>?, _ stat: UnsafePointer<moor_stat>?
) {
    finish(context, error) { slot, identity throws(StorageError) in
        guard let stat else { throw identity.missingResult(slot.operation) }
        return try FoundStat(stat, slot, identity)
    }
}

func donePage(
    _ context: UnsafeMutableRawPointer?, _ error: UnsafePointer<moor_error>?, _ page: UnsafePointer<moor_page>?
) {
    finish(context, error) { slot, identity throws(StorageError) in
        guard let page else { throw identity.missingResult(slot.operation) }
        return try StoragePage(page, slot, identity)
    }
}

func doneReader(
    _ context: UnsafeMutableRawPointer?, _ error: UnsafePointer<moor_error>?, _ owned: UnsafePointer<moor_reader>?
) {
    finish(context, error) { slot, identity throws(StorageError) in
        guard let owned else { throw identity.missingResult(slot.operation) }
        let table = try identity.copy(owned)
        do throws(StorageError) {
            return OpenedReader(table: table, etag: try identity.text(table.etag, "a reader's etag"))
        } catch {
            OpenedReader(table: table, etag: "").giveBack()
            throw error
        }
    }
}

func doneWriter(
    _ context: UnsafeMutableRawPointer?, _ error: UnsafePointer<moor_error>?, _ owned: UnsafePointer<moor_writer>?
) {
    finish(context, error) { slot, identity throws(StorageError) in
        guard let owned else { throw identity.missingResult(slot.operation) }
        let table = try identity.copy(owned)
        let token = table.resume_token
        guard (0...1024).contains(token.len), token.ptr != nil || token.len == 0 else {
            OpenedWriter(table: table, token: []).giveBack()
            throw identity.violation(
                .lengthsInRange, "a writer's resume_token has \(UInt(bitPattern: token.len)) bytes; at most 1024")
        }
        return OpenedWriter(
            table: table, token: [UInt8](UnsafeRawBufferPointer(start: token.ptr, count: token.len)))
    }
}

func doneItems(
    _ context: UnsafeMutableRawPointer?, _ error: UnsafePointer<moor_error>?,
    _ items: UnsafePointer<moor_item_result>?, _ count: Int
) {
    finish(context, error) { slot, identity throws(StorageError) in
        guard count == slot.arguments.partCount, items != nil || count == 0 else {
            throw identity.violation(
                .lengthsInRange, "remove_batch gave \(count) results for \(slot.arguments.partCount) paths")
        }
        return ItemErrors(
            errors: UnsafeBufferPointer(start: items, count: count).map {
                $0.code == 0 ? nil : StorageError($0, identity)
            })
    }
}

func doneInstance(
    _ context: UnsafeMutableRawPointer?, _ error: UnsafePointer<moor_error>?,
    _ instance: UnsafePointer<moor_instance>?
) {
    finish(context, error) { slot, identity throws(StorageError) in
        guard let instance else { throw identity.missingResult(slot.operation) }
        return try identity.copy(instance)
    }
}

extension PluginIdentity {
    func missingResult(_ operation: CallOperation) -> StorageError {
        violation(.resultPresent, "\(operation) completed with neither an error nor a result")
    }

    /// A borrowed text as a string of its own.
    @inline(__always)
    func text(_ value: moor_str, _ what: StaticString) throws(StorageError) -> String {
        value.len == 0 ? "" : try checkedText(value, what)
    }

    private func checkedText(_ value: moor_str, _ what: StaticString) throws(StorageError) -> String {
        guard let pointer = value.ptr, value.len > 0 else {
            throw violation(.lengthsInRange, "\(what) has a length but no bytes")
        }
        guard value.len <= 65_536 else {
            throw violation(.lengthsInRange, "\(what) has \(value.len) bytes")
        }
        let bytes = UnsafeRawBufferPointer(start: pointer, count: value.len)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw violation(.textIsUTF8, "\(what) is not UTF-8")
        }
        return text
    }
}

extension FoundStat {
    @inline(__always)
    fileprivate init(
        _ stat: UnsafePointer<moor_stat>, _ slot: CallSlot, _ identity: PluginIdentity
    ) throws(StorageError) {
        try identity.checkSize(stat)
        guard let kind = StorageStat.Kind(rawValue: stat.pointee.kind) else {
            throw identity.violation(.lengthsInRange, "\(slot.operation) gave an entry of kind \(stat.pointee.kind)")
        }
        self.init(
            kind: kind, size: stat.pointee.size, modified: stat.pointee.mtime_ns,
            etag: try identity.text(stat.pointee.etag, "an etag"),
            checksum: try identity.text(stat.pointee.checksum, "a checksum"))
    }
}

extension StoragePage {
    fileprivate init(
        _ page: UnsafePointer<moor_page>, _ slot: CallSlot, _ identity: PluginIdentity
    ) throws(StorageError) {
        try identity.checkSize(page)
        let count = page.pointee.nentries
        guard (0...Int(slot.arguments.flags)).contains(count) else {
            throw identity.violation(
                .lengthsInRange,
                "\(slot.operation) gave \(UInt(bitPattern: count)) entries; \(slot.arguments.flags) were asked for")
        }
        // `page` sets the second number of a walk whose driver goes by keys.
        var order = EntryOrder(
            path: slot.arguments.path, token: slot.arguments.bytes, isByKey: slot.arguments.number2 == 1)
        var entries: [StorageStat] = []
        entries.reserveCapacity(count)
        for index in 0..<count {
            guard let entry = page.pointee.entries.flatMap({ $0[index] }) else {
                throw identity.violation(.resultPresent, "\(slot.operation) gave a page with missing entries")
            }
            let stat = try FoundStat(entry, slot, identity)
            let path = try identity.text(entry.pointee.path, "the path of an entry")
            entries.append(stat.at(path))
            guard order.accepts(entry.pointee.path) else {
                throw identity.violation(
                    .entriesAscend,
                    "\(slot.operation) gave \"\(entries[index].path.prefix(200))\" out of order or place")
            }
        }
        let token = page.pointee.next_token
        let isLast = page.pointee.flags & 1 != 0
        guard (0...4096).contains(token.len), token.ptr != nil || token.len == 0, isLast || token.len > 0 else {
            throw identity.violation(
                .lengthsInRange, "\(slot.operation) gave a token of \(UInt(bitPattern: token.len)) bytes")
        }
        let next = isLast ? nil : [UInt8](UnsafeRawBufferPointer(start: token.ptr, count: token.len))
        self.init(entries: entries, next: next)
    }
}

extension StorageError {
    /// A plugin's error, copied; what is wrong with it is noted and repaired.
    init(_ error: UnsafePointer<moor_error>, _ identity: PluginIdentity) {
        do throws(StorageError) {
            try identity.checkSize(error)
        } catch {
            self = error
            return
        }
        self.init(code: error.pointee.code, error.pointee.message, identity)
        setHints(error.pointee.flags, error.pointee.retry_after_ms, error.pointee.vendor_code)
        systemError = error.pointee.os_errno
        durableOffset = Self.durableOffset(error.pointee.details_json)
    }

    /// The error of one item of a batch, copied.
    fileprivate init(_ item: moor_item_result, _ identity: PluginIdentity) {
        self.init(code: item.code, item.message, identity)
        setHints(item.flags, item.retry_after_ms, item.vendor_code)
    }

    private init(code value: moor_code, _ message: moor_str, _ identity: PluginIdentity) {
        let code = Code(rawValue: value)
        if code == nil {
            identity.violations.record(.codeKnown, plugin: identity.name, "an error has code \(value)")
        }
        self.init(code ?? .internal, Self.message(message, identity), driver: identity.driver)
    }

    private mutating func setHints(_ flags: UInt32, _ retryAfterMilliseconds: Int64, _ vendor: moor_str) {
        isRetryable = flags & 1 != 0
        hadNoEffect = flags & 2 != 0
        if retryAfterMilliseconds >= 0 { retryAfter = .milliseconds(min(retryAfterMilliseconds, 86_400_000)) }
        vendorCode = vendor.len <= 256 ? Self.repaired(vendor) : ""
    }

    private static func message(_ text: moor_str, _ identity: PluginIdentity) -> String {
        guard let pointer = text.ptr, text.len > 0 else { return "no message" }
        let bytes = UnsafeRawBufferPointer(start: pointer, count: min(text.len, 1024))
        if String(validating: bytes, as: UTF8.self) == nil, text.len <= 1024 {
            identity.violations.record(.textIsUTF8, plugin: identity.name, "an error's message is not UTF-8")
        }
        let line = String(decoding: bytes, as: UTF8.self)
        return line.contains(where: \.isNewline) ? String(line.map { $0.isNewline ? " " : $0 }) : line
    }

    private static func repaired(_ text: moor_str) -> String {
        guard let pointer = text.ptr, text.len > 0 else { return "" }
        return String(decoding: UnsafeRawBufferPointer(start: pointer, count: text.len), as: UTF8.self)
    }

    /// The number in `{"durable_offset":N}`.
    private static func durableOffset(_ details: moor_bytes) -> UInt64? {
        guard let pointer = details.ptr, (1...4096).contains(details.len) else { return nil }
        let text = String(decoding: UnsafeRawBufferPointer(start: pointer, count: details.len), as: UTF8.self)
        guard let key = text.firstRange(of: "\"durable_offset\"") else { return nil }
        let digits = text[key.upperBound...].drop { $0 == ":" || $0.isWhitespace }.prefix { $0.isASCII && $0.isNumber }
        return UInt64(digits)
    }
}
