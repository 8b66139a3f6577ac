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

    /// Names of one directory that are kept, in bytes; of a larger one it is a part, from where it was needed.
    static let snapshotBytes = 4 << 20
    /// All that is kept.
    static let totalBytes = 8 << 20
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

    /// Whether the names of a directory that was read from its beginning go on beyond what fits into a snapshot.
    func isPartial(_ path: UnsafeRawBufferPointer) -> Bool {
        state.withLock { $0.snapshots.contains { $0.path.elementsEqual(path) && $0.names.hasMore } }
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
