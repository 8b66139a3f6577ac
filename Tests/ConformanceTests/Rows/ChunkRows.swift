import Foundation

/// Blobs, pushed in parts: order, progress, cancelling.
enum ChunkRows {
    private static let digits = Content.digits
    private static func progress(_ range: String) -> KeyValuePairs<String, HeaderRule> {
        ["Location": .session, "Range": .exactly(range), "Docker-Upload-UUID": .uuidOnly]
    }
    private static let end = "{location}&digest=\(Content.digits.sha256)"

    @RowsBuilder static var all: [Row] {
        Row(
            "chunk.two", "Two chunks with their ranges, then an empty PUT",
            [
                "patch", "chunk-range", "post-empty", "close", "close-201", "route-upload", "header-range",
                "header-location", "trap-4", "trap-2",
            ],
            post("/v2/{repo}/blobs/uploads/").gives(202),
            patch("{location}", ("Content-Range", "0-3"), ("Content-Type", MediaTypes.octets), body: "0123").gives(
                202, progress("0-3"), .empty),
            patch("{location}", ("Content-Range", "4-9"), body: "456789").gives(202, progress("0-9"), .empty),
            put(end).gives(201, UploadRows.created, .empty),
            get("/v2/{repo}/blobs/\(digits.sha256)").gives(200, [:], .content(digits)))
        Row(
            "chunk.last-in-put", "The last chunk in the PUT, with its range", ["patch", "close-201"],
            given: Given.session(),
            patch("{location}", ("Content-Range", "0-3"), body: "0123").gives(202, progress("0-3")),
            put(end, ("Content-Range", "4-9"), body: "456789").gives(201, UploadRows.created),
            get("/v2/{repo}/blobs/\(digits.sha256)").gives(200, [:], .content(digits)))
        Row(
            "chunk.last-plain", "or without one", ["close-201"], given: Given.session(),
            patch("{location}", body: "0123").gives(202, progress("0-3")),
            put(end, body: "456789").gives(201, UploadRows.created))
        Row(
            "chunk.append", "Without `Content-Range` the bytes are appended", ["trap-5", "patch"],
            given: Given.session(),
            patch("{location}", body: "0").gives(202, progress("0-0")),
            patch("{location}", body: "1234").gives(202, progress("0-4")),
            Request("PATCH", "{location}", [], .stream([Data("56".utf8), Data("789".utf8)])).gives(
                202, progress("0-9")),
            put(end).gives(201, UploadRows.created))
        Row(
            "chunk.stream", "The whole blob in one PATCH without a length", ["trap-5"], given: Given.session(),
            Request("PATCH", "{location}", [], .stream([digits.bytes])).gives(202, progress("0-9")),
            put(end).gives(201, UploadRows.created))
        Row(
            "chunk.empty", "A PATCH without bytes changes nothing", ["patch", "trap-4"], given: Given.session(),
            patch("{location}", body: "").gives(202, progress("0-0")),
            patch("{location}", ("Content-Range", "0-9"), body: digits.text).gives(202, progress("0-9")),
            patch("{location}", body: "").gives(202, progress("0-9")), put(end).gives(201))
        for (number, range) in ["5-9", "1-5", "0-4", "3-8"].enumerated() {
            Row(
                "chunk.416-\(number + 1)", "After four bytes a chunk of `\(range)` is 416, with the way on",
                ["chunk-order", "code-RANGE_INVALID", "status", "better-416"], given: Given.session(),
                patch("{location}", ("Content-Range", "0-3"), body: "0123").gives(202),
                patch("{location}", ("Content-Range", range), body: body(of: range)).gives(
                    416, progress("0-3"), .error("RANGE_INVALID")),
                get("{location}").gives(204, progress("0-3"), .empty),
                patch("{location}", ("Content-Range", "4-9"), body: "456789").gives(202, progress("0-9")),
                put(end).gives(201))
        }
        Row(
            "chunk.416-first", "The first chunk begins at 0", ["chunk-order", "chunk-range"], given: Given.session(),
            patch("{location}", ("Content-Range", "1-4"), body: "1234").gives(
                416, progress("0-0"), .error("RANGE_INVALID")))
        Row(
            "chunk.416-last", "A last chunk out of order is 416, with the way on",
            ["close-order", "code-RANGE_INVALID", "better-416"],
            given: Given.session(), patch("{location}", ("Content-Range", "0-3"), body: "0123").gives(202),
            put(end, ("Content-Range", "5-9"), body: "56789").gives(416, progress("0-3"), .error("RANGE_INVALID")),
            put(end, ("Content-Range", "4-9"), body: "456789").gives(201, UploadRows.created))
        Row(
            "chunk.backwards", "A range that ends before it begins is 416", ["code-RANGE_INVALID"],
            given: Given.session(),
            patch("{location}", ("Content-Range", "4-2"), body: "xxx").gives(416, [:], .error("RANGE_INVALID")))
        for (number, range) in ["bytes 0-", "x-y", "0", "-5", "0-9-10", "0,9"].enumerated() {
            Row(
                "chunk.malformed-\(number + 1)", "`Content-Range: \(range)` is 400, not 500",
                ["chunk-range", "better-400"], given: Given.session(),
                patch("{location}", ("Content-Range", range), body: digits.text).gives(
                    400, [:], .error("RANGE_INVALID")),
                put("{location}&digest=\(digits.sha256)", body: digits.text).gives(201))
        }
        Row(
            "chunk.size", "A range of another length than the body is 400", ["code-SIZE_INVALID"],
            given: Given.session(),
            patch("{location}", ("Content-Range", "0-8"), body: digits.text).gives(400, [:], .error("SIZE_INVALID")),
            patch("{location}", ("Content-Range", "0-9"), body: digits.text).gives(202, progress("0-9")))
        Row(
            "chunk.type", "Any content type will do", ["trap-7", "better-400"], given: Given.session(),
            patch("{location}", ("Content-Type", "text/plain"), body: "01234").gives(202, progress("0-4")),
            patch("{location}", ("Content-Type", "application/x-www-form-urlencoded"), body: "56789").gives(
                202, progress("0-9")),
            put(end).gives(201))
        Row(
            "chunk.useless-range", "A range on an empty PUT means nothing", ["trap-6"], given: Given.session(),
            patch("{location}", body: digits.text).gives(202),
            put(end, ("Content-Range", "10-10")).gives(201, UploadRows.created))
        Row(
            "chunk.status", "GET and HEAD tell how far an upload is",
            ["status", "route-upload", "header-uuid", "trap-8"],
            given: Given.session(), get("{location}").gives(204, progress("0-0"), .empty),
            patch("{location}", body: "0123").gives(202), get("{location}").gives(204, progress("0-3"), .empty),
            head("{location}").gives(204, progress("0-3"), .empty), get("{session}").gives(204, progress("0-3"), .empty)
        )
        Row(
            "chunk.bare", "An upload goes on by its path alone, too", ["trap-33"], given: Given.session(),
            patch("{location}", body: "0123").gives(202),
            patch("{session}", body: "456789").gives(202, progress("0-9")),
            put("{session}?digest=\(digits.sha256)").gives(201, UploadRows.created))
        Row(
            "chunk.sha512", "In chunks with SHA-512", ["patch", "trap-3", "digest-algorithm"],
            post("/v2/{repo}/blobs/uploads/?digest-algorithm=sha512").gives(202),
            patch("{location}", ("Content-Range", "0-3"), body: "0123").gives(202, progress("0-3")),
            put("{location}&digest=\(digits.sha512)", ("Content-Range", "4-9"), body: "456789").gives(
                201, ["Docker-Content-Digest": .exactly(digits.sha512)]),
            get("/v2/{repo}/blobs/\(digits.sha512)").gives(200, [:], .content(digits)))
        Row(
            "chunk.wrong-digest", "A digest that does not hold takes nothing back", ["code-DIGEST_INVALID", "trap-19"],
            given: Given.session(), patch("{location}", body: "01234").gives(202),
            put("{location}&digest=\(Content.zero)").gives(400, [:], .error("DIGEST_INVALID")),
            get("{location}").gives(204, progress("0-4")), put(end, body: "56789").gives(201, UploadRows.created))
        Row(
            "cancel", "DELETE ends an upload", ["cancel", "route-upload", "header-uuid", "trap-8"],
            given: Given.session(),
            patch("{location}", body: "0123").gives(202),
            delete("{location}").gives(204, ["Docker-Upload-UUID": .uuidOnly], .empty),
            get("{location}").gives(404, [:], .error("BLOB_UPLOAD_UNKNOWN")),
            delete("{location}").gives(404, [:], .error("BLOB_UPLOAD_UNKNOWN")),
            patch("{location}", body: "4").gives(404, [:], .error("BLOB_UPLOAD_UNKNOWN")))
        Row(
            "cancel.bare", "by its path alone, too", ["cancel", "trap-33", "trap-10"], given: Given.session(),
            delete("{session}").gives(204, [:], .empty), get("{session}").gives(404))
        Row(
            "chunk.other", "An upload of one repository is none of another, nor is its state",
            ["code-BLOB_UPLOAD_UNKNOWN", "code-BLOB_UPLOAD_INVALID"], given: Given.session("{other}"),
            get("/v2/{repo}/blobs/uploads/{uuid}").gives(404, [:], .error("BLOB_UPLOAD_UNKNOWN")),
            patch("/v2/{repo}/blobs/uploads/{uuid}?{query}", body: "x").gives(404, [:], .error("BLOB_UPLOAD_INVALID")))
    }

    private static func body(of range: String) -> String {
        let ends = range.split(separator: "-").compactMap { Int($0) }
        return String(digits.text.dropFirst(ends[0]).prefix(ends[1] - ends[0] + 1))
    }
}
