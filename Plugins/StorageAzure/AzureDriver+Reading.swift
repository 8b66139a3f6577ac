import ObjectStoreKit
import PluginKit

extension AzureDriver {
    /// No blob reaches so far; what lies behind is never asked for.
    private static var farthest: UInt64 { 1 << 62 }

    /// Opens a part of a blob. One request; where the part lies at the end or behind it, one more tells the size.
    func open(_ blob: String, offset: UInt64, length: UInt64, _ deadline: Deadline) async throws -> OpenedStream {
        guard length > 0, offset <= Self.farthest else { return try await openNothing(blob, offset, deadline) }
        let stream: HTTPStream
        do {
            stream = try await get(blob, offset, length, etag: "", deadline)
        } catch let error as StoreError where error.kind == .range {
            return try await openNothing(blob, offset, deadline)
        }
        let state = AzureBlobState(stream.headers)
        guard state.isComplete else {
            stream.close()
            throw PluginError.notFound
        }
        guard let size = state.size else {
            stream.close()
            throw StoreError(.corrupt, "the answer to a read has no length")
        }
        let window = try ReadWindow(offset: offset, length: length, ofSize: size)
        guard stream.contentLength == nil || stream.contentLength == window.length else {
            stream.close()
            throw StoreError(.corrupt, "the answer to a read has another length than was asked for")
        }
        let reader = StreamReader(
            stream, offset: offset, length: window.length, host: host, operation: "GetBlob", subject: blob,
            reopen: { [self] offset, remaining, deadline in
                // Bytes of another content are never put behind those of this one.
                try await get(blob, offset, remaining, etag: state.etag, deadline)
            })
        return OpenedStream(size: size, window: window, etag: EntityTag(state.etag) ?? EntityTag(), reader: reader)
    }

    private func get(
        _ blob: String, _ offset: UInt64, _ length: UInt64, etag: String, _ deadline: Deadline
    ) async throws -> HTTPStream {
        var request = service.request("GetBlob", .get, blob: blob)
        if length <= Self.farthest {
            request.headers["Range"] = "bytes=\(offset)-\(offset + length - 1)"
        } else if offset > 0 {
            request.headers["Range"] = "bytes=\(offset)-"
        }
        if !etag.isEmpty { request.headers["If-Match"] = etag }
        return try await service.open(request, deadline)
    }

    /// A reader of no bytes, if the blob reaches as far as `offset`.
    private func openNothing(_ blob: String, _ offset: UInt64, _ deadline: Deadline) async throws -> OpenedStream {
        guard let state = try await state(of: blob, deadline), state.isComplete, let size = state.size else {
            throw PluginError.notFound
        }
        // The blob may have grown since it was found too short; then nothing of it is served.
        let window = try ReadWindow(offset: offset, length: 0, ofSize: size)
        return OpenedStream(
            size: size, window: window, etag: EntityTag(state.etag) ?? EntityTag(), reader: EmptyReader())
    }
}

/// Reads nothing.
private final class EmptyReader: ObjectReader {
    func next(maximum: Int, _ call: CallContext) async throws -> OwnedBytes { OwnedBytes() }
}
