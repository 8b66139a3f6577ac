public import RegistryModel

/// Where things lie below the driver's root: Distribution's layout, byte for byte.
///
/// Every value that goes into a path was checked when it was made (`RepositoryName`, `Tag`, `Digest`, upload ids), so the
/// paths are legal by construction. Links hold the digest's text, nothing else.
public enum RegistryLayout {
    /// What all paths begin with.
    public static let root = StoragePath(trusted: "/docker/registry/v2")
    /// The folder of all repositories.
    public static let repositories = StoragePath(trusted: "/docker/registry/v2/repositories")
    /// What authenticates upload sessions if the configuration doesn't say: ours, where Distribution doesn't look.
    public static let secret = StoragePath(trusted: "/mooring/secret")
    /// The folder of all blobs.
    public static let blobs = StoragePath(trusted: "/docker/registry/v2/blobs")

    /// The bytes of a blob or manifest.
    public static func blobData(_ digest: Digest) -> StoragePath {
        let hex = digest.hex
        return StoragePath(
            trusted: "/docker/registry/v2/blobs/\(digest.algorithm.rawValue)/\(hex.prefix(2))/\(hex)/data")
    }

    /// The folder of a repository.
    public static func repository(_ name: RepositoryName) -> StoragePath {
        StoragePath(trusted: "/docker/registry/v2/repositories/\(name)")
    }

    /// Says that a repository has a blob.
    public static func layerLink(_ name: RepositoryName, _ digest: Digest) -> StoragePath {
        StoragePath(trusted: "\(repository(name))/_layers/\(digest.algorithm.rawValue)/\(digest.hex)/link")
    }

    /// What makes a repository one: a folder that lists it.
    public static func manifests(_ name: RepositoryName) -> StoragePath {
        StoragePath(trusted: "\(repository(name))/_manifests")
    }

    /// Says that a repository has a manifest.
    public static func revisionLink(_ name: RepositoryName, _ digest: Digest) -> StoragePath {
        StoragePath(trusted: "\(revision(name, digest))/link")
    }

    /// The folder of a manifest in a repository.
    public static func revision(_ name: RepositoryName, _ digest: Digest) -> StoragePath {
        StoragePath(
            trusted: "\(repository(name))/_manifests/revisions/\(digest.algorithm.rawValue)/\(digest.hex)")
    }

    /// The folder of all tags of a repository.
    public static func tags(_ name: RepositoryName) -> StoragePath {
        StoragePath(trusted: "\(repository(name))/_manifests/tags")
    }

    /// The folder of one tag.
    public static func tag(_ name: RepositoryName, _ tag: Tag) -> StoragePath {
        StoragePath(trusted: "\(repository(name))/_manifests/tags/\(tag)")
    }

    /// What a tag points to now.
    public static func tagLink(_ name: RepositoryName, _ tag: Tag) -> StoragePath {
        StoragePath(trusted: "\(repository(name))/_manifests/tags/\(tag)/current/link")
    }

    /// What a tag pointed to at some time.
    public static func tagIndexLink(_ name: RepositoryName, _ tag: Tag, _ digest: Digest) -> StoragePath {
        StoragePath(
            trusted: """
                \(repository(name))/_manifests/tags/\(tag)/index/\(digest.algorithm.rawValue)/\(digest.hex)/link
                """)
    }

    /// The folder of all uploads of a repository.
    public static func uploads(_ name: RepositoryName) -> StoragePath {
        StoragePath(trusted: "\(repository(name))/_uploads")
    }

    /// The folder of an upload.
    public static func upload(_ name: RepositoryName, _ id: UploadID) -> StoragePath {
        StoragePath(trusted: "\(repository(name))/_uploads/\(id)")
    }

    /// The bytes that an upload has so far.
    public static func uploadData(_ name: RepositoryName, _ id: UploadID) -> StoragePath {
        StoragePath(trusted: "\(repository(name))/_uploads/\(id)/data")
    }

    /// What names of sealed bytes begin with.
    public static let sealedPrefix = "sealed."

    /// The bytes of an upload while their digest is checked: under a name that nobody else knows, nobody can change them.
    public static func uploadSealed(_ name: RepositoryName, _ id: UploadID, nonce: UInt64) -> StoragePath {
        StoragePath(trusted: "\(repository(name))/_uploads/\(id)/\(sealedPrefix)\(String(nonce, radix: 16))")
    }

    /// When an upload began: UTC, RFC 3339, whole seconds.
    public static func uploadStartedAt(_ name: RepositoryName, _ id: UploadID) -> StoragePath {
        StoragePath(trusted: "\(repository(name))/_uploads/\(id)/startedat")
    }
}
