public import PluginKit

/// The credentials of an instance: those of the configuration, or those of the first place that has some; fetched anew
/// before they expire, once for all requests that wait.
public final class AWSCredentialChain: Sendable {
    /// Where to look.
    public struct Source: Sendable {
        /// Of the configuration; then nothing else is asked.
        public var configured: AWSCredentials?
        /// A profile of the shared files; empty: none in particular.
        public var profile = ""
        /// Whose STS is asked for roles.
        public var region = ""
        /// What the process has.
        public var environment = AWSEnvironment.process

        /// Nothing configured.
        public init() {}
    }

    private let source: Source
    private let fetcher: AWSCredentialFetcher
    private let cache: ExpiringCache<AWSCredentials>

    /// A chain that sends its requests through a driver's engine.
    public init(_ source: Source, engine: HTTPEngine, host: Host) {
        self.source = source
        fetcher = AWSCredentialFetcher(
            engine: engine, host: host, environment: source.environment, region: source.region)
        cache = ExpiringCache(host: host)
    }

    /// Credentials that are good now.
    /// - Parameter refresh: those before were refused.
    public func current(refresh: Bool = false) async throws -> AWSCredentials {
        if let configured = source.configured { return configured }
        let (source, fetcher) = (source, fetcher)
        return try await cache.current(refresh: refresh) {
            // Looked for each time: files and environments of pods change.
            let place = try AWSCredentialSource.first(in: source.environment, profile: source.profile)
            let found = try await fetcher.fetch(place)
            return (found, found.expiration)
        }
    }
}
