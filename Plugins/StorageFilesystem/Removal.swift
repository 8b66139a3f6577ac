import Glibc
import PluginKit

extension FilesystemDriver {
    func remove(_ path: StoragePath, tree: Bool, _ call: CallContext) throws(PluginError) {
        let outcome = try withCPath(path.relative) { name throws(PluginError) in
            unlinkat(root, name, 0) == 0 ? 0 : errno
        }
        if !tree {
            if outcome == EISDIR || outcome == EPERM, try stat(path, call).kind == .prefix {
                throw PluginError(.invalidArgument, "a prefix stands at this path", noEffect: true)
            }
            guard outcome == 0 else { throw posixError("removing an object", errno: outcome) }
            return
        }
        switch outcome {
        case 0, ENOENT:
            let removed = try removeSuspended(path.relative)
            guard outcome == 0 || removed else { throw .notFound }
        case EISDIR, EPERM:
            try withCPath(path.relative) { name throws(PluginError) in
                try removeDirectory(root, name, call)
            }
        default: throw posixError("removing a tree", errno: outcome)
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

    /// Removes a directory and all below it, following no link.
    private func removeDirectory(
        _ parent: Int32, _ name: UnsafePointer<CChar>, _ call: CallContext
    ) throws(PluginError) {
        // Others may add to the directory while it is emptied.
        for _ in 0..<16 {
            let descriptor = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard descriptor >= 0 else {
                if errno == ENOENT { return }
                throw posixError("opening a directory")
            }
            try empty(OwnedDescriptor(descriptor), call)
            if unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT { return }
            guard errno == ENOTEMPTY || errno == EEXIST else { throw posixError("removing a directory") }
        }
        throw PluginError(.busy, "others keep writing below the path")
    }

    private func empty(_ directory: consuming OwnedDescriptor, _ call: CallContext) throws(PluginError) {
        let stream = try DirectoryStream(directory)
        while let entry = try stream.next() {
            try call.checkCancellation()
            if entry.type != DT_DIR, unlinkat(stream.descriptor, entry.name, 0) == 0 { continue }
            if entry.type != DT_DIR, errno == ENOENT { continue }
            guard entry.type == DT_DIR || errno == EISDIR || errno == EPERM else {
                throw posixError("removing an object")
            }
            try removeDirectory(stream.descriptor, entry.name, call)
        }
    }

    /// The tokens of the suspended bytes for an object, newest first.
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
