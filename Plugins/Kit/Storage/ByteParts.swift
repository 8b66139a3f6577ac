public import Glibc
import PluginABI

/// The parts of one write, lent by the host until the write returns. Checked: no part without memory, the sum fits.
public struct ByteParts: @unchecked Sendable {
    // Sendable: immutable memory that outlives the operation (ABI: parts live until done).
    private let parts: UnsafeBufferPointer<moor_bytes>
    /// Bytes of all parts.
    public let byteCount: Int

    init(_ start: UnsafePointer<moor_bytes>, _ count: Int) throws(PluginError) {
        guard count >= 0 else { throw ByteParts.malformed }
        parts = UnsafeBufferPointer(start: start, count: count)
        var sum = 0
        for part in parts {
            let (next, overflow) = sum.addingReportingOverflow(part.len)
            guard !overflow, part.len >= 0, part.ptr != nil || part.len == 0 else { throw ByteParts.malformed }
            sum = next
        }
        byteCount = sum
    }

    /// How many parts there are.
    public var count: Int { parts.count }

    /// One part; may be empty.
    public subscript(index: Int) -> UnsafeRawBufferPointer { parts[index].bytes }

    /// Lends the parts to `writev` and its like: an address and a length each, as they came.
    public func withVectors<R, E: Error>(_ body: (UnsafeBufferPointer<iovec>) throws(E) -> R) throws(E) -> R {
        try parts.withMemoryRebound(to: iovec.self, body)
    }

    /// Lends the first bytes, at most `count`, as parts: for a middleware that hands on a piece of a write.
    public func withPrefix<R>(_ count: Int, _ body: (ByteParts) async throws -> R) async throws -> R {
        var left = count
        var chosen: [moor_bytes] = []
        for part in parts where left > 0 {
            chosen.append(moor_bytes(ptr: part.ptr, len: min(part.len, left)))
            left -= min(part.len, left)
        }
        let memory = UnsafeMutableBufferPointer<moor_bytes>.allocate(capacity: max(chosen.count, 1))
        defer { memory.deallocate() }
        _ = memory.initialize(from: chosen)
        guard let start = memory.baseAddress else { throw ByteParts.malformed }
        return try await body(ByteParts(start, chosen.count))
    }

    /// Lends the parts as they came.
    func withCParts(_ body: (UnsafePointer<moor_bytes>) -> Void) {
        if let first = parts.baseAddress {
            body(first)
        } else {
            var none = moor_bytes()
            body(&none)
        }
    }

    private static var malformed: PluginError {
        PluginError(.invalidArgument, "a part has a length and no bytes", noEffect: true)
    }
}
