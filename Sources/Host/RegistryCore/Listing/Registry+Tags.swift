public import RegistryModel
import RegistryStorage

/// One page of a listing of names.
public struct NamePage: Sendable {
    /// The names, ascending.
    public let names: [String]
    /// Whether a further page may follow.
    public let hasMore: Bool
}

extension Registry {
    /// Tags of a repository, byte-wise ascending.
    /// - Parameters:
    ///   - last: begins behind this tag, whether it exists or not.
    ///   - limit: how many; nil: all of them.
    /// - Throws: `NAME_UNKNOWN` if there is no such repository.
    public func tags(_ name: RepositoryName, after last: String?, limit: Int?) async throws(RegistryError) -> NamePage {
        try await onWorker(of: driver) { [self] in
            let path = RegistryLayout.tags(name)
            var names: [String] = []
            var cursor = last.map(StorageCursor.behind) ?? .start
            while limit.map({ names.count < $0 }) ?? true {
                let want = limit.map { min(1000, $0 - names.count) } ?? 1000
                let page = try await driver.list(path, from: cursor, limit: want)
                for entry in page.entries where entry.kind == .prefix { names.append(String(entry.name)) }
                guard let next = page.next else { break }
                cursor = .token(next)
            }
            if names.isEmpty, try await !isRepository(name) {
                throw RegistryError(.nameUnknown, detail: .fields(["name": name.description]))
            }
            return NamePage(names: names, hasMore: limit.map { names.count >= $0 && $0 > 0 } ?? false)
        }
    }

    /// A repository is one as soon as it has had a manifest.
    private func isRepository(_ name: RepositoryName) async throws(StorageError) -> Bool {
        try await exists(RegistryLayout.manifests(name))
    }
}
