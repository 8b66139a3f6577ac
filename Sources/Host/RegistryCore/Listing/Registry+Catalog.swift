import Logging
import RegistryModel
import RegistryStorage

extension Registry {
    /// Names of repositories in a fixed order: component by component, a repository before those below it.
    ///
    /// A page costs one listing for each name in it, and one for each folder on the way to the first. Folders that are no
    /// repositories, as uploads that never ended leave them, cost one each too, up to a bound: then the page ends before it
    /// is full.
    /// - Parameters:
    ///   - last: begins behind this name, whether it exists or not.
    ///   - limit: how many.
    public func catalog(after last: String?, limit: Int) async throws(RegistryError) -> NamePage {
        guard limit > 0 else { return NamePage(names: [], next: nil) }
        return try await onWorker(of: driver) { [self] in
            // One more than asked for tells whether a further page follows.
            var walk = CatalogWalk(limit: limit == .max ? limit : limit + 1)
            let start = (last ?? "").split(separator: "/").map(String.init)
            try await visit(RegistryLayout.repositories, name: "", behind: start[...], &walk)
            let names = Array(walk.names.prefix(limit))
            if walk.names.count > limit { return NamePage(names: names, next: names.last) }
            return NamePage(names: names, next: walk.isExhausted ? walk.position : nil)
        }
    }

    /// Visits what lies below a folder and comes behind `start`, a path relative to it.
    private func visit(
        _ folder: StoragePath, name: String, behind start: ArraySlice<String>, _ walk: inout CatalogWalk
    ) async throws {
        var cursor = StorageCursor.start
        if let first = start.first {
            cursor = .behind(first)
            // What lies below the start itself comes behind it.
            let below = joined(name, first[...])
            if isName(below), let child = try? folder.appending(first), try await mayExist(child) {
                try await visit(child, name: below, behind: start.dropFirst(), &walk)
            }
        }
        if walk.isFull { return }
        let page =
            name.isEmpty
            ? try await driver.list(folder, from: cursor, limit: walk.pageLimit)
            : try await children(of: folder, from: cursor, walk)
        guard let page else { return }
        try await visitChildren(of: folder, name: name, page, &walk)
    }

    /// Visits a folder that may be a repository: the listing of its children tells.
    private func visitRepository(_ folder: StoragePath, name: String, _ walk: inout CatalogWalk) async throws {
        walk.visit(name)
        let marker = "_manifests"
        guard let page = try await children(of: folder, from: .start, walk) else { return }
        var isRepository = page.entries.contains { $0.name == marker }
        if !isRepository, page.next != nil, let last = page.entries.last, last.name < marker {
            // Children whose names begin with a digit come before it, and may be many.
            isRepository = try await exists(try folder.appending(marker))
        }
        if isRepository { walk.names.append(name) }
        try await visitChildren(of: folder, name: name, page, &walk)
    }

    private func visitChildren(
        of folder: StoragePath, name: String, _ first: StoragePage, _ walk: inout CatalogWalk
    ) async throws {
        var page = first
        while true {
            for entry in page.entries where entry.kind == .prefix {
                let child = joined(name, entry.name)
                guard isName(child), let path = try? StoragePath(entry.path) else { continue }
                if walk.isFull { return }
                try await visitRepository(path, name: child, &walk)
            }
            guard let next = page.next, !walk.isFull else { return }
            page = try await driver.list(folder, from: .token(next), limit: walk.pageLimit)
        }
    }

    /// Spares the way down to what isn't there.
    private func mayExist(_ folder: StoragePath) async throws(StorageError) -> Bool {
        do {
            return try await exists(folder)
        } catch {
            if error.code == .permission { return true }
            throw error
        }
    }

    /// What lies in a folder below the first; nil if that can't be told. One folder must not cost the catalog.
    private func children(
        of folder: StoragePath, from cursor: StorageCursor, _ walk: CatalogWalk
    ) async throws(StorageError) -> StoragePage? {
        do {
            return try await driver.list(folder, from: cursor, limit: walk.pageLimit)
        } catch {
            guard [.permission, .corrupt, .invalidArgument].contains(error.code) else { throw error }
            logger.warning(
                "a folder is left out of the catalog", metadata: ["path": "\(folder)", "error": "\(error)"])
            return nil
        }
    }

    /// Whether clients could ask for this repository; no folder of the layout or of another program is one, and none below
    /// such a folder.
    private func isName(_ name: String) -> Bool { (try? RepositoryName(name)) != nil }

    private func joined(_ name: String, _ child: Substring) -> String {
        name.isEmpty ? String(child) : "\(name)/\(child)"
    }
}

private struct CatalogWalk {
    let limit: Int
    var names: [String] = []
    /// The last folder that was looked at.
    private(set) var position: String?
    private var visits = 0
    /// Folders to be looked at for one page.
    private let budget: Int

    init(limit: Int) {
        self.limit = limit
        budget = 1000 + 4 * min(limit, 1_000_000)
    }

    mutating func visit(_ name: String) {
        visits += 1
        position = name
    }

    var isExhausted: Bool { visits >= budget }
    var isFull: Bool { names.count >= limit || isExhausted }
    /// Entries worth asking for: the names that are missing, and the three folders of the layout.
    var pageLimit: Int { min(997, max(1, limit - names.count)) + 3 }
}
