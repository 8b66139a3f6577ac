import ObjectStoreKit
import PluginKit

/// Tokens of the directory: fetched once for all who wait, and before the old one ends.
final class TokenSource: Sendable {
    private let identities: [AzureIdentity]
    private let client: StoreClient
    private let cache: ExpiringCache<String>

    init(_ identities: [AzureIdentity], engine: HTTPEngine, host: Host) {
        self.identities = identities
        var retries = RetryPolicy()
        retries.maximumAttempts = 3
        retries.maximumTime = 15_000
        client = StoreClient(engine, retries: retries, host: host, refusal: AzureRefusal.error)
        cache = ExpiringCache(host: host, refreshAhead: 300)
    }

    /// The token; `refresh`: the last one was refused.
    func current(refresh: Bool) async throws -> String {
        try await cache.current(refresh: refresh) { [self] in
            let token = try await fetch()
            return (token.value, token.expires)
        }
    }

    /// The first way that gives a token. If none does, the error says what each of them met.
    private func fetch() async throws -> AzureToken {
        var failures: [String] = []
        var kind = StoreError.Kind.permission
        for identity in identities {
            do {
                return try await fetch(identity)
            } catch let error as StoreError {
                failures.append("\(identity.name): \(error.message)")
                kind = error.kind
            }
        }
        throw StoreError(kind, "credentials: \(failures.joined(separator: "; "))", noEffect: true)
    }

    private func fetch(_ identity: AzureIdentity) async throws -> AzureToken {
        var assertion = ""
        if case .workload(_, _, _, let file) = identity { assertion = try Self.read(file) }
        let request = identity.tokenRequest(assertion: assertion)
        let answer = try await client.send(.after(milliseconds: 20_000)) { _ in request }
        return try AzureToken(answer.body, at: .now())
    }

    /// The federated token. The platform replaces the file, so it is read each time.
    private static func read(_ path: String) throws(StoreError) -> String {
        do {
            let text = try SmallFile.read(path).text
            return String(text.drop { $0.isWhitespace }.prefix { !$0.isWhitespace })
        } catch {
            var named = error
            named.message = "credentials/tokenfile: \(error.message)"
            throw named
        }
    }
}
