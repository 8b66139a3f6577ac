import Glibc
import Logging
import NIOCore
import RegistryModel
import RegistryStorage

/// What a purge of uploads has done.
public struct UploadPurge: Sendable {
    /// Uploads that nobody finished in time.
    public var found = 0
    /// Those of them that were removed.
    public var removed = 0
}

extension Registry {
    /// Removes uploads that nobody finished: begun before `age`, and without a byte since. What isn't an upload, as it has no
    /// time of its beginning, is left alone.
    ///
    /// Reads one folder after the other, so that it takes little of the storage; requests go on beside it. An upload that is
    /// continued while it is removed keeps the bytes of that request.
    /// - Parameter isDryRun: only logs.
    public func purgeUploads(olderThan age: Duration, isDryRun: Bool) async throws(RegistryError) -> UploadPurge {
        let start = Int64(time(nil))
        let (limit, overflow) = start.subtractingReportingOverflow(age.components.seconds)
        var walk = PurgeWalk(limit: overflow ? .min : limit, isDryRun: isDryRun)
        while let folder = walk.folders.popLast() {
            walk = try await onWorker(of: driver) { [self, walk] in
                var walk = walk
                try await look(into: folder, &walk)
                return walk
            }
        }
        return walk.outcome
    }

    /// Notes the folders below one that may lead to repositories, and purges the uploads in it.
    private func look(into folder: PurgeWalk.Folder, _ walk: inout PurgeWalk) async throws {
        var cursor = StorageCursor.start
        while true {
            let page: StoragePage
            do {
                page = try await driver.list(folder.path, from: cursor, limit: 1000)
            } catch {
                // One folder that can't be read must not keep all others.
                guard [.permission, .corrupt, .invalidArgument].contains(error.code) else { throw error }
                return logger.warning(
                    "a folder is left out of the purge of uploads",
                    metadata: ["path": "\(folder.path)", "error": "\(error)"])
            }
            for entry in page.entries where entry.kind == .prefix {
                let name = folder.name.isEmpty ? String(entry.name) : "\(folder.name)/\(entry.name)"
                if entry.name == "_uploads", let repository = try? RepositoryName(folder.name) {
                    try await purge(repository, &walk)
                } else if (try? RepositoryName(name)) != nil, let path = try? StoragePath(entry.path) {
                    walk.folders.append(PurgeWalk.Folder(path: path, name: name))
                }
            }
            guard let last = page.entries.last, page.next != nil else { return }
            cursor = .after(String(last.name))
        }
    }

    private func purge(_ name: RepositoryName, _ walk: inout PurgeWalk) async throws {
        var cursor = StorageCursor.start
        let before = walk.outcome.removed
        while true {
            let page = try await driver.list(RegistryLayout.uploads(name), from: cursor, limit: 1000)
            for entry in page.entries where entry.kind == .prefix {
                guard let id = UploadID(entry.name) else { continue }
                try await purge(UploadReference(name: name, id: id, token: nil), &walk)
            }
            guard let last = page.entries.last, page.next != nil else { break }
            cursor = .after(String(last.name))
        }
        if walk.outcome.removed > before { await removeEmptyFolders(name) }
    }

    private func purge(_ reference: UploadReference, _ walk: inout PurgeWalk) async throws {
        guard let begun = try await beginning(of: reference), begun < walk.limit,
            try await lastChange(of: reference) < walk.limit, uploads.activate(reference.key)
        else { return }
        defer { uploads.deactivate(reference.key) }
        walk.outcome.found += 1
        let path = RegistryLayout.upload(reference.name, reference.id)
        logger.info(
            walk.isDryRun ? "an abandoned upload would be removed" : "an abandoned upload is removed",
            metadata: ["path": "\(path)", "started": "\(Timestamp.rfc3339(begun))"])
        if walk.isDryRun { return }
        do {
            try await removeTree(path)
            walk.outcome.removed += 1
        } catch {
            logger.warning("an abandoned upload was not removed", metadata: ["path": "\(path)", "error": "\(error)"])
        }
    }

    /// Seconds since 1970; nil if that isn't known.
    private func beginning(of reference: UploadReference) async throws(StorageError) -> Int64? {
        do {
            let path = RegistryLayout.uploadStartedAt(reference.name, reference.id)
            return Timestamp.seconds(String(buffer: try await driver.content(at: path, limit: 1024)))
        } catch {
            if error.code == .notFound || error.code == .range { return nil }
            throw error
        }
    }

    /// When bytes came last, also such that another process is writing, in seconds since 1970; 0 if the driver doesn't say.
    private func lastChange(of reference: UploadReference) async throws(StorageError) -> Int64 {
        var last: Int64 = 0
        for path in [
            RegistryLayout.upload(reference.name, reference.id),
            RegistryLayout.uploadData(reference.name, reference.id),
        ] {
            do {
                last = max(last, try await driver.stat(path).modified)
            } catch {
                if error.code != .notFound { throw error }
            }
        }
        return last / 1_000_000_000
    }
}

private struct PurgeWalk: Sendable {
    struct Folder: Sendable {
        let path: StoragePath
        /// Of the repository that it may be; empty for the folder of all.
        let name: String
    }

    /// Seconds since 1970: what is older goes.
    let limit: Int64
    let isDryRun: Bool
    var folders = [Folder(path: RegistryLayout.repositories, name: "")]
    var outcome = UploadPurge()

    init(limit: Int64, isDryRun: Bool) {
        self.limit = limit
        self.isDryRun = isDryRun
    }
}
