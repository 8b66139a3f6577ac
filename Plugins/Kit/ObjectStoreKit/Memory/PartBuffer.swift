/// Collects the bytes of a part. One owner; dropping it gives everything back.
public struct PartBuffer: ~Copyable, Sendable {
    private let part: Part
    /// How many bytes there are.
    public private(set) var count = 0

    init(_ part: Part) { self.part = part }

    /// How many there may be.
    public var capacity: Int { part.capacity }
    /// Whether nothing more fits.
    public var isFull: Bool { count >= part.capacity }

    /// Copies bytes to the end: as many as fit. Returns how many that were.
    /// - Throws: `.internalFailure` if there is no memory; nothing was copied beyond `count` then.
    public mutating func append(_ bytes: UnsafeRawBufferPointer) throws(StoreError) -> Int {
        let wanted = UnsafeRawBufferPointer(rebasing: bytes.prefix(max(0, capacity - count)))
        let blockSize = 1 << 20
        var rest = wanted
        while !rest.isEmpty {
            let offset = count % blockSize
            guard let block = offset == 0 ? part.grow() : part.blocks.last else {
                throw StoreError(.internalFailure, "no memory for a part", noEffect: true)
            }
            let room = UnsafeMutableRawBufferPointer(rebasing: block.memory[offset...])
            let piece = UnsafeRawBufferPointer(rebasing: rest.prefix(room.count))
            room.copyMemory(from: piece)
            count += piece.count
            rest = UnsafeRawBufferPointer(rebasing: rest[piece.count...])
        }
        return wanted.count
    }

    /// The bytes, to be shared. Their memory, and their place below the limit, is given back with the last reference.
    public consuming func freeze() -> SharedBytes {
        var pieces: [SharedBytes.Piece] = []
        var rest = count
        for block in part.blocks where rest > 0 {
            let bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(block.memory).prefix(rest))
            pieces.append(.init(owner: part, bytes: bytes))
            rest -= bytes.count
        }
        return SharedBytes(pieces: pieces)
    }
}
