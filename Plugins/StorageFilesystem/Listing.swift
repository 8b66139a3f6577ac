import CLinux
import Glibc
import PluginKit

extension FilesystemDriver {
    func list(
        _ path: StoragePath, from start: ListStart, limit: Int, _ call: CallContext
    ) throws(PluginError) -> ListPage {
        let after = try name(start)
        // Size and time would cost a call for each entry; whoever needs them asks.
        var page = ListPage(below: path, reserving: min(limit, 64))
        let isAnswered = snapshots.find(path.relative, behind: after, limit).map { snapshot in
            guard isCurrent(snapshot, path.relative) else {
                snapshots.drop(snapshot)
                return false
            }
            page.append(snapshot.names, behind: after, limit)
            return true
        }
        if isAnswered == true { return page }
        guard let folder = try openFolder(path.relative) else { return page }
        if let names = try readLarge(folder.raw, path.relative, after, limit, call) {
            page.append(names, behind: after, limit)
            return page
        }
        page.append(
            try select(folder, NameSelection(.init(names: limit), after: after), call), behind: after, limit)
        return page
    }

    func walk(
        _ path: StoragePath, from start: ListStart, limit: Int, _ call: CallContext
    ) throws(PluginError) -> ListPage {
        var walk = TreeWalk(driver: self, page: ListPage(below: path, reserving: min(limit, 64)), limit: limit)
        try walk.descend(into: [UInt8](path.relative), relative: [], after: name(start)[...], call)
        return walk.page
    }

    private func name(_ start: ListStart) throws(PluginError) -> [UInt8] {
        switch start {
        case .beginning: return []
        case .after(let name): return [UInt8](name)
        case .token, .foreign:
            throw PluginError(.invalidArgument, "the token wasn't made by this driver", noEffect: true)
        }
    }

    /// Opens a directory to read it; nil for what isn't one.
    private func openFolder(_ relative: UnsafeRawBufferPointer) throws(PluginError) -> OwnedDescriptor? {
        let descriptor = try withCPath(relative) { path throws(PluginError) in
            openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        }
        if descriptor >= 0 { return OwnedDescriptor(descriptor) }
        if errno == ENOENT || errno == ENOTDIR || errno == ELOOP { return nil }
        throw posixError("opening a directory")
    }

    /// Reads a directory through once and keeps the names that the selection wants. What isn't a directory is empty.
    func select(
        _ relative: UnsafeRawBufferPointer, _ selection: NameSelection, _ call: CallContext
    ) throws(PluginError) -> NameSelection {
        guard let folder = try openFolder(relative) else { return selection }
        return try select(folder, selection, call)
    }

    private func select(
        _ folder: consuming OwnedDescriptor, _ selection: NameSelection, _ call: CallContext
    ) throws(PluginError) -> NameSelection {
        var selection = selection
        let stream = try DirectoryStream(folder)
        var seen = 0
        while let entry = try stream.next() {
            seen &+= 1
            if seen & 1023 == 0 { try call.checkCancellation() }
            if let kind = stream.kind(of: entry) { selection.offer(entry.bytes, kind) }
        }
        selection.finish()
        return selection
    }
}

// MARK: - Large directories

extension FilesystemDriver {
    private func isCurrent(_ snapshot: FolderSnapshots.Snapshot, _ relative: UnsafeRawBufferPointer) -> Bool {
        if snapshot.clock.wasSetBack(before: .now) { return false }
        var status = Glibc.stat()
        let outcome = try? withCPath(relative) { path throws(PluginError) in
            fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW)
        }
        return outcome == 0 && FolderVersion(status) == snapshot.version
    }

    /// Reads all names of a large directory, or as many as may be kept, and keeps them if every later change will be
    /// noticed. Nil if it isn't large, was changed just now, or doesn't fit: then the page has to be selected by itself.
    private func readLarge(
        _ folder: Int32, _ relative: UnsafeRawBufferPointer, _ after: [UInt8], _ limit: Int, _ call: CallContext
    ) throws(PluginError) -> NameSelection? {
        let clock = FolderClock.now
        guard let version = FolderVersion(folder), version.mayBeLarge, version.isSettled(at: clock),
            linux_has_local_times(folder) != 0, snapshots.beginReading()
        else { return nil }
        defer { snapshots.endReading() }
        let copy = fcntl(folder, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { return nil }
        let names = try select(OwnedDescriptor(copy), snapshots.selection(relative, behind: after), call)
        // The copy moved the place where the next reader begins.
        lseek(folder, 0, SEEK_SET)
        let snapshot = FolderSnapshots.Snapshot(path: [UInt8](relative), version: version, clock: clock, names: names)
        if FolderVersion(folder) == version, names.entries.count >= FolderSnapshots.fewestNames {
            snapshots.keep(snapshot)
        }
        return snapshot.covers(behind: after, limit) ? names : nil
    }
}

extension ListPage {
    /// Appends up to `limit` entries behind a name.
    fileprivate mutating func append(_ names: NameSelection, behind name: [UInt8], _ limit: Int) {
        let start = names.position(behind: name)
        for entry in names.entries[start...].prefix(limit) { names.withName(entry) { append($0, entry.kind) } }
        hasMore = names.hasMore || names.entries.count - start > limit
    }
}

/// Depth first through a tree. As names are visited in bytewise order and a directory's path goes on with `/`, which
/// counts as the least byte, the objects come in the order of the ABI.
struct TreeWalk {
    let driver: FilesystemDriver
    var page: ListPage
    let limit: Int

    /// Names of a directory that are held at once; a larger one is read again for the next lot.
    private static let batch = 4096

    /// Appends the objects below a directory behind a path relative to it; `false` when the page is full.
    @discardableResult
    mutating func descend(
        into directory: [UInt8], relative: [UInt8], after: ArraySlice<UInt8>, _ call: CallContext
    ) throws(PluginError) -> Bool {
        let slash = after.firstIndex(of: UInt8(ascii: "/"))
        // The directory of that name is entered again; an object of that name has been shown.
        let head = Array(after[..<(slash ?? after.endIndex)])
        let rest = slash.map { after[($0 + 1)...] } ?? []
        var from = head
        var inclusive = true
        while true {
            let size = min(TreeWalk.batch, limit - page.count + 1)
            let names = try directory.withBytes { bytes throws(PluginError) in
                try driver.select(bytes, NameSelection(.init(names: size), after: from, inclusive: inclusive), call)
            }
            for entry in names.entries {
                let name = names.withName(entry) { [UInt8]($0) }
                let isHead = inclusive && name == head
                if isHead, entry.kind == .object { continue }
                guard try visit(name, entry.kind, directory, relative, isHead ? rest : [], call) else { return false }
            }
            guard names.hasMore, let last = names.entries.last else { return true }
            from = names.withName(last) { [UInt8]($0) }
            inclusive = false
        }
    }

    private mutating func visit(
        _ name: [UInt8], _ kind: ObjectStat.Kind, _ directory: [UInt8], _ relative: [UInt8],
        _ after: ArraySlice<UInt8>, _ call: CallContext
    ) throws(PluginError) -> Bool {
        let below = relative.isEmpty ? name : relative + [UInt8(ascii: "/")] + name
        if kind == .object {
            guard page.count < limit else {
                page.hasMore = true
                return false
            }
            below.withUnsafeBytes { page.append($0, .object) }
            return true
        }
        let path = directory.isEmpty ? name : directory + [UInt8(ascii: "/")] + name
        // Deeper than any path can name.
        guard path.count < StoragePath.maximumLength else { return true }
        return try descend(into: path, relative: below, after: after, call)
    }
}
