import Glibc
import ObjectStoreKit
import PluginKit

/// Objects as blobs of an Azure Blob Storage container, under the names that Distribution gives them.
final class AzureDriver: StorageDriver {
    let service: BlobService
    let options: AzureOptions
    let plan: AzureBlockPlan
    let pool: PartPool
    let host: Host

    /// Up to this size a content of known length is held whole and put in one request.
    var singlePutLimit: Int { options.chunkSize * 4 }

    /// No I/O.
    init(_ options: AzureOptions, host: Host) throws(StoreError) {
        let credentials = try AzureCredentials.plan(options, environment: Self.environment())
        self.options = options
        self.host = host
        service = BlobService(credentials, options, host: host)
        plan = AzureBlockPlan(firstSize: options.chunkSize)
        pool = PartPool(limit: max(160 << 20, options.chunkSize * 8), host: host)
    }

    private static func environment() -> [String: String] {
        let names = [
            "AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE",
            "AZURE_AUTHORITY_HOST", "AZURE_POD_IDENTITY_AUTHORITY_HOST", "IDENTITY_ENDPOINT", "IDENTITY_HEADER",
        ]
        var found: [String: String] = [:]
        for name in names {
            if let value = getenv(name), value.pointee != 0 { found[name] = String(cString: value) }
        }
        return found
    }

    var capabilities: StorageCapabilities {
        let always: StorageCapabilities = [
            .putIfAbsent, .ifMatch, .copy, .batchRemove, .resume, .walk, .walkByKey, .strongList, .removeTree,
        ]
        return service.canSign ? always.union(.redirectGet) : always
    }

    // MARK: Life

    func start(_ call: CallContext) async throws {
        try service.start()
        do {
            _ = try await look(Deadline(call).sooner(.after(milliseconds: 20_000)))
        } catch {
            await service.stop()
            throw StartFailure.explained(error, options)
        }
    }

    func stop() async {
        await OpenWriters.shared.settled(under: scope)
        await service.stop()
    }

    func health(_ call: CallContext) async throws -> Health {
        do {
            _ = try await look(Deadline(call))
            return Health(.ok)
        } catch {
            return Health(.down, StartFailure.explained(error, options).message)
        }
    }

    /// The smallest listing: it needs the container, a right and a clock.
    private func look(_ deadline: Deadline) async throws -> AzureBlobPage {
        try await listBlobs(prefix: service.address.root, limit: 1, deadline: deadline)
    }

    /// What tells this container from others of the process.
    var scope: String { "\(service.address.endpoint.url)\(service.address.containerPath)/" }

    func name(_ path: String) -> String { service.address.name(of: path) }

    // MARK: Objects

    func readContent(at path: String, limit: UInt64, _ call: CallContext) async throws -> OwnedBytes {
        var request = service.request("GetBlob", .get, blob: name(path))
        let tooLarge = PluginError(.range, "the object is larger than \(limit) bytes", noEffect: true)
        // A refusal has a body too, whatever the caller expects of the object.
        request.responseLimit = max(Int(clamping: limit), 64 << 10)
        let answer: HTTPResponse
        do {
            answer = try await service.send(request, Deadline(call))
        } catch let error as StoreError where error.cause == .tooLarge {
            throw tooLarge
        }
        guard answer.body.count <= limit else { throw tooLarge }
        guard AzureBlobState(answer.headers).isComplete else { throw PluginError.notFound }
        if let digest = answer.headers["Content-MD5"], digest != Base64.encode(Digests.md5(answer.body)) {
            throw StoreError(.corrupt, "\(name(path)) isn't what was stored: its digest differs")
        }
        return try answer.body.owned()
    }

    func putContent(
        _ body: UnsafeRawBufferPointer, at path: String, if condition: Precondition, _ call: CallContext
    ) async throws -> ObjectStat {
        try await putBlob(
            name(path), .lent(LentBytes(body)), digest: Base64.encode(Digests.md5(body)), condition, Deadline(call))
    }

    func openReader(
        at path: String, offset: UInt64, length: UInt64, _ call: CallContext
    ) async throws -> OpenedStream {
        try await open(name(path), offset: offset, length: length, Deadline(call))
    }

    func openWriter(
        at path: String, mode: WriterMode, sizeHint: UInt64?, _ call: CallContext
    ) async throws -> any ObjectWriter {
        switch mode {
        case .create:
            let staging = AzureStagingName(object: name(path), at: .now(), random: .random(in: 0 ... .max))
            OpenWriters.shared.claimNew(scope + staging.blob)
            return AzureWriter(self, staging, sizeHint: sizeHint)
        case .append(let offset, let token):
            return try await resume(name(path), at: offset, token: token, Deadline(call))
        case .take: throw PluginError.unsupported
        }
    }

    func stat(_ path: String, _ call: CallContext) async throws -> ObjectStat {
        let deadline = Deadline(call)
        if path == "/" { return ObjectStat(prefixModifiedNanoseconds: 0) }
        if let state = try await state(of: name(path), deadline), state.isComplete {
            return state.stat(size: state.size ?? 0)
        }
        guard try await isPrefix(path, deadline) else { throw PluginError.notFound }
        return ObjectStat(prefixModifiedNanoseconds: 0)
    }

    func redirectURL(for request: RedirectRequest, at path: String, _ call: CallContext) async throws -> String? {
        guard service.canSign, request.method != .put else { return nil }
        // Twenty minutes as Distribution, unless the caller wants less.
        let seconds = min(1200, max(1, request.timeToLiveMilliseconds / 1000))
        var signature = AzureBlobSignature(
            account: service.address.account, container: service.address.container, blob: name(path),
            permissions: "r", expiry: Timestamp.now().adding(seconds: seconds),
            requiresTLS: service.address.endpoint.scheme == .https)
        signature.contentType = request.contentType
        signature.contentDisposition = request.contentDisposition
        do {
            return try await service.signedURL(signature, Deadline(call))
        } catch let error as StoreError where error.kind == .permission {
            // Without the right to delegate, blobs are served from here.
            host.log.write(.warning, "no user delegation key: \(error.message)")
            return nil
        }
    }
}

extension AzureBlobState {
    /// As the ABI wants it. A tag that is too long for it counts as none.
    func stat(size: UInt64) -> ObjectStat {
        ObjectStat(size: size, modifiedNanoseconds: modifiedNanoseconds, etag: EntityTag(etag) ?? EntityTag())
    }
}
