// Texts and bytes between Swift and the ABI. Views are borrowed; nothing here copies unless it says so.
import PluginABI

extension moor_str {
    init(_ buffer: UnsafeBufferPointer<UInt8>) {
        self.init()
        ptr = UnsafeRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: CChar.self)
        len = buffer.count
    }

    /// A text that lives for ever.
    init(_ text: StaticString) {
        self.init()
        ptr = UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
        len = text.utf8CodeUnitCount
    }

    /// The bytes; empty where the caller gave none.
    var bytes: UnsafeRawBufferPointer {
        guard let ptr, len > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: ptr, count: len)
    }

    /// A copy as a string; bytes that aren't UTF-8 are repaired.
    var text: String { String(decoding: bytes, as: UTF8.self) }
}

extension moor_bytes {
    init(_ buffer: UnsafeBufferPointer<UInt8>) {
        self.init()
        ptr = buffer.baseAddress
        len = buffer.count
    }

    init(_ buffer: UnsafeRawBufferPointer) {
        self.init()
        ptr = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self)
        len = buffer.count
    }

    var bytes: UnsafeRawBufferPointer {
        guard let ptr, len > 0 else { return UnsafeRawBufferPointer(start: nil, count: 0) }
        return UnsafeRawBufferPointer(start: ptr, count: len)
    }
}

/// Fills a table that the caller allocated: at most its capacity, and says how much. `false`: too small to say even that.
func fillTable<Table: BitwiseCopyable>(_ out: UnsafeMutableRawPointer, from table: Table) -> Bool {
    let capacity = Int(out.load(as: UInt32.self))
    guard capacity >= 8 else { return false }
    let filled = min(capacity, MemoryLayout<Table>.size)
    withUnsafeBytes(of: table) { out.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(out), byteCount: filled) }
    out.storeBytes(of: UInt32(filled), as: UInt32.self)
    return true
}
