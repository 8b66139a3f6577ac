import ObjectStoreKit

extension S3Bucket {
    /// A page of keys.
    /// - Parameters:
    ///   - prefix: what all of them begin with.
    ///   - after: what they come behind; a whole key.
    ///   - isFlat: all of them; else those up to the next "/" only, and what others have in common up to there.
    func list(
        _ prefix: String, after: String = "", isFlat: Bool = true, limit: Int = 1000, _ deadline: Deadline
    ) async throws -> S3Answers.Listing {
        var request = request("ListObjectsV2", .get)
        request.query = [
            QueryItem("list-type", "2"), QueryItem("prefix", prefix), QueryItem("encoding-type", "url"),
            QueryItem("max-keys", String(min(max(limit, 1), 1000))),
        ]
        if !isFlat { request.query.append(QueryItem("delimiter", "/")) }
        if !after.isEmpty { request.query.append(QueryItem("start-after", after)) }
        // A thousand keys of a kilobyte, each up to three times as long, and what is said of them.
        request.responseLimit = 8 << 20
        return try S3Answers.Listing(document(try await send(request, deadline)))
    }

    /// Multipart uploads below a prefix that weren't ended, page by page.
    func uploads(_ prefix: String, _ deadline: Deadline) async throws -> [S3Answers.Upload] {
        var found: [S3Answers.Upload] = []
        var markers = (key: "", id: "")
        while true {
            var request = request("ListMultipartUploads", .get)
            request.query = [QueryItem("uploads"), QueryItem("prefix", prefix), QueryItem("max-uploads", "1000")]
            if !markers.key.isEmpty {
                request.query.append(QueryItem("key-marker", markers.key))
                request.query.append(QueryItem("upload-id-marker", markers.id))
            }
            request.responseLimit = 8 << 20
            let page = try S3Answers.Uploads(document(try await send(request, deadline)))
            // Some stores take the prefix for a hint.
            found += page.uploads.filter { $0.key.hasPrefix(prefix) }
            let isStuck = page.nextMarkers == markers || page.nextMarkers.key.isEmpty
            guard page.isTruncated, !isStuck, found.count < 100_000 else { return found }
            markers = page.nextMarkers
        }
    }
}
