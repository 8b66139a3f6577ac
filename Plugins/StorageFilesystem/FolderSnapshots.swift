import Glibc
import PluginKit
import Synchronization

/// The sorted names of large directories, kept so that a page of a listing doesn't read all of them again. A snapshot is
/// used only while its directory's version is what it was, so an answer is never older than the question, whoever made the
/// change.
final class FolderSnapshots: Sendable {
    final class Snapshot: Sendable {
        let path: [UInt8]
        let version: FolderVersion
        /// When the reading began.
        let clock: FolderClock
        let names: NameSelection

        init(path: [UInt8], version: FolderVersion, clock: FolderClock, names: NameSelection) {
            self.path = path
            self.version = version
            self.clock = clock
            self.names = names
        }

        /// Whether these are all names of a page behind a name.
        func covers(behind name: [UInt8], _ limit: Int) -> Bool {
            if name.lexicographicallyPrecedes(names.after) { return false }
            return !names.hasMore || names.entries.count - names.position(behind: name) > limit
        }
    }

    private struct State {
        /// The one used last comes last.
        var snapshots: [Snapshot] = []
        var isReading = false
    }

    private let state = Mutex(State())

    /// Names of one directory that are kept when it is first asked for, in bytes.
    private static let firstBytes = 4 << 20
    /// The same when somebody goes on behind those; of a larger directory it is a part, from where it was needed. 100,000
    /// tags of the greatest length fit.
    private static let mostBytes = 16 << 20
    /// All that is kept.
    private static let totalBytes = 32 << 20
    /// Fewer names than these are read faster than they are looked after.
    static let fewestNames = 256

    /// A snapshot for a page, if there is one; the caller compares versions.
    func find(_ path: UnsafeRawBufferPointer, behind name: [UInt8], _ limit: Int) -> Snapshot? {
        state.withLock { state in
            guard
                let index = state.snapshots.lastIndex(where: {
                    $0.path.elementsEqual(path) && $0.covers(behind: name, limit)
                })
            else { return nil }
            let snapshot = state.snapshots.remove(at: index)
            state.snapshots.append(snapshot)
            return snapshot
        }
    }

    /// How much of a directory is to be read for a page behind a name, and behind which name that begins.
    func selection(_ path: UnsafeRawBufferPointer, behind name: [UInt8]) -> NameSelection {
        let known = state.withLock { state in
            state.snapshots.filter { $0.path.elementsEqual(path) && $0.names.hasMore }.map(\.names.byteCount).max()
        }
        guard let known else { return NameSelection(.init(bytes: Self.firstBytes), after: []) }
        return NameSelection(.init(bytes: Self.mostBytes), after: known > Self.firstBytes ? name : [])
    }

    func keep(_ snapshot: Snapshot) {
        state.withLock { state in
            // What is known of another version is of no use any more.
            state.snapshots.removeAll {
                $0.path == snapshot.path
                    && ($0.version != snapshot.version || $0.names.after == snapshot.names.after)
            }
            state.snapshots.append(snapshot)
            var total = state.snapshots.reduce(0) { $0 + $1.names.byteCount }
            while total > Self.totalBytes, let oldest = state.snapshots.first {
                total -= oldest.names.byteCount
                state.snapshots.removeFirst()
            }
        }
    }

    func drop(_ snapshot: Snapshot) {
        state.withLock { $0.snapshots.removeAll { $0 === snapshot } }
    }

    /// One directory is read whole at a time, which bounds the memory; the others are read for their page alone.
    func beginReading() -> Bool {
        state.withLock { state in
            defer { state.isReading = true }
            return !state.isReading
        }
    }

    func endReading() { state.withLock { $0.isReading = false } }
}
