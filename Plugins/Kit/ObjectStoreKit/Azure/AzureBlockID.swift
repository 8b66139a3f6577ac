/// What the id of a staged block says: its place, where its bytes begin, and which session of the writer put it there.
///
/// All ids of a blob have the same length. A session is one opening of a writer: two processes that go on with the same
/// bytes at once put blocks with different ids, so neither can commit what the other wrote.
public struct AzureBlockID: Sendable, Hashable {
    /// How many blocks come before it.
    public var index: UInt32
    /// The offset of its first byte.
    public var offset: UInt64
    /// Who put it.
    public var session: UInt32
    /// Who put the block before it; 0 for the first.
    public var previousSession: UInt32

    private static let version: UInt8 = 1
    private static let length = 21

    /// An id of known parts.
    public init(index: UInt32, offset: UInt64, session: UInt32, previousSession: UInt32) {
        self.index = index
        self.offset = offset
        self.session = session
        self.previousSession = previousSession
    }

    /// Reads an id; nil if it is somebody else's.
    public init?(_ text: String) {
        guard let bytes = Base64.decode(text), bytes.count == Self.length, bytes[0] == Self.version else { return nil }
        func number(_ range: Range<Int>) -> UInt64 { bytes[range].reduce(0) { $0 << 8 | UInt64($1) } }
        index = UInt32(truncatingIfNeeded: number(1..<5))
        offset = number(5..<13)
        session = UInt32(truncatingIfNeeded: number(13..<17))
        previousSession = UInt32(truncatingIfNeeded: number(17..<21))
    }

    /// The id as requests carry it: 28 characters of Base64.
    public var text: String {
        var bytes = [Self.version]
        func append(_ value: UInt64, _ count: Int) {
            for place in (0..<count).reversed() { bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(place * 8))) }
        }
        append(UInt64(index), 4)
        append(offset, 8)
        append(UInt64(session), 4)
        append(UInt64(previousSession), 4)
        return Base64.encode(bytes)
    }
}

/// A block that the service has.
public struct AzureBlock: Sendable, Hashable {
    /// Its id.
    public var id: AzureBlockID
    /// Its bytes.
    public var size: UInt64

    /// A block.
    public init(id: AzureBlockID, size: UInt64) {
        self.id = id
        self.size = size
    }

    /// The offset behind its last byte.
    public var end: UInt64 { id.offset.addingReportingOverflow(size).partialValue }
}

extension AzureBlock {
    /// The blocks that make up a suspended writer's bytes: from the first byte on, each going on where the one before it
    /// ends and naming its session. Blocks behind a gap are left out; a process that died leaves such.
    ///
    /// - Parameter session: whose end counts, if it put any block; else the end that lies farthest behind the start.
    public static func chain(of blocks: [AzureBlock], session: UInt32) -> [AzureBlock] {
        var reached: [UInt64: AzureBlock] = [:]
        func key(_ index: UInt32, _ session: UInt32) -> UInt64 { UInt64(index) << 32 | UInt64(session) }
        for block in blocks.sorted(by: { $0.id.index < $1.id.index }) {
            if block.id.index == 0 {
                guard block.id.offset == 0, block.id.previousSession == 0 else { continue }
            } else {
                guard let before = reached[key(block.id.index - 1, block.id.previousSession)],
                    before.end == block.id.offset
                else { continue }
            }
            reached[key(block.id.index, block.id.session)] = block
        }
        let ends = reached.values
        let mine = ends.filter { $0.id.session == session }
        guard var last = (mine.isEmpty ? Array(ends) : mine).max(by: { $0.end < $1.end }) else { return [] }
        var chain = [last]
        while last.id.index > 0, let before = reached[key(last.id.index - 1, last.id.previousSession)] {
            chain.append(before)
            last = before
        }
        return chain.reversed()
    }
}
