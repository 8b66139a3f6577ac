import ObjectStoreKit
import PluginKit
import Synchronization

/// Objects in a bucket of Google Cloud Storage, by its JSON API, under the keys of Distribution's driver.
final class GCSDriver: StorageDriver {
    let options: GCSOptions
    let host: Host
    let keys: Keys
    private let engine: HTTPEngine
    private let pool: PartPool
    private let executor: HostExecutor?
    private let writers = Mutex<GCSWriter.Context?>(nil)

    /// The most memory of all uploads together; beyond it they wait for each other.
    private static let uploadMemory = 512 << 20

    init(_ options: GCSOptions, _ context: InstanceContext) {
        self.options = options
        host = context.host
        keys = Keys(rootDirectory: options.rootDirectory)
        executor = HostExecutor(context.host)
        pool = PartPool(limit: max(Self.uploadMemory, options.chunkSize * 2), host: context.host)
        var configuration = HTTPConfiguration(driver: "gcs")
        if !options.userAgent.isEmpty { configuration.userAgent = options.userAgent }
        configuration.maximumConnections = options.maximumConcurrency
        configuration.timeouts = options.timeouts
        if !options.caFile.isEmpty { configuration.caFile = options.caFile }
        configuration.verifiesTLS = !options.skipsVerification
        engine = HTTPEngine(configuration, host: context.host)
    }

    /// A move is a copy and a removal, which isn't one step. Appending in place isn't what the service does.
    var capabilities: StorageCapabilities {
        var claims: StorageCapabilities = [
            .putIfAbsent, .ifMatch, .copy, .batchRemove, .resume, .walk, .walkByKey, .strongList, .removeTree,
        ]
        // Nobody's signature counts.
        if !options.isAnonymous { claims.insert(.redirectGet) }
        return claims
    }

    /// What operations work with; there is none before the start.
    var connection: GCSWriter.Context {
        get throws {
            guard let context = writers.withLock({ $0 }) else {
                throw PluginError(.shutdown, "the driver wasn't started", noEffect: true)
            }
            return context
        }
    }

    // MARK: Lifecycle

    func start(_ call: CallContext) async throws {
        try engine.start()
        do {
            let identity = try GCSStart.identity(options)
            let credentials = GoogleCredentials(
                identity, engine: engine, retries: GCSStart.retries, host: host,
                metadata: GoogleDefaultCredentials.metadataEndpoint(), iam: options.iamEndpoint)
            try await GCSStart.check(client(credentials, GCSStart.retries), keys, Deadline(call))
            var retries = RetryPolicy()
            retries.maximumAttempts = options.maximumRetries + 1
            let client = client(credentials, retries)
            let bucketID = "\(options.endpoint.url)\(options.basePath)/\(options.bucket)/"
            let context = GCSWriter.Context(
                client: client, pool: pool, host: host, executor: executor, bucketID: bucketID)
            writers.withLock { $0 = context }
        } catch {
            await engine.stop()
            throw error
        }
    }

    private func client(_ credentials: GoogleCredentials, _ retries: RetryPolicy) -> GCSClient {
        let client = StoreClient(engine, retries: retries, host: host, refusal: GCSClient.refusal)
        return GCSClient(options, client: client, credentials: credentials)
    }

    func stop() async {
        if let id = writers.withLock({ $0 })?.bucketID { await OpenUploads.shared.settle(id) }
        await engine.stop()
    }

    func health(_ call: CallContext) async throws -> Health {
        do {
            _ = try await connection.client.list(.init(prefix: keys.root, limit: 1), Deadline(call))
            return Health(.ok)
        } catch {
            return Health(.down, GCSStart.explain(error, options).message)
        }
    }

    // MARK: Objects

    /// An object; what is left of an unfinished upload is none.
    func look(_ path: String, _ deadline: Deadline) async throws -> GCSObject {
        guard let object = try await connection.client.look(keys.key(path), deadline), !object.isSuspendedUpload else {
            throw PluginError.notFound
        }
        return object
    }

    func putContent(
        _ body: UnsafeRawBufferPointer, at path: String, if condition: Precondition, _ call: CallContext
    ) async throws -> ObjectStat {
        var checksum = CRC32C()
        checksum.update(body)
        let object = NewObject(key: keys.key(path), content: .lent(LentBytes(body)), checksum: checksum)
        return try await connection.client.insert(object, if: condition, Deadline(call)).stat
    }

    func stat(_ path: String, _ call: CallContext) async throws -> ObjectStat {
        if path == "/" { return ObjectStat(prefixModifiedNanoseconds: 0) }
        let deadline = Deadline(call)
        let object = try await connection.client.look(keys.key(path), deadline)
        if let object, !object.isSuspendedUpload { return object.stat }
        guard try await hasChildren(path, deadline) else { throw PluginError.notFound }
        return ObjectStat(prefixModifiedNanoseconds: 0)
    }

    /// Whether objects stand below a path. Suspended uploads and what the ABI can't name don't count.
    func hasChildren(_ path: String, _ deadline: Deadline) async throws -> Bool {
        var query = GCSClient.ListQuery(prefix: keys.prefix(path), limit: 8)
        while true {
            let page = try await connection.client.list(query, deadline)
            if page.items.contains(where: { keys.relative($0, below: query.prefix) != nil }) { return true }
            guard let token = page.nextPageToken else { return false }
            query.pageToken = token
            query.limit = 1000
        }
    }

    // MARK: URLs

    func redirectURL(for request: RedirectRequest, at path: String, _ call: CallContext) async throws -> String? {
        guard request.method != .put, !options.isAnonymous else { return nil }
        do {
            return try await signedURL(for: request, at: path, Deadline(call))
        } catch let error as StoreError where error.kind != .cancelled && error.kind != .shutdown {
            // The object can be served from here as well, which beats not serving it.
            host.log.write(.warning, "no URL could be signed, so objects are served by the registry: \(error.message)")
            return nil
        }
    }

    private func signedURL(
        for request: RedirectRequest, at path: String, _ deadline: Deadline
    ) async throws -> String? {
        let credentials = try connection.client.credentials
        guard let email = try await credentials.signer(deadline) else { return nil }
        var url = GoogleSignedURL(
            method: request.method == .head ? "HEAD" : "GET", scheme: options.endpoint.scheme.rawValue,
            host: options.endpoint.authority,
            path: options.basePath + "/" + PercentEncoding.path("\(options.bucket)/\(keys.key(path))"), email: email,
            issuedAt: .now(),
            lifetime: min(max(request.timeToLiveMilliseconds / 1000, 1), GoogleSignedURL.longestLifetime))
        if !request.contentType.isEmpty { url.query.append(QueryItem("response-content-type", request.contentType)) }
        if !request.contentDisposition.isEmpty {
            url.query.append(QueryItem("response-content-disposition", request.contentDisposition))
        }
        if !options.userProject.isEmpty { url.query.append(QueryItem("userProject", options.userProject)) }
        return url.url(signature: try await credentials.sign(url.stringToSign, as: email, deadline))
    }
}
