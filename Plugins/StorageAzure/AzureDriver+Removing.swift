import ObjectStoreKit
import PluginKit

extension AzureDriver {
    func remove(_ path: String, tree: Bool, _ call: CallContext) async throws {
        let deadline = Deadline(call)
        if tree { return try await removeTree(path, deadline) }
        try await removeObject(path, deadline)
    }

    private func removeObject(_ path: String, _ deadline: Deadline) async throws {
        do {
            try await deleteBlob(name(path), deadline)
        } catch let error as StoreError where error.kind == .notFound {
            guard try await isPrefix(path, deadline) else { throw PluginError.notFound }
            throw PluginError(.invalidArgument, "a prefix is removed as a tree only", noEffect: true)
        }
    }

    func removeBatch(_ paths: [String], _ call: CallContext) async throws -> [PluginError?] {
        let deadline = Deadline(call)
        return try await Parallel.map(paths, limit: 32) { path -> PluginError? in
            do {
                try await self.removeObject(path, deadline)
                return nil
            } catch is CancellationError {
                throw CancellationError()
            } catch {
                return PluginError(wrapping: error)
            }
        }
    }

    /// Removes all blobs below a path, the object at it, and what writers have staged there.
    private func removeTree(_ path: String, _ deadline: Deadline) async throws {
        let blob = name(path)
        let prefix = AzureStagingName.prefix(of: blob)
        await OpenWriters.shared.settled(under: "\(scope)\(blob)/")
        await OpenWriters.shared.settled(under: scope + prefix)
        async let object = removeIfThere(blob, deadline)
        async let below = removeAll(beginningWith: blob + "/", deadline) { _ in true }
        async let staged = removeAll(beginningWith: prefix, deadline) { name in
            AzureStagingName(blob: name)?.object == blob
        }
        let counts = try await (object, below, staged)
        guard counts.0 + counts.1 + counts.2 > 0 else { throw PluginError.notFound }
    }

    /// 1 if there was something, else 0.
    private func removeIfThere(_ blob: String, _ deadline: Deadline) async throws -> Int {
        do {
            try await deleteBlob(blob, deadline)
            return 1
        } catch let error as StoreError where error.kind == .notFound {
            return 0
        }
    }

    /// Removes blobs, committed or not, and gives their number.
    private func removeAll(
        beginningWith prefix: String, _ deadline: Deadline, where isMeant: @escaping @Sendable (String) -> Bool
    ) async throws -> Int {
        var count = 0
        var marker = ""
        repeat {
            let page = try await listBlobs(
                prefix: prefix, uncommitted: true, marker: marker, limit: 5000, deadline: deadline)
            let blobs = page.entries.map(\.name).filter(isMeant)
            _ = try await Parallel.map(blobs, limit: 32) { blob in
                if AzureStagingName(blob: blob) == nil {
                    _ = try await self.removeIfThere(blob, deadline)
                } else {
                    try await self.discardStaged(blob, deadline)
                }
            }
            count += blobs.count
            marker = page.nextMarker
        } while !marker.isEmpty
        return count
    }
}
