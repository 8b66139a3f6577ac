import ObjectStoreKit
import Testing

@Suite("Azure's blocks")
struct AzureBlockTests {
    private func block(
        _ index: UInt32, at offset: UInt64, _ size: UInt64, by session: UInt32, behind previous: UInt32
    ) -> AzureBlock {
        AzureBlock(
            id: AzureBlockID(index: index, offset: offset, session: session, previousSession: previous), size: size)
    }

    @Test("An id comes back from its text, and all have one length")
    func identifiers() throws {
        for number: UInt32 in [0, 1, 49_999, .max] {
            let id = AzureBlockID(
                index: number, offset: UInt64(number) << 31, session: number &+ 7, previousSession: number &+ 8)
            #expect(id.text.utf8.count == 28)
            #expect(AzureBlockID(id.text) == id)
        }
        for text in ["", "AAAA", "MDAwMDAwMDAwMDAwMDAwMDAwMDAw", "not base64", String(repeating: "A", count: 400)] {
            #expect(AzureBlockID(text) == nil)
        }
    }

    @Test("Blocks in any order make a chain, up to the first gap")
    func chains() {
        let blocks = (0..<6).map { block($0, at: UInt64($0) * 10, 10, by: 5, behind: $0 == 0 ? 0 : 5) }
        #expect(AzureBlock.chain(of: blocks.reversed(), session: 5) == blocks)
        #expect(AzureBlock.chain(of: blocks.filter { $0.id.index != 3 }, session: 5) == Array(blocks[..<3]))
        #expect(AzureBlock.chain(of: Array(blocks[1...]), session: 5).isEmpty)
        #expect(AzureBlock.chain(of: [], session: 5).isEmpty)
    }

    @Test("Of two sessions that went on at once the token's counts, else the longer one")
    func sessions() {
        let first = block(0, at: 0, 10, by: 1, behind: 0)
        let mine = block(1, at: 10, 5, by: 2, behind: 1)
        let other = [block(1, at: 10, 7, by: 3, behind: 1), block(2, at: 17, 1, by: 3, behind: 3)]
        let all = [first, mine] + other
        #expect(AzureBlock.chain(of: all, session: 2) == [first, mine])
        #expect(AzureBlock.chain(of: all, session: 3) == [first] + other)
        #expect(AzureBlock.chain(of: all, session: 0) == [first] + other)
        // What goes on behind a block that doesn't end there belongs to nobody.
        let liar = block(1, at: 11, 90, by: 4, behind: 1)
        #expect(AzureBlock.chain(of: [first, mine, liar], session: 0) == [first, mine])
    }

    @Test(
        "A blob of 190 TiB, one of 8 TiB in the blocks of a server and one of tiny chunks stay below 50,000 blocks",
        arguments: [(1 << 30, AzureBlockPlan.largestBlob), (64 << 20, 8 << 40), (1, 200_000)] as [(Int, UInt64)])
    func plan(write: Int, end: UInt64) {
        let plan = AzureBlockPlan(firstSize: 4 << 20, largestBuffered: max(write, 4 << 20))
        var blocks: [AzureBlock] = []
        var offset: UInt64 = 0
        var most = 0
        var joins = 0
        while offset < end {
            if plan.mustJoin(blocks) {
                let kept = blocks.prefix { $0.size == AzureBlockPlan.largestBlock }
                let begin = kept.last?.end ?? 0
                let ranges = plan.joined(from: begin, to: offset)
                #expect(ranges.first?.lowerBound == begin && ranges.last?.upperBound == offset)
                #expect(ranges.allSatisfy { UInt64($0.count) <= AzureBlockPlan.largestBlock })
                blocks =
                    Array(kept) + ranges.map { block(0, at: $0.lowerBound, UInt64($0.count), by: 1, behind: 1) }
                joins += 1
            }
            let size = write == 1 ? 1 : min(UInt64(plan.size(at: offset, sizeHint: nil)), end - offset)
            blocks.append(block(0, at: offset, size, by: 1, behind: 1))
            offset += size
            most = max(most, blocks.count)
        }
        #expect(most <= AzureBlockPlan.mostBlocks)
        #expect(joins > 0)
    }

    @Test("Blocks grow with what is known of the size, and no further than what is kept in memory")
    func sizes() {
        let plan = AzureBlockPlan(firstSize: 4 << 20)
        #expect(plan.size(at: 0, sizeHint: nil) == 4 << 20)
        #expect(plan.size(at: 0, sizeHint: 1 << 30) == 4 << 20)
        #expect(plan.size(at: 0, sizeHint: 10 << 30) == 16 << 20)
        #expect(plan.size(at: 1 << 40, sizeHint: nil) == 64 << 20)
        #expect(plan.size(at: .max, sizeHint: .max) == 64 << 20)
    }

    @Test("Staging names are told from objects, and carry their age")
    func stagingNames() throws {
        let early = AzureStagingName(object: "a/b", at: Timestamp(unixSeconds: 1_700_000_000), random: 5)
        let late = AzureStagingName(object: "a/b", at: Timestamp(unixSeconds: 1_700_000_001), random: 4)
        #expect(early.id < late.id && early.id.utf8.count == 32)
        #expect(AzureStagingName(blob: early.blob) == early)
        #expect(early.blob == "a/.b.\(early.id).tmp")
        #expect(AzureStagingName(blob: "a/.b.0123456789abcdef0123456789abcdef.tmp")?.object == "a/b")
        #expect(AzureStagingName(blob: ".b.c.0123456789abcdef0123456789abcdef.tmp")?.object == "b.c")
        for name in [
            "a/b", "a/.b.tmp", "a/.b.0123456789ABCDEF0123456789ABCDEF.tmp", "a/.b.0123.tmp",
            "a/b.0123456789abcdef0123456789abcdef.tmp", "a/.0123456789abcdef0123456789abcdef.tmp",
            "a/.b.0123456789abcdef0123456789abcdeg.tmp", ".a/b.0123456789abcdef0123456789abcdef.tmp",
        ] {
            #expect(AzureStagingName(blob: name) == nil, "\(name)")
        }
    }
}
