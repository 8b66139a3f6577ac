import Glibc
import PluginKit

extension FilesystemDriver {
    func list(
        _ path: StoragePath, from start: ListStart, limit: Int, _ call: CallContext
    ) throws(PluginError) -> ListPage {
        var page = ListPage(below: path, reserving: min(limit, 64))
        let names = try select(
            path.relative, NameSelection(limit: limit, after: name(start), inclusive: false), call)
        // Size and time would cost a call for each entry; whoever needs them asks.
        for entry in names.entries { names.withName(entry) { page.append($0, entry.kind) } }
        page.hasMore = names.hasMore
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

    /// Reads a directory through once and keeps the names that the selection wants. What isn't a directory is empty.
    func select(
        _ relative: UnsafeRawBufferPointer, _ selection: NameSelection, _ call: CallContext
    ) throws(PluginError) -> NameSelection {
        var selection = selection
        let descriptor = try withCPath(relative) { path throws(PluginError) in
            openat(root, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
        }
        guard descriptor >= 0 else {
            if errno == ENOENT || errno == ENOTDIR || errno == ELOOP { return selection }
            throw posixError("opening a directory")
        }
        let stream = try DirectoryStream(OwnedDescriptor(descriptor))
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
                try driver.select(bytes, NameSelection(limit: size, after: from, inclusive: inclusive), call)
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
