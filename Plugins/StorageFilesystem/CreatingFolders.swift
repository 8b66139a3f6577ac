import Glibc
import PluginKit

/// What became of an attempt to make an object together with its folders.
enum FolderOutcome {
    case done(ObjectStat)
    /// Others made or removed folders meanwhile.
    case interfered
    /// The file system doesn't let a folder be moved there.
    case impossible
}

extension FilesystemDriver {
    /// Makes an object whose folder is missing: the missing folders are made with the object in them, out of sight in the
    /// root, and moved to their place in one step. So no folder is ever seen without an object, also after a crash.
    func createWithFolders(
        _ relative: UnsafeRawBufferPointer, _ call: CallContext,
        fill: (inout PartialFile) throws(PluginError) -> Void
    ) throws(PluginError) -> FolderOutcome {
        let cradle = TemporaryName.newTree()
        let parent = UnsafeRawBufferPointer(rebasing: relative[..<parentLength(relative)])
        let above = try existingLength(of: parent)
        if above == parent.count { return .interfered }
        // The first folder that is missing; the cradle becomes it.
        let begin = above == 0 ? 0 : above + 1
        let end = relative[begin...].firstIndex(of: UInt8(ascii: "/")) ?? relative.count
        let inside = UnsafeRawBufferPointer(rebasing: relative[end...])
        guard try makeCradle(cradle) else { return .impossible }
        let outcome: Int32
        let stat: ObjectStat
        do throws(PluginError) {
            stat = try fillCradle(cradle, inside, PartialFile.mode(relative), fill)
            outcome = try withCPath(UnsafeRawBufferPointer(rebasing: relative[..<end])) { name throws(PluginError) in
                cradle.withCString { renameat(root, $0, root, name) == 0 ? 0 : errno }
            }
        } catch {
            remove(cradle, call)
            var error = error
            error.noEffect = true
            throw error
        }
        if outcome == 0 {
            try syncDirectory(root, UnsafeRawBufferPointer(rebasing: relative[..<above]))
            return .done(stat)
        }
        remove(cradle, call)
        switch outcome {
        case ENOENT, EEXIST, ENOTEMPTY: return .interfered
        case ENOTDIR, ELOOP, ENOSPC, EDQUOT, EIO, EROFS, ENAMETOOLONG:
            throw creationError("making a directory", errno: outcome)
        default: return .impossible
        }
    }

    /// `false`: the root itself may not be written, as where only a folder below it was given to the server.
    private func makeCradle(_ cradle: TemporaryName) throws(PluginError) -> Bool {
        let outcome = cradle.withCString { mkdirat(root, $0, 0o777) == 0 ? 0 : errno }
        if outcome == EACCES || outcome == EPERM || outcome == EROFS { return false }
        guard outcome == 0 else { throw creationError("making a directory", errno: outcome) }
        return true
    }

    private func remove(_ cradle: TemporaryName, _ call: CallContext) {
        // What can't be removed now goes with a sweep.
        cradle.withCString { cradle in try? TreeRemoval.remove(cradle, in: root) { () throws(PluginError) in } }
    }

    /// Length of the part of a path that stands.
    private func existingLength(of relative: UnsafeRawBufferPointer) throws(PluginError) -> Int {
        var length = relative.count
        while length > 0 {
            let part = UnsafeRawBufferPointer(rebasing: relative[..<length])
            let outcome = try withCPath(part) { name throws(PluginError) in
                faccessat(root, name, F_OK, 0) == 0 ? 0 : errno
            }
            if outcome == 0 { return length }
            guard outcome == ENOENT else { throw creationError("looking at a directory", errno: outcome) }
            length = parentLength(part)
        }
        return 0
    }

    /// Makes the folders in the cradle and the object, all of them durable.
    /// - Parameter inside: the object's path in the cradle, with a slash before it.
    private func fillCradle(
        _ cradle: TemporaryName, _ inside: UnsafeRawBufferPointer, _ mode: mode_t,
        _ fill: (inout PartialFile) throws(PluginError) -> Void
    ) throws(PluginError) -> ObjectStat {
        let base = cradle.withCString { [UInt8](UnsafeRawBufferPointer(start: $0, count: strlen($0))) }
        let path = base + inside
        return try path.withBytes { path throws(PluginError) in
            var ends = [base.count]
            ends += inside.indices.dropFirst().filter { inside[$0] == UInt8(ascii: "/") }.map { base.count + $0 }
            for end in ends.dropFirst() {
                let outcome = try withCPath(UnsafeRawBufferPointer(rebasing: path[..<end])) {
                    name throws(PluginError) in
                    mkdirat(root, name, 0o777)
                }
                guard outcome == 0 else { throw creationError("making a directory") }
            }
            let descriptor = try withCPath(path) { name throws(PluginError) in
                openat(root, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)
            }
            guard descriptor >= 0 else { throw creationError("creating a file") }
            var file = PartialFile(OwnedDescriptor(descriptor), cradle)
            try fill(&file)
            try file.stamp()
            let stat = try file.sync()
            for end in ends.reversed() { try syncDirectory(root, UnsafeRawBufferPointer(rebasing: path[..<end])) }
            return stat
        }
    }
}
