/// How large a writer's blocks are, and when many small ones are joined.
///
/// A blob has at most 50,000 blocks of at most 4,000 MiB. Blocks are kept in memory until the service has them, so they
/// stay small, and grow with the blob; long before the 50,000th the service joins those that it has to large ones, which
/// costs a request for each 4,000 MiB and no byte on the wire. So a blob may have 190 TiB, and an upload thousands of
/// chunks of a few bytes.
public struct AzureBlockPlan: Sendable {
    /// The most blocks of a blob.
    public static let mostBlocks = 50_000
    /// The most bytes of a block.
    public static let largestBlock: UInt64 = 4_000 << 20
    /// The most bytes of a blob. A little less than fits, because blocks that came last are joined with the next.
    public static let largestBlob = UInt64(mostBlocks - 2) * largestBlock

    /// The bytes of a new blob's blocks.
    public let firstSize: Int
    /// Blocks don't grow beyond this.
    public let largestBuffered: Int
    /// The number of blocks at which they are joined.
    public let joinAt: Int

    /// A plan. Sizes are bytes.
    public init(firstSize: Int, largestBuffered: Int = 64 << 20, joinAt: Int = 40_000) {
        self.firstSize = min(max(firstSize, 1), Int(AzureBlockPlan.largestBlock))
        self.largestBuffered = max(largestBuffered, self.firstSize)
        self.joinAt = min(max(joinAt, 2), AzureBlockPlan.mostBlocks - 1000)
    }

    /// The bytes of the next block.
    /// - Parameters:
    ///   - offset: where it begins.
    ///   - sizeHint: the blob's final size, if it is known.
    public func size(at offset: UInt64, sizeHint: UInt64?) -> Int {
        // So large that a thousandth of what is there, or of what will be, is a block.
        let goal = max(offset, sizeHint ?? 0) / 1000
        var size = firstSize
        while UInt64(size) < goal, size < largestBuffered { size = min(size * 2, largestBuffered) }
        return size
    }

    /// Whether the service should join blocks before more are put.
    public func mustJoin(_ blocks: [AzureBlock]) -> Bool {
        guard blocks.count >= joinAt else { return false }
        let small = blocks.count - joinedCount(blocks)
        return small >= joinAt || (small > 1 && blocks.count >= AzureBlockPlan.mostBlocks - 1000)
    }

    /// How many blocks at the beginning are as large as can be. Asked for each write, so they are not counted one by one.
    private func joinedCount(_ blocks: [AzureBlock]) -> Int {
        var (low, high) = (0, blocks.count)
        while low < high {
            let middle = (low + high) / 2
            if blocks[middle].size == AzureBlockPlan.largestBlock { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The ranges of large blocks that take the place of all blocks from one that begins at `start` to the end.
    public func joined(from start: UInt64, to end: UInt64) -> [Range<UInt64>] {
        var ranges: [Range<UInt64>] = []
        var at = start
        while at < end {
            let next = min(end, at + AzureBlockPlan.largestBlock)
            ranges.append(at..<next)
            at = next
        }
        return ranges
    }
}
