public import RegistryModel
import RegistryStorage
import Synchronization

/// One page of a listing of names.
public struct NamePage: Sendable {
    /// The names, ascending.
    public let names: [String]
    /// Behind which name a further page begins, whether it is one of these or not; nil if none follows.
    public let next: String?
    /// Whether a further page may follow.
    public var hasMore: Bool { next != nil }
}

extension Registry {
    /// Tags of a repository, byte-wise ascending.
    /// - Parameters:
    ///   - last: begins behind this tag, whether it exists or not.
    ///   - limit: how many; nil: all of them.
    /// - Throws: `NAME_UNKNOWN` if there is no such repository.
    public func tags(_ name: RepositoryName, after last: String?, limit: Int?) async throws(RegistryError) -> NamePage {
        if limit == 0 { try await requireRepository(name) }
        let listing = allTags(name, after: last)
        let limit = limit ?? .max
        var names: [String] = []
        while names.count < limit, let next = try await listing.next(upTo: limit - names.count) { names += next }
        return NamePage(names: names, next: names.count >= limit ? names.last : nil)
    }

    /// All tags of a repository, byte-wise ascending, however many: some at a time.
    /// - Parameter last: begins behind this tag, whether it exists or not.
    public func allTags(_ name: RepositoryName, after last: String?) -> TagListing {
        TagListing(registry: self, name: name, start: last.map(StorageCursor.behind) ?? .start)
    }

    /// - Throws: `NAME_UNKNOWN` if there is no such repository. One is there as soon as it has had a manifest.
    func requireRepository(_ name: RepositoryName) async throws(RegistryError) {
        let isKnown = try await onWorker(of: driver) { [self] in try await exists(RegistryLayout.manifests(name)) }
        if !isKnown { throw RegistryError(.nameUnknown, detail: .fields(["name": name.description])) }
    }
}

/// The tags of a repository, read as they are asked for. One call at a time.
public final class TagListing: Sendable {
    private let registry: Registry
    private let name: RepositoryName
    /// Where the next tags are; nil behind the last.
    private let cursor: Mutex<StorageCursor?>
    private let hasBegun = Atomic<Bool>(false)

    init(registry: Registry, name: RepositoryName, start: StorageCursor) {
        self.registry = registry
        self.name = name
        cursor = Mutex(start)
    }

    /// Whether more may follow.
    public var hasMore: Bool { cursor.withLock { $0 != nil } }

    /// The next tags, at most `limit`; nil behind the last.
    /// - Throws: `NAME_UNKNOWN`, at the first call, if there is no such repository.
    public func next(upTo limit: Int = 4000) async throws(RegistryError) -> [String]? {
        let isFirst = !hasBegun.exchange(true, ordering: .relaxed)
        guard hasMore else { return nil }
        // Some pages at a time, since each change of thread costs more than a page.
        let names = try await onWorker(of: registry.driver) { [self] in
            var names: [String] = []
            while names.count < limit, let start = cursor.withLock({ $0 }) {
                let page = try await registry.driver.list(
                    RegistryLayout.tags(name), from: start, limit: max(1, min(1000, limit - names.count)))
                cursor.withLock { $0 = page.next.map(StorageCursor.token) }
                // Other folders and files may lie among the tags.
                for entry in page.entries where entry.kind == .prefix {
                    if let tag = try? Tag(entry.name) { names.append(tag.description) }
                }
            }
            return names
        }
        if !names.isEmpty { return names }
        if isFirst { try await registry.requireRepository(name) }
        return nil
    }
}
