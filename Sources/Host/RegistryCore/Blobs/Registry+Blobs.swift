public import NIOCore
public import RegistryModel
import RegistryStorage

/// A blob of a repository.
public struct BlobStatus: Sendable {
    /// The canonical digest, SHA-256.
    public let digest: Digest
    /// Bytes.
    public let size: UInt64
}

/// Which part of a blob is asked for.
public enum BlobRange: Sendable, Hashable {
    /// From an offset, through another one or to the end. The second is not less than the first.
    case from(UInt64, through: UInt64?)
    /// So many bytes at the end.
    case last(UInt64)
}

/// A blob, or a part of it, opened.
public struct BlobContent: Sendable {
    /// The bytes, or who gives them.
    public enum Source: Sendable {
        case bytes(ByteBuffer)
        case reader(BlobReader)
    }

    /// The whole blob.
    public let status: BlobStatus
    /// Where the part begins.
    public let offset: UInt64
    /// How many bytes it has.
    public let length: UInt64
    /// The part.
    public let source: Source
}

extension Registry {
    /// Up to this size a blob is read at once and sent with its head: cheaper than a descriptor for a second step.
    private static var smallBlob: UInt64 { 64 * 1024 }

    /// Whether the repository has a blob, and how large it is.
    /// - Throws: `BLOB_UNKNOWN`.
    public func blobStatus(_ name: RepositoryName, _ digest: Digest) async throws(RegistryError) -> BlobStatus {
        try await onLookups(of: driver) { [self] in
            let canonical = try await member(name, digest)
            guard let size = try await size(of: RegistryLayout.blobData(canonical)) else { throw unknownBlob(digest) }
            return BlobStatus(digest: canonical, size: size)
        }
    }

    /// Opens a blob of the repository.
    /// - Parameter range: which part; nil: the whole. A blob without bytes has no parts: it is given whole.
    /// - Throws: `BLOB_UNKNOWN`; `RANGE_INVALID`, with the size in its detail, if the part lies behind the end.
    public func blob(
        _ name: RepositoryName, _ digest: Digest, range: BlobRange? = nil
    ) async throws(RegistryError) -> BlobContent {
        try await onLookups(of: driver) { [self] in
            let canonical = try await member(name, digest)
            let reader = try await reader(canonical, asked: digest, range)
            return BlobContent(
                status: BlobStatus(digest: canonical, size: reader.objectSize), offset: reader.offset,
                length: reader.length, source: try await source(reader))
        }
    }

    /// One call in most cases: the reader itself tells the size.
    private func reader(
        _ canonical: Digest, asked: Digest, _ range: BlobRange?
    ) async throws -> any StorageReader {
        let path = RegistryLayout.blobData(canonical)
        var (offset, length): (UInt64, UInt64?) = (0, nil)
        switch range {
        case nil: break
        case .from(let first, let last):
            offset = first
            // Without a length, if it is that of all numbers.
            length = last.flatMap { $0 < first || $0 - first == .max ? nil : $0 - first + 1 }
        case .last(let count):
            guard let size = try await size(of: path) else { throw unknownBlob(asked) }
            guard count > 0 || size == 0 else { throw unsatisfiable(size) }
            offset = size - min(count, size)
        }
        do {
            let reader = try await driver.openReader(at: path, offset: offset, length: length)
            if reader.length > 0 || reader.objectSize == 0 { return reader }
            reader.close()
            throw unsatisfiable(reader.objectSize)
        } catch let error as StorageError {
            if error.code == .notFound { throw unknownBlob(asked) }
            guard error.code == .range, let size = try await size(of: path) else { throw error }
            if size == 0 { return try await driver.openReader(at: path, offset: 0, length: nil) }
            throw unsatisfiable(size)
        }
    }

    private func unsatisfiable(_ size: UInt64) -> RegistryError {
        RegistryError(.rangeInvalid, "the range lies outside the blob", detail: .fields(["size": String(size)]))
    }

    private func source(_ reader: any StorageReader) async throws -> BlobContent.Source {
        guard reader.length <= Self.smallBlob else { return .reader(BlobReader(reader)) }
        defer { reader.close() }
        var bytes = ByteBuffer()
        while bytes.readableBytes < Int(reader.length) {
            guard var chunk = try await reader.next(upTo: Int(reader.length) - bytes.readableBytes) else { break }
            if bytes.readableBytes == 0 { bytes = chunk } else { bytes.writeBuffer(&chunk) }
        }
        return .bytes(bytes)
    }

    /// The canonical digest of a blob that the repository has.
    func member(_ name: RepositoryName, _ digest: Digest) async throws -> Digest {
        let link = RegistryLayout.layerLink(name, digest)
        if digest.algorithm == .sha256 {
            guard try await hasLink(link) else { throw unknownBlob(digest) }
            return digest
        }
        // Who takes a blob out of a repository may know it by its canonical digest alone.
        guard let canonical = try await readLink(link), try await hasLink(RegistryLayout.layerLink(name, canonical))
        else { throw unknownBlob(digest) }
        return canonical
    }

    func unknownBlob(_ digest: Digest) -> RegistryError {
        RegistryError(.blobUnknown, detail: .text(digest.description))
    }

    /// Whether clients may be sent elsewhere for a blob.
    public var redirectsPulls: Bool { settings.redirects && driver.capabilities.contains(.redirectGet) }

    /// A URL at which the client gets the blob itself; nil: serve it.
    public func redirect(
        _ name: RepositoryName, _ digest: Digest, headOnly: Bool, clientAddress: String, userAgent: String
    ) async throws(RegistryError) -> String? {
        guard redirectsPulls else { return nil }
        return try await onLookups(of: driver) { [self] in
            let canonical = try await member(name, digest)
            return try await driver.redirectURL(
                StorageRedirect(
                    method: headOnly ? .head : .get, path: RegistryLayout.blobData(canonical),
                    clientAddress: clientAddress,
                    userAgent: userAgent))
        }
    }

    /// Takes a blob out of a repository. The bytes stay until they are collected.
    public func deleteBlob(_ name: RepositoryName, _ digest: Digest) async throws(RegistryError) {
        try requireDeletes()
        try await onWorker(of: driver) { [self] in
            let canonical = try await member(name, digest)
            for link in canonical == digest ? [canonical] : [canonical, digest] {
                do throws(StorageError) {
                    try await driver.remove(RegistryLayout.layerLink(name, link), tree: false)
                } catch {
                    guard error.code == .notFound else { throw error }
                    if link == canonical { throw unknownBlob(digest) }
                }
            }
        }
    }
}
