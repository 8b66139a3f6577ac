public import Logging
import NIOCore
import RegistryModel
public import RegistryStorage

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
    let uploads: UploadSessions
    let tokens: UploadTokens

    /// A registry over a storage.
    public init(driver: any StorageDriver, settings: RegistrySettings, logger: Logger) {
        self.driver = driver
        self.settings = settings
        self.logger = logger
        manifestCache = ManifestCache(limit: settings.manifestCacheBytes)
        uploads = UploadSessions()
        tokens = UploadTokens(secret: settings.secret)
    }

    // MARK: Links

    /// What a link says; nil if it isn't there. A link that can't be read counts as absent, and is logged.
    func readLink(_ path: StoragePath) async throws(StorageError) -> Digest? {
        let content: String
        do {
            content = String(buffer: try await driver.content(at: path, limit: 1024))
        } catch {
            if error.code == .notFound { return nil }
            throw error
        }
        let text = content.drop(while: \.isWhitespace).prefix { !$0.isWhitespace }
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

    /// Writes a link unless it is there: what a link says follows from where it is, so it never changes.
    func ensureLink(_ path: StoragePath, _ digest: Digest) async throws(StorageError) {
        if try await hasLink(path) { return }
        try await writeLink(path, digest)
    }

    func writeLink(_ path: StoragePath, _ digest: Digest) async throws(StorageError) {
        try await driver.put(.init(string: digest.description), at: path, if: nil)
    }

    /// Whether there is a link at a path. An empty one, as a crashed copy may leave it, is none.
    func hasLink(_ path: StoragePath) async throws(StorageError) -> Bool {
        do {
            return try await driver.stat(path).size > 0
        } catch {
            if error.code == .notFound { return false }
            throw error
        }
    }

    /// Removes all below a path; one object after the other if the driver can't do better.
    func removeTree(_ path: StoragePath) async throws(StorageError) {
        if driver.capabilities.contains(.removeTree) { return try await driver.remove(path, tree: true) }
        while true {
            let page = try await driver.list(path, from: .start, limit: 1000)
            guard !page.entries.isEmpty else { return }
            for entry in page.entries {
                let child = try StoragePath(entry.path)
                if entry.kind == .object {
                    try await driver.remove(child, tree: false)
                } else {
                    try await removeTree(child)
                }
            }
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
