import Glibc
import PluginABI
import RegistryStorage
import Synchronization

/// All slots of the process. They only grow, up to a bound; beyond it calls are refused as busy.
enum CallSlots {
    /// The most calls that can be outstanding at once.
    static let limit = 1 << 16

    // Initialised at compile time, so that the usual call needs no `swift_once` to get at them.
    /// Where the table is: its places are written once each, before `count` tells of them.
    private static let tableAddress = Atomic<UInt>(0)
    private static let count = Atomic<UInt32>(0)
    /// Each thread's `SpareSlots`. No key of glibc has the first value.
    private static let spares = Atomic<pthread_key_t>(.max)
    /// Slots that no thread keeps.
    private static let free = Mutex<[CallSlot]>([])

    /// The slots that a thread keeps for its next calls, so that the usual call takes no lock: a list.
    private struct SpareSlots {
        static let most = 4
        var first: UnsafeMutablePointer<CallFields>?
        var count = 0
    }

    private static var table: UnsafeMutablePointer<UnsafeMutablePointer<CallFields>?>? {
        @inline(__always)
        get { UnsafeMutablePointer(bitPattern: tableAddress.load(ordering: .acquiring)) }
    }

    private static var spareSlots: UnsafeMutablePointer<SpareSlots>? {
        @inline(__always)
        get { pthread_getspecific(spares.load(ordering: .relaxed))?.assumingMemoryBound(to: SpareSlots.self) }
    }

    /// A slot for one call.
    @inline(__always)
    static func acquire() throws(StorageError) -> CallSlot {
        if let spares = spareSlots, let fields = spares.pointee.first {
            spares.pointee.first = fields.pointee.nextSpare
            spares.pointee.count &-= 1
            return CallSlot(fields: fields)
        }
        return try acquireShared()
    }

    /// Takes a finished slot back.
    @inline(__always)
    static func release(_ slot: CallSlot) {
        guard let spares = spareSlots, spares.pointee.count < SpareSlots.most else { return releaseShared(slot) }
        keep(slot, in: spares)
    }

    @inline(__always)
    private static func keep(_ slot: CallSlot, in spares: UnsafeMutablePointer<SpareSlots>) {
        slot.fields.pointee.nextSpare = spares.pointee.first
        spares.pointee.first = slot.fields
        spares.pointee.count &+= 1
    }

    @inline(never)
    private static func acquireShared() throws(StorageError) -> CallSlot {
        guard let slot = free.withLock({ $0.popLast() ?? grow() }) else {
            var error = StorageError(.busy, "\(limit) plugin calls are outstanding")
            error.retryAfter = .seconds(1)
            throw error
        }
        return slot
    }

    @inline(never)
    private static func releaseShared(_ slot: CallSlot) {
        guard spareSlots == nil else { return free.withLock { $0.append(slot) } }
        let memory = UnsafeMutablePointer<SpareSlots>.allocate(capacity: 1)
        memory.initialize(to: SpareSlots())
        guard pthread_setspecific(spares.load(ordering: .relaxed), memory) == 0 else {
            memory.deallocate()
            return free.withLock { $0.append(slot) }
        }
        keep(slot, in: memory)
    }

    private static func endThread(_ spares: UnsafeMutablePointer<SpareSlots>) {
        while let fields = spares.pointee.first {
            spares.pointee.first = fields.pointee.nextSpare
            free.withLock { $0.append(CallSlot(fields: fields)) }
        }
        spares.deallocate()
    }

    /// The slot that a `done_ctx` names; nil if it names none that ever was.
    @inline(__always)
    static func find(_ context: CallContext) -> CallSlot? {
        guard context.index < count.load(ordering: .acquiring) else { return nil }
        return table?[Int(context.index)].map(CallSlot.init)
    }

    private static var all: some Sequence<CallSlot> {
        let table = table
        return (0..<Int(count.load(ordering: .acquiring))).lazy.compactMap { table?[$0].map(CallSlot.init) }
    }

    /// Looks after all calls that wait or run.
    /// - Returns: whether any does.
    static func checkDeadlines(now: UInt64) -> Bool {
        all.reduce(false) { $1.check(now: now) || $0 }
    }

    /// Whether any call waits or runs.
    static var anyWaits: Bool { all.contains { $0.state.isWatched } }

    /// Makes a slot; the caller holds the lock.
    private static func grow() -> CallSlot? {
        let index = count.load(ordering: .relaxed)
        guard Int(index) < limit, let table = table ?? begin() else { return nil }
        let fields = UnsafeMutablePointer<CallFields>.allocate(capacity: 1)
        fields.initialize(to: CallFields(index: index, at: fields))
        table[Int(index)] = fields
        count.store(index + 1, ordering: .releasing)
        return CallSlot(fields: fields)
    }

    private static func begin() -> UnsafeMutablePointer<UnsafeMutablePointer<CallFields>?>? {
        var key = pthread_key_t()
        let made = pthread_key_create(&key) { spares in
            if let spares { CallSlots.endThread(spares.assumingMemoryBound(to: SpareSlots.self)) }
        }
        // Without a key every call takes the lock.
        if made == 0 { spares.store(key, ordering: .relaxed) }
        // Half a megabyte of null pointers: memory that nobody touches costs nothing, and `calloc` touches none.
        guard let zeroes = calloc(limit, MemoryLayout<UnsafeMutablePointer<CallFields>?>.stride) else { return nil }
        let memory = zeroes.bindMemory(to: UnsafeMutablePointer<CallFields>?.self, capacity: limit)
        tableAddress.store(UInt(bitPattern: memory), ordering: .releasing)
        return memory
    }
}
