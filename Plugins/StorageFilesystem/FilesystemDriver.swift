import CLinux
import Glibc
import PluginKit
import Synchronization

/// Objects as files below a directory, by synchronous system calls on the calling thread.
///
/// Every path is resolved below the descriptor of the root. A symbolic link is never an object; the operator's links to
/// directories are followed on the way to one.
final class FilesystemDriver: BlockingStorageDriver {
    private let options: FilesystemOptions
    private let host: Host
    private let sweep = Sweep()
    /// -1 before start.
    private let rootDescriptor = Atomic<Int32>(-1)
    /// Whether the root lies in memory, where reading never waits.
    private let isInMemory = Atomic<Bool>(false)
    /// What is known of large directories.
    let snapshots = FolderSnapshots()

    var log: HostLog { host.log }

    init(_ options: FilesystemOptions, _ host: Host) {
        self.options = options
        self.host = host
    }

    deinit {
        let root = rootDescriptor.load(ordering: .relaxed)
        if root >= 0 { close(root) }
    }

    /// A condition on the tag can't be tested and acted on in one step against other processes, so `.ifMatch` isn't
    /// claimed.
    var capabilities: StorageCapabilities {
        [
            .putIfAbsent, .atomicMove, .copy, .batchRemove, .resume, .fileDescriptorRead, .fileDescriptorWrite, .walk,
            .strongList, .removeTree, .take,
        ]
    }

    var maximumConcurrency: UInt32 { UInt32(clamping: options.maximumThreads) }

    /// The descriptor of the root directory.
    @inline(__always)
    var root: Int32 { rootDescriptor.load(ordering: .relaxed) }

    func start(_ call: CallContext) throws(PluginError) {
        let path = options.rootDirectory
        try makeRoot(path)
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw rootError("opening") }
        isInMemory.store(linux_lies_in_memory(descriptor) != 0, ordering: .relaxed)
        let previous = rootDescriptor.exchange(descriptor, ordering: .relaxed)
        if previous >= 0 { close(previous) }
        sweep.start(root: descriptor, host)
    }

    func stop() { sweep.stop() }

    func health(_ call: CallContext) throws(PluginError) -> Health {
        var status = Glibc.stat()
        guard fstat(root, &status) == 0, status.st_nlink > 0 else {
            return Health(.down, "the root directory \(options.rootDirectory) is gone")
        }
        return faccessat(root, ".", R_OK | W_OK | X_OK, 0) == 0
            ? Health(.ok) : Health(.degraded, "the root directory can't be written")
    }

    /// Makes the root directory and those above it.
    private func makeRoot(_ path: String) throws(PluginError) {
        var made = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: true) {
            made += made.isEmpty && !path.hasPrefix("/") ? part : "/" + part
            if mkdir(made, 0o777) != 0, errno != EEXIST, errno != EACCES, errno != EROFS {
                throw rootError("making")
            }
        }
    }

    private func rootError(_ what: String) -> PluginError {
        let code = errno
        let kind: PluginError.Code = code == EACCES || code == EPERM || code == EROFS ? .permission : .unavailable
        let reason = String(cString: strerror(code))
        return PluginError(kind, "\(what) the root directory \(options.rootDirectory): \(reason)", osErrno: code)
    }
}

// MARK: - Looking

extension FilesystemDriver {
    func stat(_ path: StoragePath, _ call: CallContext) throws(PluginError) -> ObjectStat {
        var status = Glibc.stat()
        if call.mustNotWait {
            try statFromMemory(path, &status)
        } else {
            try withCPath(path.relative) { name throws(PluginError) in
                guard fstatat(root, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                    throw posixError("looking at a path")
                }
            }
        }
        if status.isRegular { return status.objectStat }
        // An empty directory counts too: Distribution keeps them and takes them for existing.
        if status.isDirectory { return ObjectStat(prefixModifiedNanoseconds: status.modifiedNanoseconds) }
        throw .notFound
    }

    func readContent(at path: StoragePath, limit: UInt64, _ call: CallContext) throws(PluginError) -> OwnedBytes {
        var status = Glibc.stat()
        let file = try openObject(path, &status, call)
        guard UInt64(clamping: status.st_size) <= limit else {
            throw PluginError(.range, "the object is larger than the limit", noEffect: true)
        }
        return try readWhole(file.raw, Int(status.st_size), call)
    }

    func openReader(
        at path: StoragePath, offset: UInt64, length: UInt64, _ call: CallContext
    ) throws(PluginError) -> OpenedObject {
        var status = Glibc.stat()
        let file = try openObject(path, &status, call)
        let stat = status.objectStat
        let window = try ReadWindow(offset: offset, length: length, ofSize: stat.size)
        return OpenedObject(size: stat.size, window: window, etag: stat.etag, file: file)
    }

    /// Opens an object for reading; a prefix, a link or anything else that isn't a regular file isn't one.
    func openObject(
        _ path: StoragePath, _ status: inout stat, _ call: CallContext
    ) throws(PluginError) -> OwnedDescriptor {
        // O_NONBLOCK: a pipe that somebody put there must not hold us.
        let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY
        let mustNotWait = call.mustNotWait
        let descriptor = try withCPath(path.relative) { name throws(PluginError) in
            mustNotWait ? linux_open_cached(root, name, flags) : retrying { openat(root, name, flags) }
        }
        // Whatever else it is, the way that may wait finds out.
        guard descriptor >= 0 || !mustNotWait else { throw .wouldWait }
        guard descriptor >= 0 else { throw errno == ENXIO ? .notFound : posixError("opening an object") }
        let file = OwnedDescriptor(descriptor)
        guard fstat(descriptor, &status) == 0 else { throw posixError("looking at an object") }
        guard status.isRegular else { throw .notFound }
        return file
    }

    private func readWhole(_ file: Int32, _ size: Int, _ call: CallContext) throws(PluginError) -> OwnedBytes {
        guard size > 0 else { return OwnedBytes() }
        guard let memory = malloc(size) else { throw PluginError(.busy, "no memory for the object") }
        let bytes = OwnedBytes(malloced: memory, count: size)
        var position = 0
        while position < size {
            let count = retrying { read(file, memory + position, min(size - position, 4 << 20), off_t(position), call) }
            if count < 0, call.mustNotWait { throw .wouldWait }
            guard count > 0 else {
                throw count == 0
                    ? PluginError(.corrupt, "the file was cut while it was read") : posixError("reading an object")
            }
            position += count
            if position < size { try call.checkCancellation() }
        }
        return bytes
    }
}

// MARK: - From memory

extension FilesystemDriver {
    /// The status of a path, if all on the way to it is in the kernel's caches.
    private func statFromMemory(_ path: StoragePath, _ status: inout stat) throws(PluginError) {
        let descriptor = try withCPath(path.relative) { name throws(PluginError) in
            linux_open_cached(root, name, LINUX_O_PATH | O_CLOEXEC | O_NOFOLLOW)
        }
        guard descriptor >= 0 else { throw .wouldWait }
        defer { close(descriptor) }
        guard fstat(descriptor, &status) == 0 else { throw .wouldWait }
    }

    private func read(
        _ file: Int32, _ memory: UnsafeMutableRawPointer, _ count: Int, _ offset: off_t, _ call: CallContext
    ) -> Int {
        call.mustNotWait && !isInMemory.load(ordering: .relaxed)
            ? linux_read_cached(file, memory, count, offset) : pread(file, memory, count, offset)
    }
}

// MARK: - Moving

extension FilesystemDriver {
    func move(
        _ source: StoragePath, to destination: StoragePath, if condition: Precondition, _ call: CallContext
    ) throws(PluginError) {
        guard try stat(source, call).kind == .object else {
            throw PluginError(.invalidArgument, "a prefix can't be moved", noEffect: true)
        }
        let target = destination.relative
        let targetParent = UnsafeRawBufferPointer(rebasing: target[..<parentLength(target)])
        let sourceParent = UnsafeRawBufferPointer(rebasing: source.relative[..<parentLength(source.relative)])
        let flags: UInt32 = if case .absent = condition { LINUX_RENAME_NOREPLACE } else { 0 }
        for _ in 0..<FilesystemDriver.patience {
            let directory = try makeDirectory(root, targetParent)
            let folder = directory.descriptor.raw
            let outcome = try withCPath(source.relative) { from throws(PluginError) in
                try withCPath(lastName(target)) { to throws(PluginError) in
                    renameat2(root, from, folder, to, flags) == 0 ? 0 : errno
                }
            }
            if outcome == 0 {
                try removeIfSame(source.relative, as: lastName(target), in: folder)
                try directory.sync(root: root, relative: targetParent)
                return try syncDirectory(root, sourceParent)
            }
            if let existing = directory.existingLength { removeEmptyDirectories(root, targetParent, downTo: existing) }
            if outcome == ENOENT {
                // Either the source is gone, or the directory that was made; the first ends the loop.
                _ = try stat(source, call)
                continue
            }
            if flags != 0, outcome == EINVAL || outcome == ENOSYS { throw .unsupported }
            throw creationError("moving an object", errno: outcome)
        }
        throw FilesystemDriver.removedAgain
    }

    /// Of two names of one file, as a copy makes them, a rename leaves both.
    private func removeIfSame(
        _ source: UnsafeRawBufferPointer, as target: UnsafeRawBufferPointer, in folder: Int32
    ) throws(PluginError) {
        var (first, second) = (Glibc.stat(), Glibc.stat())
        try withCPath(target) { target throws(PluginError) in
            guard fstatat(folder, target, &second, AT_SYMLINK_NOFOLLOW) == 0, second.st_nlink > 1 else { return }
            try withCPath(source) { source throws(PluginError) in
                guard fstatat(root, source, &first, AT_SYMLINK_NOFOLLOW) == 0,
                    FileIdentity(first) == FileIdentity(second)
                else { return }
                guard unlinkat(root, source, 0) == 0 || errno == ENOENT else { throw posixError("removing an object") }
            }
        }
    }
}
