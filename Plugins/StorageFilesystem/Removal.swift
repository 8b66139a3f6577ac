import Glibc
import PluginKit

extension FilesystemDriver {
    func remove(_ path: StoragePath, tree: Bool, _ call: CallContext) throws(PluginError) {
        let outcome = try withCPath(path.relative) { name throws(PluginError) in
            unlinkat(root, name, 0) == 0 ? 0 : errno
        }
        var isPrefix = outcome == EISDIR
        if outcome == EPERM { isPrefix = try stat(path, call).kind == .prefix }
        if !tree {
            if isPrefix { return try removeEmptyFolder(path) }
            guard outcome == 0 else { throw posixError("removing an object", errno: outcome) }
            return
        }
        if isPrefix { return try removeDirectory(path.relative, call) }
        guard outcome == 0 || outcome == ENOENT else { throw posixError("removing a tree", errno: outcome) }
        let removed = try removeSuspended(path.relative)
        guard outcome == 0 || removed else { throw .notFound }
    }

    /// A folder without anything in it is a prefix only by courtesy, and goes like an object.
    private func removeEmptyFolder(_ path: StoragePath) throws(PluginError) {
        let outcome = try withCPath(path.relative) { name throws(PluginError) in
            unlinkat(root, name, AT_REMOVEDIR) == 0 ? 0 : errno
        }
        switch outcome {
        case 0: return
        case ENOTEMPTY, EEXIST: throw PluginError(.invalidArgument, "a prefix stands at this path", noEffect: true)
        default: throw posixError("removing a directory", errno: outcome)
        }
    }

    /// Takes a directory out of the tree in one step, so that nobody sees half of it, also after a crash, and what is put
    /// at its path meanwhile is left alone. Then its files are removed; what can't be removed now goes with a sweep.
    private func removeDirectory(_ relative: UnsafeRawBufferPointer, _ call: CallContext) throws(PluginError) {
        let grave = TemporaryName.removedTree()
        let outcome = try withCPath(relative) { name throws(PluginError) in
            grave.withCString { renameat(root, name, root, $0) == 0 ? 0 : errno }
        }
        switch outcome {
        case 0:
            grave.withCString { grave in
                do throws(PluginError) {
                    try TreeRemoval.remove(grave, in: root, call)
                } catch {
                    log.write(
                        .info, "a removed folder is emptied later: \(error.message)", [("path", String(cString: grave))]
                    )
                }
            }
        case ENOENT: throw .notFound
        default:
            // A mount point, another file system behind a link, or a folder that we may empty but not move.
            try withCPath(relative) { name throws(PluginError) in try TreeRemoval.remove(name, in: root, call) }
        }
    }

    /// Removes the suspended bytes of writers at a path; whether there were any.
    private func removeSuspended(_ relative: UnsafeRawBufferPointer) throws(PluginError) -> Bool {
        let parent = UnsafeRawBufferPointer(rebasing: relative[..<parentLength(relative)])
        do throws(PluginError) {
            let directory = try openDirectory(root, parent)
            let tokens = try suspendedTokens(directory, lastName(relative))
            for token in tokens {
                guard let name = TemporaryName(for: lastName(relative), token: token) else { continue }
                _ = name.withCString { unlinkat(directory.raw, $0, 0) }
            }
            return !tokens.isEmpty
        } catch {
            if error.code == .notFound { return false }
            throw error
        }
    }

    /// The tokens of the suspended bytes for an object, those written last first.
    func suspendedTokens(
        _ directory: borrowing OwnedDescriptor, _ name: UnsafeRawBufferPointer
    ) throws(PluginError) -> [[UInt8]] {
        let pattern = TemporaryName(for: name, .writer)
        let copy = openat(directory.raw, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard copy >= 0 else { throw posixError("opening a directory") }
        let stream = try DirectoryStream(OwnedDescriptor(copy))
        var found: [(token: [UInt8], modified: Int64)] = []
        while let entry = try stream.next() {
            guard let token = pattern.tokenOfSibling(entry.bytes) else { continue }
            var status = Glibc.stat()
            guard fstatat(directory.raw, entry.name, &status, AT_SYMLINK_NOFOLLOW) == 0, status.isRegular else {
                continue
            }
            found.append((token, status.modifiedNanoseconds))
        }
        return found.sorted { $0.modified > $1.modified }.map(\.token)
    }
}
