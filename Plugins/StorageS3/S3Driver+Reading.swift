import ObjectStoreKit
import PluginKit

extension S3Driver {
    func openReader(
        at path: String, offset: UInt64, length: UInt64, _ call: CallContext
    ) async throws -> OpenedStream {
        let (key, deadline) = (bucket.key(path), Deadline(call))
        // No store has such an object, and some can't read such a number.
        guard length > 0, offset <= S3PartSizes.largestObject else {
            return try await openNothing(key, offset, length, deadline)
        }
        let stream: HTTPStream
        do {
            stream = try await bucket.get(key, offset, length, ifMatch: nil, deadline)
        } catch let error as StoreError where error.status == 416 {
            return try await openNothing(key, offset, length, deadline)
        }
        let head = S3Head(stream.headers)
        guard let (first, size) = stream.extent(), first == offset else {
            stream.close()
            throw StoreError(.corrupt, "GetObject: the answer isn't the range that was asked for", cause: .response)
        }
        let window = try ReadWindow(offset: offset, length: length, ofSize: size)
        let reader = StreamReader(
            stream, offset: offset, length: window.length, host: bucket.host, operation: "GetObject",
            subject: "\(bucket.options.bucket)/\(key)",
            reopen: { [bucket] offset, remaining, deadline in
                // Only of the same content, or a client would get a mix.
                try await bucket.get(key, offset, remaining, ifMatch: head.etag, deadline)
            })
        return OpenedStream(size: size, window: window, etag: S3Bucket.tag(head.etag), reader: reader)
    }

    /// A window without bytes, or the error that says why there is none.
    private func openNothing(
        _ key: String, _ offset: UInt64, _ length: UInt64, _ deadline: Deadline
    ) async throws -> OpenedStream {
        guard let head = try await bucket.head(key, deadline) else { throw PluginError.notFound }
        let window = try ReadWindow(offset: offset, length: length, ofSize: head.size)
        guard window.length == 0 else {
            throw StoreError(.corrupt, "GetObject: the store says that a range lies outside an object that has it")
        }
        return OpenedStream(size: head.size, window: window, etag: S3Bucket.tag(head.etag), reader: EmptyReader())
    }
}

/// A reader that has nothing.
private final class EmptyReader: ObjectReader {
    func next(maximum: Int, _ call: CallContext) async throws -> OwnedBytes { OwnedBytes() }
}

extension S3Bucket {
    /// Opens `length` bytes of an object; `.max`: to its end.
    func get(
        _ key: String, _ offset: UInt64, _ length: UInt64, ifMatch etag: String?, _ deadline: Deadline
    ) async throws -> HTTPStream {
        var request = request("GetObject", .get, key)
        let (end, overflow) = offset.addingReportingOverflow(length)
        if !overflow, end <= S3PartSizes.largestObject {
            request.headers["Range"] = "bytes=\(offset)-\(end - 1)"
        } else if offset > 0 {
            request.headers["Range"] = "bytes=\(offset)-"
        }
        if let etag, !etag.isEmpty { request.headers["If-Match"] = "\"\(etag)\"" }
        return try await open(request, deadline)
    }
}

extension HTTPStream {
    /// Where the body begins in the object, and how large the object is; nil if the answer doesn't say so.
    func extent() -> (offset: UInt64, size: UInt64)? {
        if status != 206 { return contentLength.map { (0, $0) } }
        guard let text = headers["Content-Range"], text.hasPrefix("bytes "),
            let dash = text.utf8.firstIndex(of: UInt8(ascii: "-")),
            let slash = text.utf8.lastIndex(of: UInt8(ascii: "/")),
            let first = UInt64(text.utf8[..<dash].dropFirst(6).text), let size = UInt64(text[slash...].dropFirst())
        else { return nil }
        return (first, size)
    }
}

extension Substring.UTF8View {
    fileprivate var text: String { String(Substring(self)) }
}
