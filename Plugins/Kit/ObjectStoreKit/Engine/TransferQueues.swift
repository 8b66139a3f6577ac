/// The transfers that wait for a connection: one queue for each endpoint and kind, first come, first served.
///
/// libcurl could queue them itself, but it counts the wait as time for connecting, and looks at each of them all the time.
struct TransferQueues {
    private struct Key: Hashable {
        let endpoint: Endpoint
        let isStream: Bool
    }

    private struct Queue {
        var waiting: [Transfer] = []
        var first = 0
        var active = 0

        var isIdle: Bool { active == 0 && first == waiting.count }

        /// The next that hasn't been ended while it waited.
        mutating func next() -> Transfer? {
            while first < waiting.count {
                let transfer = waiting[first]
                first += 1
                if first == waiting.count || first >= 1024 {
                    waiting.removeSubrange(..<first)
                    first = 0
                }
                if transfer.phase == .queued { return transfer }
            }
            return nil
        }
    }

    private var queues: [Key: Queue] = [:]
    /// Queues that may have something to begin.
    private var ready: Set<Key> = []
    private let exchangeLimit: Int
    private let streamLimit: Int

    init(_ configuration: HTTPConfiguration) {
        exchangeLimit = max(configuration.maximumConnections, 1)
        streamLimit = max(configuration.maximumStreams, 1)
    }

    /// Whether `admit` may have something to give.
    var isReady: Bool { !ready.isEmpty }

    mutating func add(_ transfer: Transfer) {
        let key = key(of: transfer)
        queues[key, default: Queue()].waiting.append(transfer)
        ready.insert(key)
    }

    /// The transfers that may begin now; each counts as active until `release`.
    mutating func admit() -> [Transfer] {
        var admitted: [Transfer] = []
        for key in ready {
            let limit = key.isStream ? streamLimit : exchangeLimit
            while let active = queues[key]?.active, active < limit, let next = queues[key]?.next() {
                queues[key]?.active += 1
                admitted.append(next)
            }
            if queues[key]?.isIdle == true { queues[key] = nil }
        }
        ready.removeAll()
        return admitted
    }

    /// An active transfer has ended.
    mutating func release(_ transfer: Transfer) {
        let key = key(of: transfer)
        queues[key]?.active -= 1
        ready.insert(key)
    }

    private func key(of transfer: Transfer) -> Key {
        Key(endpoint: transfer.request.endpoint, isStream: transfer.stream != nil)
    }
}
