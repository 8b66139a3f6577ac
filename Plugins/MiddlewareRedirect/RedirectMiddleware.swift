import PluginKit

/// Sends clients to a server that has the same objects under the same paths: a mirror, a CDN, a web server on the root.
final class RedirectMiddleware: StorageMiddleware, @unchecked Sendable {
    // Sendable: immutable.
    private let base: String

    init(_ options: RedirectOptions, _ inner: InnerStorage) {
        base = options.base
        super.init(inner)
    }

    override var capabilities: StorageCapabilities { inner.capabilities.union([.redirectGet]) }

    /// Every object is there, so what is asked of it doesn't matter. Paths hold only what a URL may hold.
    override func redirectURL(
        for request: RedirectRequest, at path: String, _ call: CallContext
    ) async throws -> String? { base + path }
}
