import ObjectStoreKit
import PluginKit

extension S3Driver {
    func move(
        _ source: String, to destination: String, if condition: Precondition, _ call: CallContext
    ) async throws {
        let deadline = Deadline(call)
        let head = try await requireObject(source, deadline)
        guard source != destination else { return }
        _ = try await copy(bucket.key(source), head, to: bucket.key(destination), if: condition, deadline)
        try await removeOne(bucket.key(source), deadline)
    }

    func copy(
        _ source: String, to destination: String, if condition: Precondition, _ call: CallContext
    ) async throws -> ObjectStat {
        let deadline = Deadline(call)
        let head = try await requireObject(source, deadline)
        let etag = try await copy(bucket.key(source), head, to: bucket.key(destination), if: condition, deadline)
        return ObjectStat(size: head.size, modifiedNanoseconds: 0, etag: S3Bucket.tag(etag))
    }

    /// What the object at a path is like.
    private func requireObject(_ path: String, _ deadline: Deadline) async throws -> S3Head {
        if let head = try await bucket.head(bucket.key(path), deadline) { return head }
        guard try await isPrefix(path, deadline) else { throw PluginError.notFound }
        throw PluginError(.invalidArgument, "a prefix is no object", noEffect: true)
    }

    /// Copies by one request, or a large object by many at once.
    /// - Returns: the copy's entity tag.
    func copy(
        _ source: String, _ head: S3Head, to key: String, if condition: Precondition, _ deadline: Deadline
    ) async throws -> String {
        guard case .none = condition else {
            return try await copyInParts(source, head, to: key, if: condition, deadline)
        }
        // Onto itself S3 copies only with a change.
        if source == key { return head.etag }
        if head.size <= min(bucket.options.copyThreshold, S3PartSizes.most) {
            return try await bucket.copy(source, to: key, deadline)
        }
        return try await copyInParts(source, head, to: key, if: condition, deadline)
    }

    /// An upload in parts can be ended under a condition, which a copy by one request can't everywhere.
    private func copyInParts(
        _ source: String, _ head: S3Head, to key: String, if condition: Precondition, _ deadline: Deadline
    ) async throws -> String {
        // A range has at least one byte.
        guard head.size > 0 else { return try await bucket.put(.none, key, if: condition, deadline) }
        guard head.size <= S3PartSizes.largestObject else {
            throw StoreError(.corrupt, "HeadObject: no object can be so large")
        }
        let ranges = S3Driver.ranges(of: head.size, bucket.options.copyChunkSize)
        return try await bucket.withUpload(key, deadline) { [bucket] upload in
            let etags = try await Parallel.map(
                Array(ranges.enumerated()), limit: bucket.options.copyConcurrency
            ) { index, range in
                try await bucket.copy(source, range, part: index + 1, of: upload, deadline)
            }
            return try await bucket.complete(upload, etags, size: head.size, if: condition, deadline)
        }
    }

    /// Equal ranges, as large as asked for or as they must be so that there aren't too many.
    static func ranges(of size: UInt64, _ chunk: UInt64) -> [Range<UInt64>] {
        let step = max(chunk, size / UInt64(S3PartSizes.mostParts) + 1)
        return stride(from: 0, to: size, by: UInt64.Stride(step)).map { $0..<min($0 + step, size) }
    }
}
