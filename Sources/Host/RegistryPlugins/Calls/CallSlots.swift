import Glibc
import PluginABI
import RegistryStorage
import Synchronization

/// All slots of the process. It only grows, up to a bound; beyond it calls are refused as busy.
final class CallSlots: @unchecked Sendable {
    // @unchecked: `table` is written once per index before `count` tells of it; the rest is atomic or locked.

    static let shared = CallSlots()
    static let indexBits = 20
    /// The most calls that can be outstanding at once.
    static let limit = 1 << 16
    private static let cacheSize = 16

    private let table: UnsafeMutablePointer<Unmanaged<CallSlot>?>
    private let count = Atomic<UInt32>(0)
    private let free = Mutex<[UInt32]>([])
    /// One spare slot (index + 1, 0: none) per group of threads, so that the usual call takes no lock.
    private let cache: UnsafeMutablePointer<AtomicCell>

    private init() {
        table = .allocate(capacity: Self.limit)
        table.initialize(repeating: nil, count: Self.limit)
        cache = .allocate(capacity: Self.cacheSize)
        for index in 0..<Self.cacheSize { (cache + index).initialize(to: .init()) }
    }

    private var cacheCell: UnsafeMutablePointer<AtomicCell> {
        let thread = UInt(pthread_self())
        // Thread descriptors lie megabytes apart: fold the upper bits in.
        return cache + Int((thread >> 12 ^ thread >> 20 ^ thread >> 23) % UInt(Self.cacheSize))
    }

    /// A slot for one call.
    func acquire() throws(StorageError) -> CallSlot {
        let spare = cacheCell.pointee.value.exchange(0, ordering: .acquiringAndReleasing)
        if spare != 0, let slot = table[Int(spare - 1)] { return slot.takeUnretainedValue() }
        if let index = free.withLock({ $0.popLast() }), let slot = table[Int(index)] {
            return slot.takeUnretainedValue()
        }
        return try grow()
    }

    /// Takes a finished slot back.
    func release(_ slot: CallSlot) {
        let (exchanged, _) = cacheCell.pointee.value.compareExchange(
            expected: 0, desired: slot.index + 1, ordering: .acquiringAndReleasing)
        if !exchanged { free.withLock { $0.append(slot.index) } }
    }

    /// The slot and generation that a `done_ctx` names; nil if it names none that ever was.
    func find(_ context: UnsafeMutableRawPointer?) -> (slot: Unmanaged<CallSlot>, generation: UInt64)? {
        let value = UInt64(UInt(bitPattern: context))
        let index = UInt32(truncatingIfNeeded: value & (1 << UInt64(Self.indexBits) - 1))
        guard index < count.load(ordering: .acquiring), let slot = table[Int(index)] else { return nil }
        return (slot, value >> UInt64(Self.indexBits))
    }

    /// Looks after all waiting calls.
    /// - Returns: whether any waits.
    func checkDeadlines(now: UInt64) -> Bool {
        var anyWaits = false
        for index in 0..<Int(count.load(ordering: .acquiring)) {
            guard let slot = table[index] else { continue }
            if slot.takeUnretainedValue().check(now: now) { anyWaits = true }
        }
        return anyWaits
    }

    /// Whether any call waits.
    var anyWaits: Bool {
        (0..<Int(count.load(ordering: .acquiring))).contains { table[$0]?.takeUnretainedValue().state == .waiting }
    }

    private func grow() throws(StorageError) -> CallSlot {
        let slot: CallSlot? = free.withLock { _ in
            let index = count.load(ordering: .relaxed)
            guard Int(index) < Self.limit else { return nil }
            let slot = CallSlot(index: index)
            slot.word.store(1 << 3, ordering: .relaxed)
            table[Int(index)] = .passRetained(slot)
            count.store(index + 1, ordering: .releasing)
            return slot
        }
        guard let slot else {
            throw StorageError(.busy, "\(Self.limit) plugin calls are outstanding")
        }
        return slot
    }
}

/// An atomic on a cache line of its own.
struct AtomicCell: ~Copyable {
    let value = Atomic<UInt32>(0)
    private let padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0)
}
