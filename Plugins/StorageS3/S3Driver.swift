import ObjectStoreKit
import PluginKit
import Synchronization

/// Objects in a bucket, under Distribution's keys.
///
/// Keys are independent of each other: an object may stand where other keys have a prefix, so nobody pays for a look at
/// every ancestor of what is written.
final class S3Driver: StorageDriver {
    let bucket: S3Bucket
    let parts: PartPool
    private let claims = Mutex<StorageCapabilities>(S3Driver.always)

    /// What every store has. S3 lists what was written before, and a copy appears in one step.
    private static let always: StorageCapabilities = [
        .copy, .batchRemove, .redirectGet, .resume, .walk, .strongList, .removeTree, .adopt,
    ]

    init(_ options: S3Options, _ context: InstanceContext) throws(PluginError) {
        bucket = S3Bucket(options, host: context.host)
        parts = PartPool(limit: options.uploadMemory, host: context.host)
    }

    /// Complete when `start` has found out what the store can do.
    var capabilities: StorageCapabilities { claims.withLock { $0 } }

    /// Whether the store keeps folders, also empty ones, as file systems do: it lists their content in its place then.
    var hasFolders: Bool { !capabilities.contains(.walkByKey) }

    /// A key has at most 1024 bytes; a suspended writer has a name beside it.
    var maximumPathLength: UInt32 { UInt32(clamping: max(64, 1024 - 38 - bucket.options.root.utf8.count)) }

    func start(_ call: CallContext) async throws {
        do {
            try bucket.engine.start()
            let found = try await S3Start(bucket).run(Deadline(call))
            claims.withLock { $0.formUnion(found) }
        } catch {
            await bucket.engine.stop()
            throw error
        }
    }

    func stop() async {
        await OpenUploads.shared.waitForClosing(of: bucket)
        await bucket.engine.stop()
    }

    func health(_ call: CallContext) async throws -> Health {
        do {
            try await S3Start(bucket).look(Deadline(call).sooner(.after(milliseconds: 10_000)))
            return Health(.ok)
        } catch {
            return Health(.down, (error as? PluginError)?.message ?? "\(error)")
        }
    }

    // MARK: Whole objects

    func readContent(at path: String, limit: UInt64, _ call: CallContext) async throws -> OwnedBytes {
        let key = bucket.key(path)
        var request = bucket.request("GetObject", .get, key)
        // Never so small that an error wouldn't fit.
        request.responseLimit = Int(clamping: max(limit, 65_536))
        do {
            let response = try await bucket.send(request, Deadline(call))
            guard response.body.count <= limit else { throw S3Driver.tooLarge }
            return try response.body.owned()
        } catch let error as StoreError where error.cause == .tooLarge {
            throw S3Driver.tooLarge
        }
    }

    private static var tooLarge: PluginError {
        PluginError(.range, "the object is larger than the limit", noEffect: true)
    }

    func putContent(
        _ body: UnsafeRawBufferPointer, at path: String, if condition: Precondition, _ call: CallContext
    ) async throws -> ObjectStat {
        let body = LentBytes(body)
        let size = UInt64(HTTPBody.lent(body).count)
        guard size <= S3PartSizes.most else {
            throw PluginError(.range, "more than 5 GiB in one piece", noEffect: true)
        }
        let etag = try await bucket.put(.lent(body), bucket.key(path), if: condition, Deadline(call))
        return ObjectStat(size: size, modifiedNanoseconds: 0, etag: S3Bucket.tag(etag))
    }

    func stat(_ path: String, _ call: CallContext) async throws -> ObjectStat {
        let deadline = Deadline(call)
        if path == "/" { return ObjectStat(prefixModifiedNanoseconds: 0) }
        if let found = try await bucket.head(bucket.key(path), deadline) { return found.stat }
        guard try await isPrefix(path, deadline) else { throw PluginError.notFound }
        return ObjectStat(prefixModifiedNanoseconds: 0)
    }

    /// Whether there are objects below a path. What drivers keep for themselves doesn't count.
    func isPrefix(_ path: String, _ deadline: Deadline) async throws -> Bool {
        let prefix = bucket.prefix(path)
        var (after, limit) = ("", 1)
        while true {
            let page = try await bucket.list(prefix, after: after, limit: limit, deadline)
            if page.objects.contains(where: { ObjectKey.isVisible($0.key, below: prefix) }) { return true }
            guard page.isTruncated, let last = page.objects.last else { return false }
            (after, limit) = (last.key, 1000)
        }
    }

    func redirectURL(for request: RedirectRequest, at path: String, _ call: CallContext) async throws -> String? {
        guard request.method != .put else { return nil }
        var query: [QueryItem] = []
        if !request.contentType.isEmpty { query.append(QueryItem("response-content-type", request.contentType)) }
        if !request.contentDisposition.isEmpty {
            query.append(QueryItem("response-content-disposition", request.contentDisposition))
        }
        let seconds = max(1, request.timeToLiveMilliseconds / 1000)
        return try await bucket.presigned(
            request.method == .head ? .head : .get, bucket.key(path), seconds: seconds, query)
    }
}

/// Keys, as far as they say something to the driver.
enum ObjectKey {
    /// A key without the prefix that it begins with; nil if it doesn't.
    static func relative(_ key: String, to prefix: String) -> String? {
        guard key.utf8.starts(with: prefix.utf8) else { return nil }
        return String(key.utf8.dropFirst(prefix.utf8.count))
    }

    /// Whether a key below a prefix can be shown: a path of legal names, none of them a driver's own.
    static func isVisible(_ key: String, below prefix: String) -> Bool {
        guard let path = relative(key, to: prefix) else { return false }
        return path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
            .allSatisfy { Array($0).withUnsafeBytes(StoragePath.isName) }
    }
}
