import Glibc
import Synchronization

/// Memory with reference counting; goes back to its pool, if it has one, with the last reference.
final class Block: @unchecked Sendable {
    // Sendable: one holder writes, and shares the block only when it is done.
    let memory: UnsafeMutableRawBufferPointer
    private let pool: BlockPool?

    fileprivate init(_ memory: UnsafeMutableRawBufferPointer, pool: BlockPool?) {
        self.memory = memory
        self.pool = pool
    }

    /// Memory of its own, for what is small or of odd size.
    static func allocate(_ count: Int) -> Block {
        Block(.allocate(byteCount: count, alignment: 16), pool: nil)
    }

    deinit {
        if let pool { pool.give(back: memory) } else { memory.deallocate() }
    }
}

/// Blocks of one size that are used again. Some are kept when nobody needs them; the rest goes back to the system, which
/// is why they come from `mmap`: `malloc` would keep them.
final class BlockPool: Sendable {
    private struct State: @unchecked Sendable {
        // Sendable: memory that nobody uses.
        var free: [UnsafeMutableRawBufferPointer] = []
        var used = 0
    }

    let blockSize: Int
    private let kept: Int
    private let state = Mutex(State())

    /// `blockSize`: a multiple of the page size. `kept`: how many free blocks are held ready.
    init(blockSize: Int, kept: Int) {
        self.blockSize = blockSize
        self.kept = kept
    }

    /// How many blocks are in use.
    var usedBlocks: Int { state.withLock { $0.used } }

    /// A block with anything in it; nil if the system has no memory.
    func take() -> Block? {
        let ready = state.withLock { state in
            state.used += 1
            return UncheckedBox(state.free.popLast())
        }
        if let memory = ready.value { return Block(memory, pool: self) }
        let memory = mmap(nil, blockSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let memory, memory != MAP_FAILED else {
            state.withLock { $0.used -= 1 }
            return nil
        }
        return Block(UnsafeMutableRawBufferPointer(start: memory, count: blockSize), pool: self)
    }

    fileprivate func give(back memory: UnsafeMutableRawBufferPointer) {
        let given = UncheckedBox(memory)
        let isKept = state.withLock { state in
            state.used -= 1
            guard state.free.count < kept else { return false }
            state.free.append(given.value)
            return true
        }
        if !isKept { munmap(memory.baseAddress, memory.count) }
    }

    deinit {
        for memory in state.withLock({ UncheckedBox($0.free) }).value { munmap(memory.baseAddress, memory.count) }
    }
}

/// Carries a value over the border of a lock.
struct UncheckedBox<Value>: @unchecked Sendable {
    // Sendable: made for values that have one holder at a time.
    let value: Value
    init(_ value: Value) { self.value = value }
}
