import Glibc
import PluginKit

/// The entries of an open directory, one after the other, in the order of the file system.
struct DirectoryStream: ~Copyable {
    private let stream: OpaquePointer

    /// One entry; good until the next one is asked for.
    struct Entry {
        /// Ended by NUL.
        let name: UnsafePointer<CChar>
        /// `DT_*`; `DT_UNKNOWN` where the file system doesn't say.
        let type: Int

        var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: name, count: strlen(name)) }
    }

    /// Takes over the descriptor of a directory.
    init(_ directory: consuming OwnedDescriptor) throws(PluginError) {
        let raw = directory.take()
        guard let stream = fdopendir(raw) else {
            let error = posixError("reading a directory")
            close(raw)
            throw error
        }
        self.stream = stream
    }

    deinit { closedir(stream) }

    /// The directory.
    var descriptor: Int32 { dirfd(stream) }

    /// The next entry but `.` and `..`; nil at the end.
    func next() throws(PluginError) -> Entry? {
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                if errno != 0 { throw posixError("reading a directory") }
                return nil
            }
            let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name) ?? 19
            let name = (UnsafeRawPointer(entry) + offset).assumingMemoryBound(to: CChar.self)
            let dot = CChar(UInt8(ascii: "."))
            if name[0] == dot, name[1] == 0 || name[1] == dot && name[2] == 0 { continue }
            return Entry(name: name, type: Int(entry.pointee.d_type))
        }
    }

    /// What an entry is to the host; nil for what it doesn't see: links, sockets, names that aren't ours to show.
    func kind(of entry: Entry) -> ObjectStat.Kind? {
        guard StoragePath.isName(entry.bytes) else { return nil }
        switch entry.type {
        case DT_REG: return .object
        case DT_DIR: return .prefix
        case DT_UNKNOWN:
            var status = Glibc.stat()
            guard fstatat(descriptor, entry.name, &status, AT_SYMLINK_NOFOLLOW) == 0 else { return nil }
            return status.isRegular ? .object : status.isDirectory ? .prefix : nil
        default: return nil
        }
    }
}
