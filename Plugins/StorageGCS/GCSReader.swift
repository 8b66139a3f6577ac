import ObjectStoreKit
import PluginKit
import Synchronization

/// Passes an object's bytes on and compares their CRC-32C with the stored one: the last piece of a content that came wrong
/// is withheld, so that nobody takes it for whole.
final class VerifyingReader: ObjectReader {
    private struct State {
        var checksum = CRC32C()
        var left: UInt64
    }

    private let inner: any ObjectReader
    private let wanted: UInt32
    private let subject: String
    private let host: Host
    private let state: Mutex<State>

    init(_ inner: any ObjectReader, size: UInt64, checksum: UInt32, subject: String, host: Host) {
        self.inner = inner
        wanted = checksum
        self.subject = subject
        self.host = host
        state = Mutex(State(left: size))
    }

    func next(maximum: Int, _ call: CallContext) async throws -> OwnedBytes {
        let piece = try await inner.next(maximum: maximum, call)
        let isWrong = state.withLock { state in
            piece.withUnsafeBytes { state.checksum.update($0) }
            state.left -= min(state.left, UInt64(piece.count))
            return state.left == 0 && state.checksum.value != wanted
        }
        guard !isWrong else {
            host.log.write(.error, "an object that was read isn't what is stored: CRC32C differs", [("key", subject)])
            throw StoreError(.corrupt, "Read: the bytes that came don't have the object's CRC32C")
        }
        return piece
    }
}

/// Serves no bytes.
final class EmptyReader: ObjectReader {
    func next(maximum: Int, _ call: CallContext) async throws -> OwnedBytes { OwnedBytes() }
}

extension GCSDriver {
    func readContent(at path: String, limit: UInt64, _ call: CallContext) async throws -> OwnedBytes {
        let response: HTTPResponse?
        do {
            // A refusal has a body too, which must fit.
            response = try await connection.client.read(
                keys.key(path), limit: max(Int(clamping: limit), 16 << 10), Deadline(call))
        } catch let error as StoreError where error.cause == .tooLarge {
            throw PluginError(.range, "the object is larger than the limit", noEffect: true)
        }
        guard let response, response.headers["Content-Type"] != SuspendedName.contentType else {
            throw PluginError.notFound
        }
        guard UInt64(response.body.count) <= limit else {
            throw PluginError(.range, "the object is larger than the limit", noEffect: true)
        }
        if let wanted = Self.checksum(response.headers), Digests.crc32c(response.body) != wanted {
            throw StoreError(.corrupt, "Get: the bytes that came don't have the object's CRC32C")
        }
        return try response.body.owned()
    }

    /// One request: the window is known when the answer begins. It is pinned to the generation it began with.
    func openReader(
        at path: String, offset: UInt64, length: UInt64, _ call: CallContext
    ) async throws -> OpenedStream {
        let (key, deadline) = (keys.key(path), Deadline(call))
        // What no object can have isn't asked for: services differ in what they make of such ranges.
        guard length > 0, offset < Self.largest else {
            let object = try await look(path, deadline)
            let window = try ReadWindow(offset: offset, length: length, ofSize: object.size)
            return OpenedStream(size: object.size, window: window, etag: object.etag, reader: EmptyReader())
        }
        let range = Self.range(offset, length)
        guard let stream = try await connection.client.open(key, range: range, generation: nil, deadline) else {
            throw PluginError.notFound
        }
        guard stream.headers["Content-Type"] != SuspendedName.contentType else { throw PluginError.notFound }
        if stream.status == 416 { return try await unsatisfiable(stream, path, offset, deadline) }
        return try opened(stream, key, offset: offset, length: length, isRange: range != nil)
    }

    /// 5 TiB is the most an object can have.
    private static let largest: UInt64 = 1 << 43

    private static func range(_ offset: UInt64, _ length: UInt64) -> String? {
        let (end, overflow) = offset.addingReportingOverflow(length)
        if overflow || end >= largest { return offset == 0 ? nil : "bytes=\(offset)-" }
        return "bytes=\(offset)-\(end - 1)"
    }

    private func unsatisfiable(
        _ stream: HTTPStream, _ path: String, _ offset: UInt64, _ deadline: Deadline
    ) async throws -> OpenedStream {
        stream.close()
        let size: UInt64
        if let told = stream.headers["Content-Range"].flatMap(GCSRange.parts)?.size {
            size = told
        } else {
            size = try await look(path, deadline).size
        }
        let window = try ReadWindow(offset: offset, length: .max, ofSize: size)
        guard window.length == 0 else { throw StoreError(.corrupt, "Read: a range inside the object was refused") }
        return OpenedStream(size: size, window: window, etag: EntityTag(), reader: EmptyReader())
    }

    private func opened(
        _ stream: HTTPStream, _ key: String, offset: UInt64, length: UInt64, isRange: Bool
    ) throws -> OpenedStream {
        let size: UInt64
        if stream.status == 206 {
            guard let parts = stream.headers["Content-Range"].flatMap(GCSRange.parts), parts.first == offset else {
                throw StoreError(.corrupt, "Read: the answer is for another range")
            }
            size = parts.size
        } else {
            guard let told = stream.contentLength, offset == 0 else {
                throw StoreError(.corrupt, "Read: the answer tells no length, or isn't the range asked for")
            }
            size = told
        }
        let window = try ReadWindow(offset: offset, length: length, ofSize: size)
        let generation = stream.headers["X-Goog-Generation"] ?? ""
        let reader = try reader(stream, key, window, generation)
        let isWhole = window.length == size && size > 0
        guard isWhole, let checksum = Self.checksum(stream.headers) else {
            return OpenedStream(size: size, window: window, etag: EntityTag(generation) ?? EntityTag(), reader: reader)
        }
        let verifying = VerifyingReader(reader, size: size, checksum: checksum, subject: key, host: host)
        return OpenedStream(size: size, window: window, etag: EntityTag(generation) ?? EntityTag(), reader: verifying)
    }

    private func reader(
        _ stream: HTTPStream, _ key: String, _ window: ReadWindow, _ generation: String
    ) throws -> any ObjectReader {
        let client = try connection.client
        let reopen: StreamReader.Reopen = { offset, remaining, deadline in
            try await Self.reopened(client, key, offset, remaining, generation, deadline)
        }
        return StreamReader(
            stream, offset: window.offset, length: window.length, host: host, operation: "Read", subject: key,
            reopen: generation.isEmpty ? nil : reopen)
    }

    /// The rest of the same content.
    private static func reopened(
        _ client: GCSClient, _ key: String, _ offset: UInt64, _ remaining: UInt64, _ generation: String,
        _ deadline: Deadline
    ) async throws -> HTTPStream {
        let range = range(offset, remaining)
        guard let stream = try await client.open(key, range: range, generation: generation, deadline) else {
            throw StoreError(.notFound, "Read: the object was replaced meanwhile")
        }
        let first = stream.headers["Content-Range"].flatMap(GCSRange.parts)?.first ?? 0
        guard stream.isSuccess, first == offset else {
            throw StoreError(.corrupt, "Read: the answer is for another range")
        }
        return stream
    }

    /// The CRC-32C of the stored bytes, if they are what is sent.
    private static func checksum(_ headers: HTTPFields) -> UInt32? {
        GCSHash.checksum(inFields: headers.values("X-Goog-Hash"))
    }
}
