import CLinux
import Glibc

/// What the kernel says of a directory that changes with every name that comes, goes or becomes another.
struct FolderVersion: Sendable, Equatable {
    private let device: UInt64
    private let inode: UInt64
    private let links: UInt64
    private let size: Int64
    private let modified: Int64
    /// Nobody can set this one.
    private let changed: Int64

    init(_ status: stat) {
        device = UInt64(truncatingIfNeeded: status.st_dev)
        inode = UInt64(truncatingIfNeeded: status.st_ino)
        links = UInt64(truncatingIfNeeded: status.st_nlink)
        size = Int64(truncatingIfNeeded: status.st_size)
        modified = status.modifiedNanoseconds
        changed = Int64(status.st_ctim.tv_sec) &* 1_000_000_000 &+ Int64(status.st_ctim.tv_nsec)
    }

    /// The version of an open directory.
    init?(_ directory: Int32) {
        var status = stat()
        guard fstat(directory, &status) == 0 else { return nil }
        self.init(status)
    }

    /// Whether every change from now on will give another version. Times of files come from a clock that ticks: two changes
    /// within one tick have the same time, so what was changed just now may change again and look the same.
    func isSettled(at now: FolderClock) -> Bool {
        // Without nanoseconds the file system may keep whole seconds only.
        let tick: Int64 = changed % 1_000_000_000 == 0 ? 2_100_000_000 : 100_000_000
        let (age, overflow) = now.wall.subtractingReportingOverflow(changed)
        return !overflow && age > tick
    }

    /// Whether the directory is of a size that is worth remembering. File systems count blocks, bytes or entries.
    var mayBeLarge: Bool { size > 4096 }
}

/// The clock that file times come from, and how it stands to the one that is never set.
struct FolderClock: Sendable {
    let wall: Int64
    private let steady: Int64

    static var now: FolderClock { FolderClock(wall: read(CLOCK_REALTIME), steady: read(CLOCK_BOOTTIME)) }

    /// Whether the clock was set back since: then a change may have been given a time that had been before. Half of what
    /// makes a version settled is tolerated, as the two clocks are read one after the other.
    func wasSetBack(before later: FolderClock) -> Bool {
        (later.wall &- later.steady) &- (wall &- steady) < -50_000_000
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}
