import CLinux
import Glibc
import PluginKit

extension FilesystemDriver {
    /// How often something is tried again because others removed it meanwhile.
    static let patience = 64

    static var removedAgain: PluginError {
        PluginError(.busy, "the directory is being removed again and again", noEffect: true)
    }

    func putContent(
        _ body: UnsafeRawBufferPointer, at path: StoragePath, if condition: Precondition, _ call: CallContext
    ) throws(PluginError) -> ObjectStat {
        try create(path.relative, if: condition, call) { file throws(PluginError) in try file.append(body, call) }
    }

    /// Gives the file a second name, as no object's file is ever changed; where that can't be, copies the bytes.
    func copy(
        _ source: StoragePath, to destination: StoragePath, if condition: Precondition, _ call: CallContext
    ) throws(PluginError) -> ObjectStat {
        var status = Glibc.stat()
        let origin = try openObject(source, &status, call)
        for _ in 0..<FilesystemDriver.patience {
            switch try link(source.relative, FileIdentity(status), to: destination.relative, if: condition) {
            case .done: return status.objectStat
            case .interfered: continue
            case .impossible:
                let size = UInt64(clamping: status.st_size)
                return try create(destination.relative, if: condition, call) { file throws(PluginError) in
                    try file.append(descriptor: origin.raw, offset: 0, length: size, call)
                }
            }
        }
        throw FilesystemDriver.removedAgain
    }

    private enum LinkOutcome {
        case done, interfered, impossible
    }

    private func link(
        _ source: UnsafeRawBufferPointer, _ identity: FileIdentity, to relative: UnsafeRawBufferPointer,
        if condition: Precondition
    ) throws(PluginError) -> LinkOutcome {
        let parent = UnsafeRawBufferPointer(rebasing: relative[..<parentLength(relative)])
        let directory = try makeDirectory(root, parent)
        let folder = directory.descriptor.raw
        let name = TemporaryName(for: lastName(relative), .put)
        let outcome = try withCPath(source) { source throws(PluginError) in
            name.withCString { linkat(root, source, folder, $0, 0) == 0 ? 0 : errno }
        }
        guard outcome == 0 else {
            return outcome == ENOENT ? .interfered : .impossible
        }
        // Also after a rename: of two names of one file it does nothing.
        defer { _ = name.withCString { unlinkat(folder, $0, 0) } }
        var status = Glibc.stat()
        guard name.withCString({ fstatat(folder, $0, &status, AT_SYMLINK_NOFOLLOW) }) == 0,
            FileIdentity(status) == identity
        else { return .interfered }
        guard try name.publish(as: lastName(relative), in: folder, if: condition) else { return .interfered }
        try directory.sync(root: root, relative: parent)
        return .done
    }

    /// Makes an object in one step: a temporary file beside it is filled, synced, and renamed. If the tree is removed
    /// meanwhile, it begins anew: it comes after the removal.
    private func create(
        _ relative: UnsafeRawBufferPointer, if condition: Precondition, _ call: CallContext,
        fill: (inout PartialFile) throws(PluginError) -> Void
    ) throws(PluginError) -> ObjectStat {
        let parent = UnsafeRawBufferPointer(rebasing: relative[..<parentLength(relative)])
        var makesFolders = false
        for _ in 0..<FilesystemDriver.patience {
            if !makesFolders, !(try isThere(parent)) {
                switch try createWithFolders(relative, call, fill: fill) {
                case .done(let stat): return stat
                case .interfered: continue
                case .impossible: makesFolders = true
                }
            }
            if let stat = try createBeside(relative, parent, if: condition, fill: fill) { return stat }
        }
        throw FilesystemDriver.removedAgain
    }

    private func isThere(_ relative: UnsafeRawBufferPointer) throws(PluginError) -> Bool {
        var status = Glibc.stat()
        let outcome = try withCPath(relative) { name throws(PluginError) in
            fstatat(root, name, &status, 0) == 0 ? 0 : errno
        }
        if outcome == ENOENT { return false }
        guard outcome == 0 else { throw creationError("looking at a directory", errno: outcome) }
        return true
    }

    private func createBeside(
        _ relative: UnsafeRawBufferPointer, _ parent: UnsafeRawBufferPointer, if condition: Precondition,
        fill: (inout PartialFile) throws(PluginError) -> Void
    ) throws(PluginError) -> ObjectStat? {
        let name = lastName(relative)
        var made = try makePartial(parent, TemporaryName(for: name, .put), PartialFile.mode(relative))
        let directory = made.directory.descriptor.raw
        do throws(PluginError) {
            if case .absent = condition { try refuseExisting(directory, name) }
            try fill(&made.file)
            try made.file.stamp()
            let stat = try made.file.sync()
            guard try made.file.publish(as: name, in: directory, if: condition) else { return nil }
            try made.directory.sync(root: root, relative: parent)
            return stat
        } catch {
            var error = error
            if !made.file.isPublished {
                made.file.unlink(in: directory)
                if let existing = made.directory.existingLength {
                    removeEmptyDirectories(root, parent, downTo: existing)
                }
                error.noEffect = true
            }
            throw error
        }
    }

    /// Spares the writing where the condition can't hold; the publishing is what decides.
    private func refuseExisting(_ directory: Int32, _ name: UnsafeRawBufferPointer) throws(PluginError) {
        let outcome = try withCPath(name) { name throws(PluginError) in faccessat(directory, name, F_OK, 0) }
        if outcome == 0 { throw creationError("creating an object", errno: EEXIST) }
    }

    /// A temporary file and the directory it was made in.
    struct NewFile: ~Copyable {
        let directory: Directory
        var file: PartialFile
    }

    /// Makes a temporary file in a directory, which is made if need be.
    func makePartial(
        _ parent: UnsafeRawBufferPointer, _ name: TemporaryName, _ mode: mode_t
    ) throws(PluginError) -> NewFile {
        for _ in 0..<FilesystemDriver.patience {
            let directory = try makeDirectory(root, parent)
            do throws(PluginError) {
                // If not, a cancelled writer removed the empty directory meanwhile: make it again.
                if let file = try PartialFile.make(name, mode, in: directory.descriptor.raw) {
                    return NewFile(directory: directory, file: file)
                }
            } catch {
                if let existing = directory.existingLength { removeEmptyDirectories(root, parent, downTo: existing) }
                throw error
            }
        }
        throw FilesystemDriver.removedAgain
    }
}
