import RegistryModel
import RegistryStorage

extension Registry {
    /// Names of repositories in a fixed order: component by component, a repository before those below it.
    ///
    /// A page costs the folders that lie between its first name and its last, whatever else is stored.
    /// - Parameters:
    ///   - last: begins behind this name, whether it exists or not.
    ///   - limit: how many.
    public func catalog(after last: String?, limit: Int) async throws(RegistryError) -> NamePage {
        guard limit > 0 else { return NamePage(names: [], hasMore: false) }
        return try await onWorker(of: driver) { [self] in
            // One more than asked for tells whether a further page follows.
            var walk = CatalogWalk(limit: limit + 1)
            let start = (last ?? "").split(separator: "/").map(String.init)
            try await visit(RegistryLayout.repositories, name: "", after: start, &walk)
            return NamePage(names: Array(walk.names.prefix(limit)), hasMore: walk.names.count > limit)
        }
    }

    /// Visits the children of a folder that come behind `start`, a path relative to it.
    private func visit(
        _ folder: StoragePath, name: String, after start: [String], _ walk: inout CatalogWalk
    ) async throws {
        var cursor = StorageCursor.start
        if let first = start.first, let child = try? folder.appending(first) {
            // What lies below the start itself comes behind it.
            let path = name.isEmpty ? first : "\(name)/\(first)"
            try await visit(child, name: path, after: Array(start.dropFirst()), &walk)
            cursor = .after(first)
        }
        while !walk.isFull {
            let page = try await driver.list(folder, from: cursor, limit: 1000)
            for entry in page.entries where entry.kind == .prefix && entry.name.utf8.first != UInt8(ascii: "_") {
                if walk.isFull { return }
                let child = try StoragePath(entry.path)
                let path = name.isEmpty ? String(entry.name) : "\(name)/\(entry.name)"
                if try await exists(try child.appending("_manifests")) { walk.names.append(path) }
                try await visit(child, name: path, after: [], &walk)
            }
            guard let next = page.next else { return }
            cursor = .token(next)
        }
    }
}

private struct CatalogWalk {
    let limit: Int
    var names: [String] = []
    var isFull: Bool { names.count >= limit }
}
