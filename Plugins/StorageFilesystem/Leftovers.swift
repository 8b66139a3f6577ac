import Glibc
import PluginKit

/// A walk through a tree that removes what crashes left: files of puts, of writers that nobody goes on with, and trees
/// whose removal was cut short. What a live process has locked, and what is young, stays.
final class Leftovers {
    /// Seconds. Puts take moments, and begin anew if their file is gone.
    static let putAge = 3600
    /// Seconds; as long as Distribution keeps uploads. What lies below `_uploads` is the host's, to be kept or removed.
    static let writerAge = 7 * 86400

    /// Nanoseconds for a tree at a time.
    private static let treeTime: Int64 = 1_000_000_000

    /// Deeper than names in the registry's layout go; what lies deeper is left out.
    private static let deepest = 192

    private final class Folder {
        let stream: DirectoryStream
        /// Whether uploads lie here, which the host lets end as the operator says.
        let holdsUploads: Bool

        init(_ stream: consuming DirectoryStream, holdsUploads: Bool) {
            self.stream = stream
            self.holdsUploads = holdsUploads
        }
    }

    private var folders: [Folder] = []
    private(set) var removed = 0

    init(below root: Int32) { enter(".", in: root) }

    /// Goes on for some time; `true` at the end of the tree.
    func remove(for nanoseconds: Int64) -> Bool {
        let end = Leftovers.monotonic() &+ nanoseconds
        while let folder = folders.last {
            // A folder that can't be read is left out.
            if let entry = (try? folder.stream.next()) ?? nil {
                visit(entry, in: folder, until: end)
            } else {
                folders.removeLast()
            }
            if Leftovers.monotonic() >= end { return folders.isEmpty }
        }
        return true
    }

    private func visit(_ entry: DirectoryStream.Entry, in parent: Folder, until end: Int64) {
        let folder = parent.stream.descriptor
        let isDirectory = self.isDirectory(entry, in: folder)
        // Our folders lie in the root alone: deeper, a folder of such a name is somebody's repository or tag.
        let isTop = folders.count == 1
        switch TemporaryName.purpose(of: entry.bytes) {
        case .put? where isDirectory && isTop: removeTreeIfOld(entry.name, in: folder, until: end)
        case .tree? where isTop: removeTree(entry.name, in: folder, until: end)
        case .put? where !isDirectory: removeIfOld(entry.name, in: folder)
        case .writer? where !isDirectory:
            if !parent.holdsUploads { removeIfAbandoned(entry.name, in: folder) }
        default:
            guard isDirectory, folders.count < Leftovers.deepest else { return }
            let holdsUploads = parent.holdsUploads || entry.bytes.elementsEqual("_uploads".utf8)
            enter(entry.name, in: folder, holdsUploads: holdsUploads)
        }
    }

    /// Some file systems don't say what an entry is.
    private func isDirectory(_ entry: DirectoryStream.Entry, in folder: Int32) -> Bool {
        guard entry.type == DT_UNKNOWN else { return entry.type == DT_DIR }
        var status = Glibc.stat()
        return fstatat(folder, entry.name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.isDirectory
    }

    private func enter(_ name: UnsafePointer<CChar>, in folder: Int32, holdsUploads: Bool = false) {
        let descriptor = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0, let stream = try? DirectoryStream(OwnedDescriptor(descriptor)) else { return }
        folders.append(Folder(stream, holdsUploads: holdsUploads))
    }

    private func removeTreeIfOld(_ name: UnsafePointer<CChar>, in folder: Int32, until end: Int64) {
        var status = Glibc.stat()
        guard fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.isDirectory,
            status.st_mtim.tv_sec < time(nil) - Leftovers.putAge
        else { return }
        removeTree(name, in: folder, until: end)
    }

    private func removeTree(_ name: UnsafePointer<CChar>, in folder: Int32, until end: Int64) {
        let removal: ()? = try? TreeRemoval.remove(name, in: folder) { () throws(PluginError) in
            // The rest of it is for the next day.
            if Leftovers.monotonic() >= end &+ Leftovers.treeTime { throw .wouldWait }
        }
        if removal != nil { removed += 1 }
    }

    private func removeIfOld(_ name: UnsafePointer<CChar>, in folder: Int32) {
        var status = Glibc.stat()
        guard fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0,
            isOlder(status, than: Leftovers.putAge)
        else { return }
        if unlinkat(folder, name, 0) == 0 { removed += 1 }
    }

    private func removeIfAbandoned(_ name: UnsafePointer<CChar>, in folder: Int32) {
        var status = Glibc.stat()
        guard fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) == 0,
            isOlder(status, than: Leftovers.writerAge)
        else { return }
        let descriptor = openat(folder, name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { return }
        let file = OwnedDescriptor(descriptor)
        // With the lock nobody can go on with the bytes. Whoever had it may have written or committed until now.
        var locked = Glibc.stat()
        var named = Glibc.stat()
        guard flock(file.raw, LOCK_EX | LOCK_NB) == 0, fstat(file.raw, &locked) == 0,
            isOlder(locked, than: Leftovers.writerAge), fstatat(folder, name, &named, AT_SYMLINK_NOFOLLOW) == 0,
            FileIdentity(locked) == FileIdentity(named)
        else { return }
        if unlinkat(folder, name, 0) == 0 { removed += 1 }
    }

    private func isOlder(_ status: stat, than age: Int) -> Bool {
        status.isRegular && status.st_mtim.tv_sec < time(nil) - age
    }

    private static func monotonic() -> Int64 {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        return Int64(now.tv_sec) &* 1_000_000_000 &+ Int64(now.tv_nsec)
    }
}
