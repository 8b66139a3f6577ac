import Glibc
import PluginKit

/// Removes a directory and all below it, following no link. Its stack and its open directories are bounded, however deep
/// the tree is: of a deep one only the lowest levels are open, and the way back up leads through `..`.
struct TreeRemoval {
    private final class Level {
        /// In the level above; ended by NUL.
        let name: [CChar]
        /// What must be found again on the way up.
        let identity: FileIdentity
        var stream: DirectoryStream?

        init(_ name: UnsafePointer<CChar>, _ stream: consuming DirectoryStream) throws(PluginError) {
            self.name = Array(UnsafeBufferPointer(start: name, count: strlen(name) + 1))
            identity = try FileIdentity(of: stream.descriptor)
            self.stream = consume stream
        }
    }

    private static let mostOpen = 16
    /// How often a directory may turn out not to be empty, because others write there.
    private static let patience = 64

    private let parent: Int32
    private var levels: [Level] = []
    private var collisions = 0

    /// Removes the directory of a name. What is gone already is no error.
    static func remove(
        _ name: UnsafePointer<CChar>, in parent: Int32, _ call: CallContext
    ) throws(PluginError) {
        try remove(name, in: parent) { () throws(PluginError) in try call.checkCancellation() }
    }

    /// As above; `goOn` runs before each step and may throw.
    static func remove(
        _ name: UnsafePointer<CChar>, in parent: Int32, goOn: () throws(PluginError) -> Void
    ) throws(PluginError) {
        var removal = TreeRemoval(parent: parent)
        try removal.enter(name, in: parent)
        while let level = removal.levels.last {
            try goOn()
            let descriptor = try removal.descriptor(of: level)
            if let child = try removal.emptyUpToDirectory(level) {
                try removal.enter(child, in: descriptor)
            } else {
                try removal.leave()
            }
        }
    }

    private init(parent: Int32) { self.parent = parent }

    private mutating func enter(_ name: UnsafePointer<CChar>, in directory: Int32) throws(PluginError) {
        let descriptor = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return }
            // Replaced since it was read.
            if errno == ENOTDIR || errno == ELOOP, unlinkat(directory, name, 0) == 0 || errno == ENOENT { return }
            throw posixError("opening a directory")
        }
        levels.append(try Level(name, try DirectoryStream(OwnedDescriptor(descriptor))))
        let closed = levels.count - TreeRemoval.mostOpen - 1
        if closed >= 0 { levels[closed].stream = nil }
    }

    private mutating func enter(_ name: [CChar], in directory: Int32) throws(PluginError) {
        try name.withUnsafeBufferPointer { name throws(PluginError) in
            if let base = name.baseAddress { try enter(base, in: directory) }
        }
    }

    /// Removes what isn't a directory; stops at the first that is one.
    private func emptyUpToDirectory(_ level: Level) throws(PluginError) -> [CChar]? {
        while let entry = try level.stream?.next() {
            let directory = try descriptor(of: level)
            if entry.type != DT_DIR {
                if unlinkat(directory, entry.name, 0) == 0 || errno == ENOENT { continue }
                guard errno == EISDIR || errno == EPERM && isDirectory(entry.name, in: directory) else {
                    throw posixError("removing an object")
                }
            }
            return Array(UnsafeBufferPointer(start: entry.name, count: strlen(entry.name) + 1))
        }
        return nil
    }

    private func isDirectory(_ name: UnsafePointer<CChar>, in directory: Int32) -> Bool {
        var status = Glibc.stat()
        return fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.isDirectory
    }

    /// Removes the emptied directory itself, and goes on in the one above.
    private mutating func leave() throws(PluginError) {
        let level = levels.removeLast()
        if let above = levels.last, above.stream == nil {
            let up = openat(try descriptor(of: level), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
            guard up >= 0 else { throw posixError("opening a directory") }
            let owned = OwnedDescriptor(up)
            guard try FileIdentity(of: up) == above.identity else {
                throw PluginError(.busy, "a folder was moved while it was removed")
            }
            above.stream = try DirectoryStream(owned)
        }
        let directory = if let above = levels.last { try descriptor(of: above) } else { parent }
        if unlinkat(directory, level.name, AT_REMOVEDIR) == 0 || errno == ENOENT { return }
        guard errno == ENOTEMPTY || errno == EEXIST else { throw posixError("removing a directory") }
        collisions += 1
        guard collisions < TreeRemoval.patience else {
            throw PluginError(.busy, "others keep writing below the path")
        }
        try enter(level.name, in: directory)
    }

    private func descriptor(of level: Level) throws(PluginError) -> Int32 {
        guard let descriptor = level.stream?.descriptor else {
            throw PluginError(.internalFailure, "a directory that is being emptied is not open")
        }
        return descriptor
    }
}

/// Which file a descriptor or a name stands for.
struct FileIdentity: Equatable {
    let device: UInt64
    let inode: UInt64

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
    }

    init(of descriptor: Int32) throws(PluginError) {
        var status = Glibc.stat()
        guard fstat(descriptor, &status) == 0 else { throw posixError("looking at a directory") }
        self.init(status)
    }
}
