/// How fast a transfer goes, and when that is too slow. Times are those of `MonotonicClock`.
struct TransferPace {
    private let timeouts: HTTPTimeouts
    /// When the current phase began, or the last pause ended.
    private(set) var start: Int64
    private var lastMove: Int64
    private var windowStart: Int64
    private var windowBytes = 0
    /// Bytes that moved since the last look; the clock is read only then.
    private var unseen = 0

    init(_ timeouts: HTTPTimeouts) {
        self.timeouts = timeouts
        start = MonotonicClock.now()
        lastMove = start
        windowStart = start
    }

    /// Bytes went or came.
    mutating func moved(_ count: Int) { unseen &+= count }

    /// A new phase, or the end of a pause.
    mutating func restart() {
        start = MonotonicClock.now()
        lastMove = start
        windowStart = start
        windowBytes = 0
        unseen = 0
    }

    /// Whether the answer has been awaited for too long.
    func isLate(_ now: Int64) -> Bool {
        timeouts.firstByte > 0 && now >= start.adding(milliseconds: timeouts.firstByte)
    }

    /// Whether too little has moved for too long.
    mutating func isSlow(_ now: Int64) -> Bool {
        guard timeouts.lowSpeedTime > 0 else { return false }
        if unseen > 0 {
            windowBytes &+= unseen
            lastMove = now
            unseen = 0
        }
        if now >= lastMove.adding(milliseconds: timeouts.lowSpeedTime) { return true }
        guard now >= windowStart.adding(milliseconds: timeouts.lowSpeedTime) else { return false }
        let (expected, overflow) = max(timeouts.lowSpeedBytesPerSecond, 0)
            .multipliedReportingOverflow(by: timeouts.lowSpeedTime / 1000)
        let isSlow = overflow || Int64(windowBytes) < expected
        windowStart = now
        windowBytes = 0
        return isSlow
    }
}
