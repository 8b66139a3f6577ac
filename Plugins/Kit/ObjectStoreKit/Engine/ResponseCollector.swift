/// The body of a response that isn't streamed, in as few pieces as its announced length allows.
struct ResponseCollector {
    private var full: [SharedBytes.Piece] = []
    private var block: Block?
    private var used = 0
    private var count = 0
    private let limit: Int

    init(limit: Int) { self.limit = max(limit, 0) }

    /// Adds bytes; false if they are more than the limit. `announced`: what `Content-Length` says.
    mutating func append(_ bytes: UnsafeRawBufferPointer, announced: UInt64?) -> Bool {
        guard bytes.count <= limit - count else { return false }
        var rest = bytes
        while !rest.isEmpty {
            let block = current(wanted: rest.count, announced: announced)
            let room = UnsafeMutableRawBufferPointer(rebasing: block.memory[used...])
            let part = UnsafeRawBufferPointer(rebasing: rest.prefix(room.count))
            room.copyMemory(from: part)
            used += part.count
            count += part.count
            rest = UnsafeRawBufferPointer(rebasing: rest[part.count...])
        }
        return true
    }

    /// All of it.
    mutating func finish() -> SharedBytes {
        close()
        defer { full = [] }
        return SharedBytes(pieces: full)
    }

    /// A block with room: as long as the whole body if that is known, else twice the last one.
    private mutating func current(wanted: Int, announced: UInt64?) -> Block {
        if let block, used < block.memory.count { return block }
        close()
        let expected = announced.flatMap { $0 <= UInt64(limit) ? Int($0) - count : nil } ?? 0
        let size = expected >= wanted ? expected : min(max(16 << 10, wanted, count), 1 << 20)
        let made = Block.allocate(max(size, 1))
        block = made
        return made
    }

    private mutating func close() {
        if let block, used > 0 {
            full.append(.init(owner: block, bytes: UnsafeRawBufferPointer(rebasing: block.memory[..<used])))
        }
        block = nil
        used = 0
    }
}
