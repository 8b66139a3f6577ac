import ObjectStoreKit
import PluginKit
import Synchronization

/// Sends clients to CloudFront where the S3 driver below would send them to its bucket.
final class CloudFrontMiddleware: StorageMiddleware, @unchecked Sendable {
    // Sendable: immutable, or guarded by what holds it.
    private let options: CloudFrontOptions
    private let log: HostLog
    private let addresses: RefreshedAddresses?
    private let hasWarned = Atomic<Bool>(false)

    init(_ options: CloudFrontOptions, _ context: InstanceContext, _ inner: InnerStorage) throws(PluginError) {
        self.options = options
        log = context.host.log
        addresses = try options.filter == .none ? nil : RefreshedAddresses(options, context.host)
        super.init(inner)
        if !inner.capabilities.contains(.redirectGet) {
            log.write(.warning, "cloudfront does nothing: the storage below it is no S3 bucket that signs URLs")
        }
    }

    override func stop() async { await addresses?.stop() }

    override func redirectURL(
        for request: RedirectRequest, at path: String, _ call: CallContext
    ) async throws -> String? {
        guard let direct = try await inner.redirectURL(for: request, at: path, call) else { return nil }
        guard let key = key(direct) else {
            if !hasWarned.exchange(true, ordering: .relaxed) {
                log.write(.warning, "cloudfront does nothing: the storage below it gives no URLs signed for S3")
            }
            return direct
        }
        if request.method == .put || addresses?.contains(request.clientAddress) == true { return direct }
        return try options.signature.signed(
            options.base + key, until: .now().adding(seconds: options.lifetimeSeconds))
    }

    /// The key of an object, as a path, from the URL by which S3 serves it.
    private func key(_ text: String) -> String? {
        guard let url = URLParts(text), url.suffix.contains("X-Amz-Signature=") || url.suffix.contains("&Signature=")
        else { return nil }
        var path = url.path
        if !options.trimPathPrefix.isEmpty {
            guard path.hasPrefix(options.trimPathPrefix) else { return nil }
            path = String(path.dropFirst(options.trimPathPrefix.count))
        } else if CloudFrontMiddleware.isPathStyle(url.host) {
            path = String(path.dropFirst().drop { $0 != "/" })
        }
        if !path.hasPrefix("/") { path = "/" + path }
        return path.count > 1 ? path : nil
    }

    /// Amazon's hosts begin with the bucket, or with the service where the bucket stands in the path.
    private static func isPathStyle(_ host: String) -> Bool {
        host.contains(".amazonaws.com") && (host.hasPrefix("s3.") || host.hasPrefix("s3-"))
    }
}
