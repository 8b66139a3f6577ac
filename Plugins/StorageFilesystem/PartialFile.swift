import CLinux
import Glibc
import PluginKit

/// A temporary file while it is filled. It isn't an object before `publish`.
struct PartialFile: ~Copyable {
    private(set) var descriptor: OwnedDescriptor
    let name: TemporaryName
    /// Where the next byte goes.
    private(set) var offset: UInt64 = 0
    /// Up to here the kernel was told to write back.
    private var writtenBack: UInt64 = 0
    private(set) var isPublished = false
    /// A sync failed: the kernel may have dropped bytes and count the rest as written, so no later sync tells the truth.
    private(set) var isDamaged = false

    /// How many bytes are written before the kernel is told to start with them, so that the final sync is short.
    private static let writeBackStep: UInt64 = 8 << 20
    /// `IOV_MAX` of Linux.
    private static let mostVectors = 1024

    init(_ descriptor: consuming OwnedDescriptor, _ name: TemporaryName, offset: UInt64 = 0) {
        self.descriptor = descriptor
        self.name = name
        self.offset = offset
        writtenBack = offset
    }

    /// Appends one run of bytes. After an error the file may be longer than `offset`; `rollBack` cuts it.
    mutating func append(_ bytes: UnsafeRawBufferPointer, _ call: CallContext) throws(PluginError) {
        guard let base = bytes.baseAddress else { return }
        var done = 0
        while done < bytes.count {
            let file = descriptor.raw
            let position = off_t(clamping: offset)
            let count = retrying { pwrite(file, base + done, min(bytes.count - done, 4 << 20), position) }
            guard count >= 0 else { throw creationError("writing a file") }
            done += count
            advance(count)
            if done < bytes.count { try call.checkCancellation() }
        }
    }

    /// Appends all parts, gathered by the kernel.
    mutating func append(_ parts: ByteParts, _ call: CallContext) throws(PluginError) {
        try parts.withVectors { vectors throws(PluginError) in
            var index = 0
            while index < vectors.count {
                let count = min(vectors.count - index, PartialFile.mostVectors)
                let file = descriptor.raw
                let position = off_t(clamping: offset)
                var written = retrying {
                    pwritev(file, vectors.baseAddress.unsafelyUnwrapped + index, Int32(count), position)
                }
                guard written >= 0 else { throw creationError("writing a file") }
                advance(written)
                while index < vectors.count, written >= vectors[index].iov_len {
                    written -= vectors[index].iov_len
                    index += 1
                }
                if written > 0 {
                    // The kernel stopped inside a part: the rest of it goes alone.
                    let rest = UnsafeRawBufferPointer(start: vectors[index].iov_base, count: vectors[index].iov_len)
                    try append(UnsafeRawBufferPointer(rebasing: rest[written...]), call)
                    index += 1
                }
                if index < vectors.count { try call.checkCancellation() }
            }
        }
    }

    /// Appends from a regular file, inside the kernel where it can.
    mutating func append(
        descriptor source: Int32, offset start: UInt64, length: UInt64, _ call: CallContext
    ) throws(PluginError) {
        var position = off_t(clamping: start)
        var left = length
        while left > 0 {
            let file = descriptor.raw
            var target = off_t(clamping: offset)
            let chunk = Int(min(left, PartialFile.writeBackStep))
            let count = retrying { copy_file_range(source, &position, file, &target, chunk, 0) }
            if count < 0, [EXDEV, EINVAL, ENOSYS, EOPNOTSUPP].contains(errno) {
                return try appendByReading(source, position, left, call)
            }
            guard count >= 0 else { throw creationError("copying a file") }
            guard count > 0 else { throw PartialFile.sourceTooShort }
            left -= UInt64(count)
            advance(count)
            if left > 0 { try call.checkCancellation() }
        }
    }

    private mutating func appendByReading(
        _ source: Int32, _ start: off_t, _ length: UInt64, _ call: CallContext
    ) throws(PluginError) {
        let size = 256 << 10
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
        defer { buffer.deallocate() }
        var position = start
        var left = length
        while left > 0 {
            let want = Int(min(left, UInt64(size)))
            let count = retrying { pread(source, buffer.baseAddress, want, position) }
            guard count >= 0 else { throw posixError("reading a file") }
            guard count > 0 else { throw PartialFile.sourceTooShort }
            try append(UnsafeRawBufferPointer(rebasing: buffer[..<count]), call)
            position += off_t(count)
            left -= UInt64(count)
            try call.checkCancellation()
        }
    }

    private static var sourceTooShort: PluginError {
        PluginError(.range, "the source file ends before the length given", noEffect: true)
    }

    private mutating func advance(_ count: Int) {
        offset += UInt64(count)
        guard offset - writtenBack >= PartialFile.writeBackStep else { return }
        // Advice; a failure shows at the sync.
        _ = sync_file_range(
            descriptor.raw, off_t(clamping: writtenBack), off_t(clamping: offset - writtenBack), LINUX_WRITE_BACK)
        writtenBack = offset
    }

    /// Cuts the file where it was before a failed append.
    mutating func rollBack(to good: UInt64) {
        _ = ftruncate(descriptor.raw, off_t(clamping: good))
        offset = good
        writtenBack = min(writtenBack, good)
    }

    /// Sets the time of the content to now, in nanoseconds: the kernel's own stamps are as coarse as its clock ticks,
    /// and the entity tag needs to tell two writes in one tick apart.
    func stamp() throws(PluginError) {
        let now = Stamp.next()
        let times = [now, now]
        guard futimens(descriptor.raw, times) == 0 else { throw posixError("stamping a file") }
    }

    /// Makes the bytes survive a power cut, and looks at the file.
    mutating func sync() throws(PluginError) -> ObjectStat {
        if isDamaged { throw PluginError(.unavailable, "a sync of these bytes failed before") }
        let file = descriptor.raw
        guard retrying({ fsync(file) }) == 0 else {
            isDamaged = true
            throw posixError("syncing a file")
        }
        var status = Glibc.stat()
        guard fstat(descriptor.raw, &status) == 0 else { throw posixError("looking at a file") }
        return status.objectStat
    }

    /// Gives the file its name in the same directory, in one step. `false`: the file or the directory was removed.
    mutating func publish(
        as target: UnsafeRawBufferPointer, in directory: Int32, if condition: Precondition
    ) throws(PluginError) -> Bool {
        isPublished = try name.publish(as: target, in: directory, if: condition)
        return isPublished
    }

    /// Makes the file again under its temporary name, with the bytes it has, and locks it. `false`: the directory was
    /// removed.
    mutating func remake(
        _ mode: mode_t, in directory: Int32, _ call: CallContext
    ) throws(PluginError) -> Bool {
        guard let made = try PartialFile.make(name, mode, in: directory) else { return false }
        var copy = made
        do throws(PluginError) {
            guard flock(copy.descriptor.raw, LOCK_EX | LOCK_NB) == 0 else { throw posixError("locking a file") }
            try copy.append(descriptor: descriptor.raw, offset: 0, length: offset, call)
        } catch {
            copy.unlink(in: directory)
            throw error
        }
        self = copy
        return true
    }

    /// Makes a file in a directory; nil if the directory was removed.
    static func make(
        _ name: TemporaryName, _ mode: mode_t, in directory: Int32
    ) throws(PluginError) -> PartialFile? {
        let descriptor = retrying {
            name.withCString { openat(directory, $0, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode) }
        }
        if descriptor >= 0 { return PartialFile(OwnedDescriptor(descriptor), name) }
        guard errno == ENOENT else { throw creationError("creating a file") }
        return nil
    }

    /// The permissions of the file of an object, before the umask. The host's secrets (plugin.h, "Paths") are for its own
    /// user alone.
    static func mode(_ relative: UnsafeRawBufferPointer) -> mode_t {
        let folder = relative[..<parentLength(relative)]
        return folder.elementsEqual("mooring".utf8) ? 0o600 : 0o666
    }

    /// Removes the file's temporary name.
    func unlink(in directory: Int32) {
        _ = name.withCString { unlinkat(directory, $0, 0) }
    }
}

extension TemporaryName {
    /// Gives the file of this name another one in the same directory, in one step. `false`: the file or the directory was
    /// removed.
    func publish(
        as target: UnsafeRawBufferPointer, in directory: Int32, if condition: Precondition
    ) throws(PluginError) -> Bool {
        let absent = if case .absent = condition { true } else { false }
        let outcome = try withCPath(target) { target throws(PluginError) in
            withCString { own -> Int32 in
                let flags = absent ? LINUX_RENAME_NOREPLACE : 0
                if renameat2(directory, own, directory, target, flags) == 0 { return 0 }
                // NFS and others can't refuse to replace; a link can't replace at all.
                guard absent, errno == EINVAL || errno == ENOSYS else { return errno }
                guard linkat(directory, own, directory, target, 0) == 0 else { return errno }
                unlinkat(directory, own, 0)
                return 0
            }
        }
        if outcome == ENOENT { return false }
        guard outcome == 0 else { throw creationError("publishing an object", errno: outcome) }
        return true
    }
}
