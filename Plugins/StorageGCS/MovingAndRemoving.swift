import ObjectStoreKit
import PluginKit

extension GCSDriver {
    func copy(
        _ source: String, to destination: String, if condition: Precondition, _ call: CallContext
    ) async throws -> ObjectStat {
        let deadline = Deadline(call)
        try await check(condition, at: destination, deadline)
        return try await copied(source, to: destination, if: condition, deadline).stat
    }

    /// A copy and a removal: both objects are there for a moment, or for good if the removal fails, which is an error.
    func move(_ source: String, to destination: String, if condition: Precondition, _ call: CallContext) async throws {
        let deadline = Deadline(call)
        if source == destination {
            guard try await stat(source, call).kind == .object else { throw Self.prefixMoved }
            return
        }
        try await check(condition, at: destination, deadline)
        do {
            _ = try await copied(source, to: destination, if: condition, deadline)
        } catch let error as PluginError where error.code == .notFound {
            if try await hasChildren(source, deadline) { throw Self.prefixMoved }
            throw error
        }
        _ = try await connection.client.delete(keys.key(source), deadline)
    }

    private func copied(
        _ source: String, to destination: String, if condition: Precondition, _ deadline: Deadline
    ) async throws -> GCSObject {
        do {
            let copy = try await connection.client.copy(
                keys.key(source), to: keys.key(destination), if: condition, deadline)
            guard let copy else { throw PluginError.notFound }
            return copy
        } catch let error as StoreError {
            throw condition.explain(error)
        }
    }

    /// Looks early whether a condition can hold: a copy may take long, and some services don't look at all. What counts is
    /// the condition that goes with the copy.
    private func check(_ condition: Precondition, at path: String, _ deadline: Deadline) async throws {
        if case .none = condition { return }
        let object = try await connection.client.look(keys.key(path), deadline)
        switch condition {
        case .absent where object != nil:
            throw PluginError(.alreadyExists, "an object stands at the destination", noEffect: true)
        case .matches(let tag) where object.map { $0.etag == tag } != true:
            throw PluginError(.precondition, "the object at the destination has another tag", noEffect: true)
        default: break
        }
    }

    private static var prefixMoved: PluginError {
        PluginError(.invalidArgument, "a prefix can't be moved", noEffect: true)
    }

    // MARK: Removing

    func remove(_ path: String, tree: Bool, _ call: CallContext) async throws {
        if tree { return try await removeTree(path, Deadline(call)) }
        try await removeObject(path, Deadline(call))
    }

    func removeBatch(_ paths: [String], _ call: CallContext) async throws -> [PluginError?] {
        let deadline = Deadline(call)
        return try await Parallel.map(paths, limit: Self.removalsAtOnce) { [self] path in
            do {
                try await removeObject(path, deadline)
                return nil
            } catch let error as PluginError {
                return error
            } catch let error as StoreError {
                return error.pluginError
            }
        }
    }

    private static let removalsAtOnce = 24

    private func removeObject(_ path: String, _ deadline: Deadline) async throws {
        if try await connection.client.delete(keys.key(path), deadline) { return }
        guard try await hasChildren(path, deadline) else { throw PluginError.notFound }
        throw PluginError(.invalidArgument, "a prefix stands at this path", noEffect: true)
    }

    /// Removes an object, what is below it, and the unfinished uploads of all of them.
    private func removeTree(_ path: String, _ deadline: Deadline) async throws {
        let (connection, key) = (try connection, keys.key(path))
        await OpenUploads.shared.settle(connection.bucketID + key + "/")
        await OpenUploads.shared.settle(connection.bucketID + SuspendedName.prefix(of: key))
        // All keys that begin with the object's, up to those below it: one page has them unless it has many siblings
        // whose names go on with `-` or `.`. Then those below are asked for alone.
        var query = GCSClient.ListQuery(prefix: key, start: key, end: key + "0")
        var (isBelow, isFolder, found) = (false, false, false)
        while true {
            let page = try await connection.client.list(query, deadline)
            let doomed = page.items.filter { $0.name == key || $0.name.utf8.starts(with: (key + "/").utf8) }
            found = found || !doomed.isEmpty
            isFolder = isFolder || doomed.contains { $0.name != key }
            _ = try await Parallel.map(doomed, limit: Self.removalsAtOnce) { [self] object in
                try await removeForGood(object, connection.client, deadline)
            }
            guard let token = page.nextPageToken else { break }
            query.pageToken = token
            if !isBelow, let last = page.items.last?.name, !last.hasPrefix(key + "/") {
                query = GCSClient.ListQuery(prefix: key + "/")
            }
            isBelow = true
        }
        // What has something below it is no object, so nobody writes it.
        if !isFolder { found = try await removeSuspended(of: key, connection.client, deadline) || found }
        guard found else { throw PluginError.notFound }
    }

    /// Removes the unfinished uploads of one object.
    private func removeSuspended(of key: String, _ client: GCSClient, _ deadline: Deadline) async throws -> Bool {
        let uploads = try await suspended(key, deadline)
        for upload in uploads { try await removeForGood(upload, client, deadline) }
        return !uploads.isEmpty
    }

    /// Removes an object, and the session that it stands for.
    private func removeForGood(_ object: GCSObject, _ client: GCSClient, _ deadline: Deadline) async throws {
        if object.isSuspendedUpload, let address = object.metadata[SuspendedUpload.sessionName], !address.isEmpty {
            // A session that can't be dropped ends by itself within a week, and costs nothing.
            try? await ResumableSession(client, key: object.name, address: address).cancel(deadline)
        }
        _ = try await client.delete(object.name, deadline)
    }
}
