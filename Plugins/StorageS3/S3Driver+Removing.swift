import ObjectStoreKit
import PluginKit

extension S3Driver {
    func remove(_ path: String, tree: Bool, _ call: CallContext) async throws {
        if tree { return try await removeTree(path, Deadline(call)) }
        let (key, deadline) = (bucket.key(path), Deadline(call))
        // S3 says nothing of what wasn't there.
        if try await bucket.head(key, deadline) != nil { return try await removeOne(key, deadline) }
        guard try await isPrefix(path, deadline) else { throw PluginError.notFound }
        throw PluginError(.invalidArgument, "a prefix is removed as a tree only", noEffect: true)
    }

    /// Deletes an object, where the store has folders with those that it leaves empty.
    func removeOne(_ key: String, _ deadline: Deadline) async throws {
        guard hasFolders else { return try await bucket.delete(key, deadline) }
        try await remove([key], deadline)
    }

    /// Removes up to 1000 objects by one request. S3 doesn't tell which of them were there, so one that wasn't counts as
    /// removed.
    func removeBatch(_ paths: [String], _ call: CallContext) async throws -> [PluginError?] {
        let refusals = try await delete(paths.map(bucket.key), Deadline(call))
        let byKey = Dictionary(refusals.map { ($0.key, $0) }) { first, _ in first }
        return paths.map { path in
            guard let refusal = byKey[bucket.key(path)] else { return nil }
            return S3Driver.error(refusal)
        }
    }

    static func error(_ refusal: S3Answers.Refusal) -> PluginError {
        let isDenied = refusal.code == "AccessDenied"
        var error = StoreError(isDenied ? .permission : .unavailable, "DeleteObjects: \(refusal.message)")
        error.vendorCode = refusal.code
        return error.pluginError
    }

    // MARK: Trees

    /// Where Distribution's layout has links and nothing else, which are put whole: nobody need look for uploads there.
    private static func mayHaveUploads(_ path: String) -> Bool {
        let names = path.utf8.split(separator: UInt8(ascii: "/"))
        return !names.contains { $0.elementsEqual("_manifests".utf8) || $0.elementsEqual("_layers".utf8) }
    }

    /// Removes an object, or all below a prefix, with the uploads in progress there.
    private func removeTree(_ path: String, _ deadline: Deadline) async throws {
        let (key, prefix) = (bucket.key(path), bucket.prefix(path))
        await OpenUploads.shared.waitForClosing(of: bucket, below: prefix)
        await OpenUploads.shared.waitForClosing(of: bucket, below: SuspendedUpload.stem(key))
        async let uploads = S3Driver.mayHaveUploads(path) ? bucket.uploads(key, deadline) : []
        var (keys, isLast) = try await keys(below: prefix, after: "", deadline)
        let pending = try await uploads.filter { $0.key.hasPrefix(prefix) || $0.key == key }
        _ = try await Parallel.map(pending, limit: 16) { [bucket] upload in
            try await bucket.abort(S3Multipart(key: upload.key, id: upload.id), deadline)
        }
        if keys.isEmpty { return try await removeObject(key, hadUploads: !pending.isEmpty, deadline) }
        try await remove(keys, deadline)
        while !isLast, let last = keys.last {
            (keys, isLast) = try await self.keys(below: prefix, after: last, deadline)
            try await remove(keys, deadline)
        }
    }

    /// Removes an object with what writers of it have suspended.
    private func removeObject(_ key: String, hadUploads: Bool, _ deadline: Deadline) async throws {
        var keys = try await bucket.suspendedIDs(key, deadline).map { SuspendedUpload.key(key, $0) }
        if try await bucket.head(key, deadline) != nil { keys.append(key) }
        if keys.isEmpty, hasFolders { keys = try await emptyFolders(key + "/", deadline, depth: 0) }
        guard !keys.isEmpty || hadUploads else { throw PluginError.notFound }
        try await remove(keys, deadline)
    }

    /// A folder without objects and those in it, the deepest first; nothing if there is none.
    private func emptyFolders(_ prefix: String, _ deadline: Deadline, depth: Int) async throws -> [String] {
        guard depth < 512 else { return [] }
        var found: [String] = []
        for folder in try await bucket.list(prefix, isFlat: false, deadline).prefixes {
            found += try await emptyFolders(folder, deadline, depth: depth + 1)
        }
        if depth > 0 || !found.isEmpty { return found + [prefix] }
        return try await bucket.head(prefix, deadline) == nil ? [] : [prefix]
    }

    private func keys(
        below prefix: String, after: String, _ deadline: Deadline
    ) async throws -> (keys: [String], isLast: Bool) {
        let page = try await bucket.list(prefix, after: after, deadline)
        return (page.objects.map(\.key), !page.isTruncated || page.objects.isEmpty)
    }

    private func remove(_ keys: [String], _ deadline: Deadline) async throws {
        if let refusal = try await delete(keys, deadline).first { throw S3Driver.error(refusal) }
    }

    /// Deletes keys, and where the store has folders, those that are left empty: it doesn't touch others.
    /// - Returns: what could not be deleted. A folder that can't hides nothing.
    private func delete(_ keys: [String], _ deadline: Deadline) async throws -> [S3Answers.Refusal] {
        let all = keys + (hasFolders ? folders(of: keys) : [])
        var refusals: [S3Answers.Refusal] = []
        for start in stride(from: 0, to: all.count, by: 1000) {
            refusals += try await bucket.delete(Array(all[start..<min(start + 1000, all.count)]), deadline)
        }
        return refusals.filter { !$0.key.hasSuffix("/") }
    }

    /// The folders around keys that may be empty without them, the deepest first: as many as a tag has around its history.
    private func folders(of keys: [String]) -> [String] {
        var found: Set<String> = []
        for key in keys {
            var folder = Substring(key)
            for _ in 0..<5 {
                guard let slash = folder.utf8.dropLast().lastIndex(of: UInt8(ascii: "/")) else { break }
                folder = key[...slash]
                guard folder.utf8.count > bucket.options.root.utf8.count else { break }
                found.insert(String(folder))
            }
        }
        return found.sorted { $0.utf8.count > $1.utf8.count }
    }
}
