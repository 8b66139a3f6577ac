import CLinux
import Glibc
import PluginKit

extension FilesystemDriver {
    /// Goes on with an object itself: its file gets a temporary name, and what lies behind `offset` is cut off.
    func take(
        _ relative: UnsafeRawBufferPointer, at offset: UInt64?, etag: String, _ call: CallContext
    ) throws(PluginError) -> FileWriter {
        let name = lastName(relative)
        let directory = try openDirectory(root, UnsafeRawBufferPointer(rebasing: relative[..<parentLength(relative)]))
        let file = try openForWriting(name, in: directory.raw)
        guard flock(file.raw, LOCK_EX | LOCK_NB) == 0 else {
            throw PluginError(.busy, "another writer has these bytes open", noEffect: true)
        }
        var status = Glibc.stat()
        guard fstat(file.raw, &status) == 0 else { throw posixError("looking at an object") }
        guard status.isRegular else { throw .notFound }
        guard etag.isEmpty || EntityTag(etag).map({ $0 == status.objectStat.etag }) == true else {
            throw PluginError(.precondition, "the object has another tag", noEffect: true)
        }
        let size = UInt64(clamping: status.st_size)
        let end = offset ?? size
        guard end <= size else { throw .offset(durable: size) }
        let temporary = try rename(name, holding: FileIdentity(status), in: directory.raw)
        do throws(PluginError) {
            guard fstat(file.raw, &status) == 0 else { throw posixError("looking at an object") }
            if status.st_nlink > 1 {
                // A copy shares the file.
                let writer = try newWriter(relative, with: file.raw, length: end, call)
                _ = temporary.withCString { unlinkat(directory.raw, $0, 0) }
                return writer
            }
            if end < size, ftruncate(file.raw, off_t(clamping: end)) != 0 { throw posixError("cutting a file") }
        } catch {
            putBack(temporary, name, in: directory.raw)
            throw error
        }
        return FileWriter(self, relative, PartialFile(file, temporary, offset: end), existingLength: nil)
    }

    private func openForWriting(
        _ name: UnsafeRawBufferPointer, in directory: Int32
    ) throws(PluginError) -> OwnedDescriptor {
        let flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK
        let descriptor = try withCPath(name) { name throws(PluginError) in
            retrying { openat(directory, name, flags) }
        }
        guard descriptor >= 0 else {
            throw errno == EISDIR || errno == ENXIO ? .notFound : posixError("opening an object")
        }
        return OwnedDescriptor(descriptor)
    }

    /// Gives the file a temporary name. Between opening and renaming another file may have taken its
    /// place.
    private func rename(
        _ name: UnsafeRawBufferPointer, holding identity: FileIdentity, in directory: Int32
    ) throws(PluginError) -> TemporaryName {
        let temporary = TemporaryName(for: name, .writer)
        var named = Glibc.stat()
        let outcome = try withCPath(name) { name throws(PluginError) in
            guard fstatat(directory, name, &named, AT_SYMLINK_NOFOLLOW) == 0, FileIdentity(named) == identity else {
                return ENOENT
            }
            return temporary.withCString { renameat(directory, name, directory, $0) == 0 ? 0 : errno }
        }
        guard outcome == 0 else { throw posixError("taking an object", errno: outcome) }
        guard temporary.withCString({ fstatat(directory, $0, &named, AT_SYMLINK_NOFOLLOW) }) == 0,
            FileIdentity(named) == identity
        else {
            putBack(temporary, name, in: directory)
            throw PluginError(.busy, "the object was replaced meanwhile", noEffect: true)
        }
        return temporary
    }

    /// What could not be taken is an object again, unless another one has come since.
    private func putBack(_ temporary: TemporaryName, _ name: UnsafeRawBufferPointer, in directory: Int32) {
        _ = try? withCPath(name) { name throws(PluginError) in
            temporary.withCString { own in
                if renameat2(directory, own, directory, name, LINUX_RENAME_NOREPLACE) != 0, errno == EEXIST {
                    unlinkat(directory, own, 0)
                }
            }
        }
    }
}
