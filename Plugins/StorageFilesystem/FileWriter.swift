import CLinux
import Glibc
import PluginKit

/// Writes an object into `.<name>.<token>.tmp` beside it. The file is locked while a writer has it, so that no two write
/// the same bytes, in whatever process.
final class FileWriter: BlockingObjectWriter, @unchecked Sendable {
    // Sendable: one call at a time (ABI: a writer's functions are [one-at-a-time]).
    private let driver: FilesystemDriver
    /// Of the object, below the root.
    private let relative: [UInt8]
    private var file: PartialFile
    /// Length of the part of the directory's path that stood before this writer, if it made some.
    private var existingLength: Int?

    init(
        _ driver: FilesystemDriver, _ relative: UnsafeRawBufferPointer, _ file: consuming PartialFile,
        existingLength: Int?
    ) {
        self.driver = driver
        self.relative = [UInt8](relative)
        self.file = file
        self.existingLength = existingLength
    }

    var offset: UInt64 { file.offset }
    var resumeToken: [UInt8] { file.name.token }
    var preferredChunk: UInt32 { 1 << 20 }

    func write(_ parts: ByteParts, _ call: CallContext) throws(PluginError) {
        try allOrNothing { file throws(PluginError) in try file.append(parts, call) }
    }

    func write(
        descriptor: Int32, offset: UInt64, length: UInt64, _ call: CallContext
    ) throws(PluginError) {
        try allOrNothing { file throws(PluginError) in
            try file.append(descriptor: descriptor, offset: offset, length: length, call)
        }
    }

    private func allOrNothing(_ body: (inout PartialFile) throws(PluginError) -> Void) throws(PluginError) {
        if file.isDamaged { throw PluginError(.unavailable, "a sync of these bytes failed before", noEffect: true) }
        let good = file.offset
        do throws(PluginError) {
            try body(&file)
            // The kernel's stamps are too coarse to tell which of two suspended writers wrote last.
            try file.stamp()
        } catch {
            file.rollBack(to: good)
            throw error
        }
    }

    func sync(_ call: CallContext) throws(PluginError) -> UInt64 {
        _ = try synced()
        try relative.withBytes { relative throws(PluginError) in
            let parent = UnsafeRawBufferPointer(rebasing: relative[..<parentLength(relative)])
            let directory = Directory(
                descriptor: try openDirectory(driver.root, parent), existingLength: existingLength)
            try directory.sync(root: driver.root, relative: parent)
        }
        return file.offset
    }

    func commit(
        if condition: Precondition, checksum: String, _ call: CallContext
    ) throws(PluginError) -> ObjectStat {
        try file.stamp()
        var stat = try synced()
        try call.checkCancellation()
        return try relative.withBytes { relative throws(PluginError) in
            let parent = UnsafeRawBufferPointer(rebasing: relative[..<parentLength(relative)])
            for _ in 0..<FilesystemDriver.patience {
                let directory = try makeDirectory(driver.root, parent)
                existingLength = shorter(existingLength, directory.existingLength)
                let folder = directory.descriptor.raw
                if try file.publish(as: lastName(relative), in: folder, if: condition) {
                    try directory.sync(root: driver.root, relative: parent, earlier: existingLength)
                    return stat
                }
                // Somebody removed the tree: what this writer holds is put there again.
                if try file.remake(PartialFile.mode(relative), in: folder, call) {
                    try file.stamp()
                    stat = try synced()
                }
            }
            throw FilesystemDriver.removedAgain
        }
    }

    /// Syncs the file. After a failure the bytes can't be trusted, so that nobody may go on with them.
    private func synced() throws(PluginError) -> ObjectStat {
        do throws(PluginError) {
            return try file.sync()
        } catch {
            try? unlink()
            throw error
        }
    }

    func cancel(_ call: CallContext) throws(PluginError) {
        try unlink()
        guard let existingLength else { return }
        relative.withBytes { relative in
            let parent = UnsafeRawBufferPointer(rebasing: relative[..<parentLength(relative)])
            removeEmptyDirectories(driver.root, parent, downTo: existingLength)
        }
    }

    private func unlink() throws(PluginError) {
        try relative.withBytes { relative throws(PluginError) in
            let parent = UnsafeRawBufferPointer(rebasing: relative[..<parentLength(relative)])
            do throws(PluginError) {
                let directory = try openDirectory(driver.root, parent)
                file.unlink(in: directory.raw)
            } catch {
                if error.code != .notFound { throw error }
            }
        }
    }

    /// Lets go of the bytes. Closing the file wouldn't do: a child that a fork of this process has just made holds it too,
    /// until it runs its program.
    func close() { _ = flock(file.descriptor.raw, LOCK_UN) }
}

// MARK: - Opening

extension FilesystemDriver {
    func openWriter(
        at path: StoragePath, mode: WriterMode, sizeHint: UInt64?, _ call: CallContext
    ) throws(PluginError) -> any BlockingObjectWriter {
        switch mode {
        case .create: return try newWriter(path.relative)
        case .append(let offset, let token):
            let writer =
                token.isEmpty
                ? try resumeNewest(path, at: offset, call) : try resume(path.relative, token: token)
            try require(writer.offset, offset)
            return writer
        case .take(let offset, let etag): return try take(path.relative, at: offset, etag: etag, call)
        }
    }

    private func require(_ end: UInt64, _ wanted: UInt64?) throws(PluginError) {
        if let wanted, wanted != end { throw .offset(durable: end) }
    }

    private func newWriter(_ relative: UnsafeRawBufferPointer) throws(PluginError) -> FileWriter {
        let parent = UnsafeRawBufferPointer(rebasing: relative[..<parentLength(relative)])
        let name = lastName(relative)
        let made = try makePartial(parent, TemporaryName(for: name, .writer), PartialFile.mode(relative))
        let directory = made.directory.descriptor.raw
        do throws(PluginError) {
            guard flock(made.file.descriptor.raw, LOCK_EX | LOCK_NB) == 0 else { throw posixError("locking a file") }
            // What can't be renamed in the end is refused now.
            if try isDirectory(directory, name) { throw creationError("opening a writer", errno: EISDIR) }
        } catch {
            made.file.unlink(in: directory)
            if let existing = made.directory.existingLength { removeEmptyDirectories(root, parent, downTo: existing) }
            throw error
        }
        return FileWriter(self, relative, made.file, existingLength: made.directory.existingLength)
    }

    private func isDirectory(_ directory: Int32, _ name: UnsafeRawBufferPointer) throws(PluginError) -> Bool {
        var status = Glibc.stat()
        let outcome = try withCPath(name) { name throws(PluginError) in
            fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW)
        }
        return outcome == 0 && status.isDirectory
    }

    /// Goes on with the suspended bytes that a token names.
    private func resume(_ relative: UnsafeRawBufferPointer, token: [UInt8]) throws(PluginError) -> FileWriter {
        guard let name = TemporaryName(for: lastName(relative), token: token) else { throw .notFound }
        let parent = UnsafeRawBufferPointer(rebasing: relative[..<parentLength(relative)])
        let directory = try openDirectory(root, parent)
        let descriptor = retrying {
            name.withCString { openat(directory.raw, $0, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK) }
        }
        guard descriptor >= 0 else { throw posixError("opening suspended bytes") }
        let file = OwnedDescriptor(descriptor)
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            throw PluginError(.busy, "another writer has these bytes open", noEffect: true)
        }
        // Between opening and locking, the writer that had them may have committed: then this is an object's file.
        var ours = Glibc.stat()
        var named = Glibc.stat()
        guard fstat(descriptor, &ours) == 0 else { throw posixError("looking at suspended bytes") }
        guard name.withCString({ fstatat(directory.raw, $0, &named, AT_SYMLINK_NOFOLLOW) }) == 0,
            FileIdentity(ours) == FileIdentity(named), ours.isRegular
        else { throw .notFound }
        let partial = PartialFile(file, name, offset: UInt64(clamping: ours.st_size))
        return FileWriter(self, relative, partial, existingLength: nil)
    }

    /// Goes on with the newest suspended bytes, or with a copy of the object.
    private func resumeNewest(
        _ path: StoragePath, at offset: UInt64?, _ call: CallContext
    ) throws(PluginError) -> FileWriter {
        let parent = UnsafeRawBufferPointer(rebasing: path.relative[..<parentLength(path.relative)])
        let tokens = try suspendedTokens(openDirectory(root, parent), lastName(path.relative))
        var busy: PluginError?
        for token in tokens {
            do throws(PluginError) {
                return try resume(path.relative, token: token)
            } catch {
                // In use, or committed since the directory was read.
                guard error.code == .busy || error.code == .notFound else { throw error }
                if error.code == .busy { busy = error }
            }
        }
        if let busy { throw busy }
        return try writerOnCopy(path, at: offset, call)
    }

    private func writerOnCopy(
        _ path: StoragePath, at offset: UInt64?, _ call: CallContext
    ) throws(PluginError) -> FileWriter {
        var status = Glibc.stat()
        let object = try openObject(path, &status, call)
        let size = UInt64(clamping: status.st_size)
        try require(size, offset)
        return try newWriter(path.relative, with: object.raw, length: size, call)
    }

    /// A new writer with the first bytes of a file.
    func newWriter(
        _ relative: UnsafeRawBufferPointer, with file: Int32, length: UInt64, _ call: CallContext
    ) throws(PluginError) -> FileWriter {
        let writer = try newWriter(relative)
        do throws(PluginError) {
            try writer.write(descriptor: file, offset: 0, length: length, call)
        } catch {
            try? writer.cancel(call)
            throw error
        }
        return writer
    }
}
