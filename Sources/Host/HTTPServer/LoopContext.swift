import Glibc
import NIOCore

/// Something on an event loop that time and the end of the server concern.
protocol Watched: AnyObject {
    /// Its place in the loop's list; -1 when it is not there. For the list alone.
    var watchIndex: Int { get set }

    /// Called about once in `LoopContext.interval` with the loop's clock.
    func sweep(tick: Int)

    /// Finish what runs, then close.
    func drain()

    /// Close now.
    func abort()
}

/// What the connections of one event loop share: executor, clock, cached `Date`, the list for the sweep.
///
/// Time-outs are counted in ticks of one repeating task per loop: a request costs no scheduled task and no reading of
/// the clock.
final class LoopContext: @unchecked Sendable {  // Guard: all mutable state is touched on `loop` only.
    let loop: any EventLoop
    let core: ServerCore
    let executor: LoopExecutor
    let ticks: Ticks
    /// The loop's clock.
    private(set) var tick = 0
    /// The `Date`, at most about a second old.
    private(set) var date = ""
    /// The same as a line of an HTTP/1 head.
    private(set) var dateLine: [UInt8] = []
    private var dateSecond: time_t = 0
    /// Whether the server is going down.
    private(set) var isDraining = false
    /// Where heads are encoded; its storage is reused when the last write has left it.
    var scratch = ByteBuffer()
    private var watched: [any Watched] = []
    private var sweeper: RepeatedTask?

    init(loop: any EventLoop, core: ServerCore) {
        self.loop = loop
        self.core = core
        executor = LoopExecutor(loop: loop)
        ticks = Ticks(core.configuration.timeouts)
    }

    func watch(_ object: any Watched) {
        object.watchIndex = watched.count
        watched.append(object)
        if sweeper == nil { startSweeping() }
    }

    func unwatch(_ object: any Watched) {
        let index = object.watchIndex
        guard index >= 0, index < watched.count else { return }
        object.watchIndex = -1
        let last = watched.removeLast()
        guard last !== object else { return }
        watched[index] = last
        last.watchIndex = index
    }

    func drain() {
        isDraining = true
        for object in watched { object.drain() }
    }

    func abort() {
        isDraining = true
        for object in watched { object.abort() }
    }

    private func startSweeping() {
        refreshDate()
        sweeper = loop.scheduleRepeatedTask(initialDelay: ticks.interval, delay: ticks.interval) { [self] _ in
            sweep()
        }
    }

    /// An idle loop sleeps: the sweep stops itself when there is nothing to watch.
    private func sweep() {
        tick &+= 1
        refreshDate()
        if watched.isEmpty {
            sweeper?.cancel()
            sweeper = nil
        }
        for object in watched { object.sweep(tick: tick) }
    }

    private func refreshDate() {
        let now = time(nil)
        guard now != dateSecond else { return }
        dateSecond = now
        date = HTTPDate.string(now)
        dateLine = Array("Date: \(date)\r\n".utf8)
    }
}

/// The time-outs in ticks.
struct Ticks: Sendable {
    let interval: TimeAmount
    let header: Int
    let keepAlive: Int
    let bodyStall: Int
    let writeStall: Int
    let linger: Int

    init(_ timeouts: HTTPServerConfiguration.Timeouts) {
        let shortest =
            [
                timeouts.header, timeouts.keepAlive, timeouts.bodyStall, timeouts.writeStall, timeouts.linger,
            ].map(Ticks.nanoseconds).min() ?? 1
        let step = min(1_000_000_000, max(10_000_000, shortest / 4))
        interval = .nanoseconds(step)
        func count(_ duration: Duration) -> Int {
            Int(clamping: max(1, Ticks.nanoseconds(duration) / step))
        }
        header = count(timeouts.header)
        keepAlive = count(timeouts.keepAlive)
        bodyStall = count(timeouts.bodyStall)
        writeStall = count(timeouts.writeStall)
        linger = count(timeouts.linger)
    }

    /// Saturates at about 146 years.
    static func nanoseconds(_ duration: Duration) -> Int64 {
        let (seconds, attoseconds) = duration.components
        guard seconds < Int64.max / 2_000_000_000 else { return Int64.max / 2 }
        return max(0, seconds * 1_000_000_000 + attoseconds / 1_000_000_000)
    }
}

/// RFC 9110 §5.6.7.
enum HTTPDate {
    private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    private static let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ]

    static func string(_ seconds: time_t) -> String {
        var seconds = seconds
        var parts = tm()
        gmtime_r(&seconds, &parts)
        let day = days[Int(parts.tm_wday) % 7]
        let month = months[Int(parts.tm_mon) % 12]
        let clock = [parts.tm_hour, parts.tm_min, parts.tm_sec].map(two).joined(separator: ":")
        return "\(day), \(two(parts.tm_mday)) \(month) \(Int(parts.tm_year) + 1900) \(clock) GMT"
    }

    private static func two(_ value: CInt) -> String {
        value < 10 ? "0\(value)" : "\(value)"
    }
}
