import Synchronization

/// What an engine's thread counts; others may look.
final class EngineCounters: Sendable {
    private let openedSockets = Atomic<Int>(0)
    private let connectionCount = Atomic<Int>(0)
    private let liveTransfers = Atomic<Int>(0)
    private let sentBytes = Atomic<Int>(0)
    private let receivedBytes = Atomic<Int>(0)

    // One thread writes, so that reading and storing apart loses nothing.
    var opened: Int {
        get { openedSockets.load(ordering: .relaxed) }
        set { openedSockets.store(newValue, ordering: .relaxed) }
    }
    var connections: Int {
        get { connectionCount.load(ordering: .relaxed) }
        set { connectionCount.store(newValue, ordering: .relaxed) }
    }
    var live: Int {
        get { liveTransfers.load(ordering: .relaxed) }
        set { liveTransfers.store(newValue, ordering: .relaxed) }
    }
    var sent: Int {
        get { sentBytes.load(ordering: .relaxed) }
        set { sentBytes.store(newValue, ordering: .relaxed) }
    }
    var received: Int {
        get { receivedBytes.load(ordering: .relaxed) }
        set { receivedBytes.store(newValue, ordering: .relaxed) }
    }
}
