import ObjectStoreKit
import PluginKit

/// What a start finds out, so that a mistake in the configuration is told then and not with the first pull.
enum GCSStart {
    /// Seconds, not minutes: somebody waits for the server to come up.
    static let retries: RetryPolicy = {
        var retries = RetryPolicy()
        retries.maximumAttempts = 3
        retries.maximumTime = 5_000
        return retries
    }()

    /// Who the driver is, by the configuration or by what the machine has.
    static func identity(_ options: GCSOptions) throws(PluginError) -> GoogleIdentity {
        if options.isAnonymous { return .anonymous }
        if let identity = options.identity { return identity }
        if !options.keyFile.isEmpty { return try identity(inFile: options.keyFile, key: "keyfile") }
        return switch GoogleDefaultCredentials.find() {
        case .named(let path): try identity(inFile: path, key: "GOOGLE_APPLICATION_CREDENTIALS")
        case .wellKnown(let path): try identity(inFile: path, key: path)
        case .metadataServer: .metadataServer
        }
    }

    private static func identity(inFile path: String, key: String) throws(PluginError) -> GoogleIdentity {
        do throws(StoreError) {
            return try GoogleIdentity(GoogleCredentialsFile.parse(SmallFile.read(path)))
        } catch {
            throw .config(key: key, error.message)
        }
    }

    /// Asks for one key: the bucket must be there and readable.
    static func check(_ client: GCSClient, _ keys: Keys, _ deadline: Deadline) async throws(PluginError) {
        do {
            _ = try await client.credentials.authorization(refresh: false)
        } catch {
            throw explainCredentials(error, client.options)
        }
        do {
            let soon = deadline.sooner(.after(milliseconds: 20_000))
            _ = try await client.list(GCSClient.ListQuery(prefix: keys.root, limit: 1), soon)
        } catch {
            throw explain(error, client.options)
        }
    }

    /// The parameter that gives the credentials.
    private static func credentialsKey(_ options: GCSOptions) -> String {
        if options.identity != nil { return "credentials" }
        return "keyfile"
    }

    private static func explainCredentials(_ error: any Error, _ options: GCSOptions) -> PluginError {
        guard let error = error as? StoreError else { return PluginError(.internalFailure, reason(error)) }
        var hint = error.message
        if options.identity == nil, options.keyFile.isEmpty {
            hint += "; there is neither keyfile nor credentials, nor what Application Default Credentials look for"
        }
        return named(error, credentialsKey(options), hint)
    }

    /// The failure with the parameter that it is a matter of.
    static func explain(_ error: any Error, _ options: GCSOptions) -> PluginError {
        guard let error = error as? StoreError else {
            return error as? PluginError ?? PluginError(.internalFailure, reason(error))
        }
        switch error.cause {
        case .resolve, .connect, .reset, .firstByte, .lowSpeed, .truncated:
            return named(error, "endpoint", "\(options.endpoint.url): \(error.message)")
        case .tls: return named(error, "cafile", "\(options.endpoint.url): \(error.message)")
        default: break
        }
        switch error.kind {
        case .notFound: return named(error, "bucket", "\(options.bucket): \(error.message)")
        case .permission:
            return named(error, options.isAnonymous ? "anonymous" : credentialsKey(options), error.message)
        case .config, .corrupt, .invalid, .unsupported:
            return named(error, "endpoint", "\(options.endpoint.url): \(error.message)")
        default: return error.pluginError
        }
    }

    private static func named(_ error: StoreError, _ key: String, _ message: String) -> PluginError {
        var named = PluginError.config(key: key, message)
        named.vendorCode = error.vendorCode
        return named
    }
}
