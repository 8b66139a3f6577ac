public import Logging
import NIOCore
import RegistryModel
public import RegistryStorage
import Synchronization

/// The registry: content-addressed blobs, manifests and tags in a storage, in Distribution's layout.
///
/// Two orders hold everywhere: data before link, link before tag. Nothing is acknowledged before it is durable.
/// Membership is a link in the repository and is asked of the storage each time.
public final class Registry: Sendable {
    /// Where everything lies.
    public let driver: any StorageDriver
    /// What the operator decided.
    public let settings: RegistrySettings
    let logger: Logger
    let manifestCache: ManifestCache
    let tagNames = TagNames()
    let manifestLocks = KeyedLocks<ManifestLock>()
    let referrerScans = ReferrerScans()
    let uploads: UploadSessions
    let tokens: UploadTokens
    let sources = BlobSources()
    /// The least bytes that the driver wants in a chunk, as far as it has said so; 0: any number.
    let leastChunk = Atomic<Int>(0)

    /// A registry over a storage.
    public init(driver: any StorageDriver, settings: RegistrySettings, logger: Logger) {
        self.driver = driver
        self.settings = settings
        self.logger = logger
        manifestCache = ManifestCache(limit: settings.manifestCacheBytes)
        uploads = UploadSessions()
        tokens = UploadTokens(secret: settings.secret)
    }

    /// Whether every look at the storage is a request to a server, as with drivers that claim what only object stores need.
    /// Then what may be written again is written without looking, and a link is read rather than looked at: a look that finds
    /// no object asks a second time, for a prefix.
    var looksAreRequests: Bool { !driver.capabilities.isDisjoint(with: [.adopt, .walkByKey]) }

    // MARK: Links

    /// What a link says; nil if it isn't there. A link that can't be read counts as absent, and is logged.
    func readLink(_ path: StoragePath) async throws(StorageError) -> Digest? {
        let content: String
        do {
            content = String(buffer: try await driver.content(at: path, limit: 1024))
        } catch {
            // What is far larger than a link is none.
            if error.code == .notFound || error.code == .range { return nil }
            throw error
        }
        // Read leniently: a person may have written it, with a newline. By bytes: characters would cost tables.
        let text = Substring(content.utf8.drop { $0 <= 0x20 }.prefix { $0 > 0x20 })
        do {
            return try Digest(text)
        } catch {
            logger.warning("a link holds no digest", metadata: ["path": "\(path)", "error": "\(error)"])
            return nil
        }
    }

    /// Whether something stands at a path.
    func exists(_ path: StoragePath) async throws(StorageError) -> Bool {
        do {
            _ = try await driver.stat(path)
            return true
        } catch {
            if error.code == .notFound { return false }
            throw error
        }
    }

    /// Writes a link unless it is there to stay: what a link says follows from where it is, so it never changes.
    func ensureLink(_ path: StoragePath, _ digest: Digest) async throws(StorageError) {
        if !looksAreRequests, let stat = try await object(at: path), stat.size >= Self.linkSize,
            Durability.isSettled(stat)
        {
            return
        }
        try await writeLink(path, digest)
    }

    /// Sees to it that a link which was found, and which an answer is going to rely on, is there to stay.
    func settleLink(_ path: StoragePath, _ digest: Digest, in name: RepositoryName) async throws(StorageError) {
        // What this process has acknowledged is.
        if sources.names(digest).contains(name) { return }
        try await ensureLink(path, digest)
    }

    func writeLink(_ path: StoragePath, _ digest: Digest) async throws(StorageError) {
        try await driver.put(.init(string: digest.description), at: path, if: nil)
    }

    /// Bytes of a link: they hold canonical digests, whatever they are the links of.
    private static var linkSize: UInt64 { 71 }

    /// Whether there is a link at a path. One that is cut off, as a crashed copy may leave it, is none.
    func hasLink(_ path: StoragePath) async throws(StorageError) -> Bool {
        do {
            if looksAreRequests {
                return try await driver.content(at: path, limit: 1024).readableBytes >= Int(Self.linkSize)
            }
            return try await driver.stat(path).size >= Self.linkSize
        } catch {
            if error.code == .notFound || error.code == .range { return false }
            throw error
        }
    }

    /// Removes all below a path; one object after the other if the driver can't do better. What is gone already, perhaps
    /// through another request, is no error.
    func removeTree(_ path: StoragePath) async throws(StorageError) {
        do throws(StorageError) {
            if driver.capabilities.contains(.removeTree) { return try await driver.remove(path, tree: true) }
        } catch {
            if error.code == .notFound { return }
            throw error
        }
        var cursor = StorageCursor.start
        while true {
            let page = try await driver.list(path, from: cursor, limit: 1000)
            // From behind: of a tag its history goes first, so that what is left after a crash is still a tag.
            for entry in page.entries.reversed() {
                let child = try StoragePath(entry.path)
                if entry.kind == .object {
                    try await removeObject(child)
                } else {
                    try await removeTree(child)
                }
            }
            guard let last = page.entries.last, page.next != nil else { return }
            cursor = .after(String(last.name))
        }
    }

    func removeObject(_ path: StoragePath) async throws(StorageError) {
        do {
            try await driver.remove(path, tree: false)
        } catch {
            if error.code != .notFound { throw error }
        }
    }

    func requireWritable() throws(RegistryError) {
        if settings.readOnly { throw RegistryError(.unsupported, "the registry is read-only") }
    }

    func requireDeletes() throws(RegistryError) {
        try requireWritable()
        if !settings.deleteEnabled {
            throw RegistryError(.unsupported, "deletion is disabled; storage.delete.enabled turns it on")
        }
    }
}
