import PluginKit

/// Changes the URLs that the driver sends clients to, for a proxy in front of the store.
final class RewriteMiddleware: StorageMiddleware, @unchecked Sendable {
    // Sendable: immutable.
    private let options: RewriteOptions

    init(_ options: RewriteOptions, _ context: InstanceContext, _ inner: InnerStorage) {
        self.options = options
        super.init(inner)
        if !inner.capabilities.contains(.redirectGet) {
            context.host.log.write(
                .warning, "rewrite changes nothing: the storage below it sends clients nowhere",
                [("instance", context.name)])
        }
    }

    /// What the driver serves itself is left alone.
    override func redirectURL(
        for request: RedirectRequest, at path: String, _ call: CallContext
    ) async throws -> String? {
        guard let text = try await inner.redirectURL(for: request, at: path, call) else { return nil }
        guard var url = URLParts(text) else {
            throw PluginError(.internalFailure, "the storage below gave no URL that can be rewritten", noEffect: true)
        }
        options.apply(to: &url)
        return url.text
    }
}
