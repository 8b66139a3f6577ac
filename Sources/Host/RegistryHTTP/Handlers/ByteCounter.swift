import NIOCore
import Synchronization

/// Counts the bytes of a body against a limit.
final class ByteCounter: Sendable {
    private let limit: UInt64
    private let count = Atomic<UInt64>(0)

    init(limit: UInt64) { self.limit = limit }

    /// False: the limit is passed.
    func add(_ batch: [ByteBuffer]) -> Bool {
        let bytes = batch.reduce(0) { $0 &+ UInt64($1.readableBytes) }
        return count.add(bytes, ordering: .relaxed).newValue <= limit
    }
}
