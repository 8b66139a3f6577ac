public import RegistryModel

/// The index of referrers. It lies outside Distribution's tree, which never looks there, and may be removed: each
/// repository is read again the next time somebody asks.
extension RegistryLayout {
    /// All that is ours and can be made again.
    public static let own = StoragePath(trusted: "/mooring/v1")

    /// The folder of a repository's index.
    public static func referrers(_ name: RepositoryName) -> StoragePath {
        StoragePath(trusted: "/mooring/v1/referrers/\(name)")
    }

    /// Says that every manifest which the repository had when this was written is in the index, if it has a subject.
    public static func referrersComplete(_ name: RepositoryName) -> StoragePath {
        StoragePath(trusted: "\(referrers(name))/_complete")
    }

    /// The folder of the manifests that have a subject.
    public static func referrers(_ name: RepositoryName, of subject: Digest) -> StoragePath {
        StoragePath(trusted: "\(referrers(name))/_subjects/\(subject.algorithm.rawValue)/\(subject.hex)")
    }

    /// One manifest that has a subject: its descriptor as JSON.
    /// - Parameter manifest: its canonical digest.
    public static func referrer(_ name: RepositoryName, of subject: Digest, _ manifest: Digest) -> StoragePath {
        StoragePath(trusted: "\(referrers(name, of: subject))/\(referrerName(manifest))")
    }

    /// The name of an entry: `sha256-<hex>`.
    public static func referrerName(_ manifest: Digest) -> String { "\(manifest.algorithm.rawValue)-\(manifest.hex)" }

    /// The manifest that an entry is of; nil for what is no entry.
    public static func referrer(named name: some StringProtocol) -> Digest? {
        guard let dash = name.firstIndex(of: "-") else { return nil }
        return try? Digest("\(name[..<dash]):\(name[name.index(after: dash)...])")
    }

    /// The folder of a repository's manifests by one algorithm.
    public static func revisions(_ name: RepositoryName, _ algorithm: Digest.Algorithm) -> StoragePath {
        StoragePath(trusted: "\(repository(name))/_manifests/revisions/\(algorithm.rawValue)")
    }
}
