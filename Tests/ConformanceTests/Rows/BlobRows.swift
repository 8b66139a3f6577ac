/// Blobs, read.
enum BlobRows {
    private static let digits = Content.digits
    private static let path = "/v2/{repo}/blobs/\(Content.digits.sha256)"
    private static let headers: KeyValuePairs<String, HeaderRule> = [
        "Content-Type": .exactly(MediaTypes.octets), "Content-Length": "10",
        "Docker-Content-Digest": .exactly(Content.digits.sha256), "Etag": .exactly("\"\(Content.digits.sha256)\""),
        "Accept-Ranges": "bytes", "Cache-Control": "max-age=31536000",
    ]

    @RowsBuilder static var all: [Row] {
        Row(
            "pull.blob", "A blob: its bytes, length and digest, for a year",
            [
                "get-blob", "get-blob-digest", "get-blob-digest-fits", "route-blob", "header-digest", "header-etag",
                "header-cache",
            ],
            given: Given.blob(digits), get(path).gives(200, headers, .content(digits)))
        Row(
            "pull.blob.head", "HEAD has everything but the body", ["head", "head-digest", "head-length", "trap-11"],
            given: Given.blob(digits), head(path).gives(200, headers, .empty))
        Row(
            "pull.blob.404", "One that the repository does not have is 404, with its digest",
            ["get-blob-404", "head-404", "code-BLOB_UNKNOWN", "trap-12"], given: Given.blob(digits),
            get("/v2/{repo}/blobs/\(Content.zero)").gives(
                404, [:], .error("BLOB_UNKNOWN", detail: "\"\(Content.zero)\"")),
            head("/v2/{repo}/blobs/\(Content.zero)").gives(404),
            get("/v2/{other}/blobs/\(digits.sha256)").gives(404, [:], .error("BLOB_UNKNOWN")))
        Row(
            "pull.blob.empty", "A blob without bytes is a blob", ["get-blob", "trap-25"], given: Given.blob(.empty),
            get("/v2/{repo}/blobs/\(Content.empty.sha256)").gives(200, ["Content-Length": "0"], .empty),
            head("/v2/{repo}/blobs/\(Content.empty.sha256)").gives(200, ["Content-Length": "0"]))
        Row(
            "pull.blob.sha512", "A blob by its SHA-512 is answered with that", ["get-blob-digest", "trap-3"],
            given: Given.blob(digits, as: digits.sha512),
            get("/v2/{repo}/blobs/\(digits.sha512)").gives(
                200, ["Docker-Content-Digest": .exactly(digits.sha512)], .content(digits)),
            head("/v2/{repo}/blobs/\(digits.sha512)").gives(
                200, ["Docker-Content-Digest": .exactly(digits.sha512), "Content-Length": "10"]))
        for (number, (range, first, last)) in ranges.enumerated() {
            Row(
                "pull.blob.206-\(number + 1)", "`Range: \(range)` is 206 with just those bytes",
                ["range", "route-blob", "trap-15"],
                given: Given.blob(digits),
                get(path, ("Range", range)).gives(
                    206,
                    [
                        "Content-Range": .exactly("bytes \(first)-\(last)/10"),
                        "Content-Length": .exactly(String(last - first + 1)),
                        "Accept-Ranges": "bytes", "Docker-Content-Digest": .exactly(digits.sha256),
                    ], .exactly(digits.bytes[first...last])))
        }
        for (number, range) in [
            "bytes=10-", "bytes=10-20", "bytes=99999999999999999999999-", "bytes=-0", "bytes=5-2", "bytes=x-y",
            "bytes=",
            "bytes=-",
        ].enumerated() {
            Row(
                "pull.blob.416-\(number + 1)", "`Range: \(range)` is 416 with the size",
                ["range", "route-blob", "code-RANGE_INVALID"],
                given: Given.blob(digits),
                get(path, ("Range", range)).gives(416, ["Content-Range": "bytes */10"], .error("RANGE_INVALID")))
        }
        for (number, range) in ["lines=1-2", "bytes 1-2"].enumerated() {
            Row(
                "pull.blob.ignored-\(number + 1)", "`Range: \(range)` is none, so the answer is the whole", ["range"],
                given: Given.blob(digits),
                get(path, ("Range", range)).gives(200, ["Content-Range": .absent], .content(digits)))
        }
        Row(
            "pull.blob.multirange", "Several ranges come as parts of one answer", ["range", "multirange"],
            given: Given.blob(digits),
            get(path, ("Range", "bytes=0-1,8-9")).gives(
                206, ["Content-Type": .like("multipart/byteranges; ?boundary=\"?[^\"]+\"?"), "Content-Range": .absent],
                .like(
                    "(?s)(\r\n)?--[^\r]+\r\n(?=.*?bytes 0-1/10).*?\r\n\r\n01\r\n--[^\r]+\r\n(?=.*?bytes 8-9/10).*?\r\n\r\n89\r\n--[^\r]+--(\r\n)?"
                )))
        Row(
            "pull.blob.if-range", "`If-Range` decides whether the range still counts", ["range", "http"],
            given: Given.blob(digits),
            get(path, ("Range", "bytes=2-3"), ("If-Range", "\"\(digits.sha256)\"")).gives(206, [:], .text("23")),
            get(path, ("Range", "bytes=2-3"), ("If-Range", "\"other\"")).gives(200, [:], .content(digits)))
        Row(
            "pull.blob.304", "`If-None-Match` is 304 if it fits", ["http", "route-blob", "header-etag"],
            given: Given.blob(digits),
            get(path, ("If-None-Match", "\"\(digits.sha256)\"")).gives(
                304, ["Etag": .exactly("\"\(digits.sha256)\"")], .empty),
            get(path, ("If-None-Match", "\"other\"")).gives(200, [:], .content(digits)),
            get(path, ("If-None-Match", "\"\(digits.sha256)\""), ("Range", "bytes=0-0")).gives(304, [:], .empty))
        Row(
            "pull.blob.head-range", "HEAD with a range says the whole or the part, and no body", ["http"],
            given: Given.blob(digits), head(path, ("Range", "bytes=2-")).gives(200, ["Content-Length": "10"], .empty))
    }

    private static let ranges = [
        ("bytes=0-0", 0, 0), ("bytes=2-5", 2, 5), ("bytes=9-", 9, 9), ("bytes=0-", 0, 9), ("bytes=-1", 9, 9),
        ("bytes=-100", 0, 9), ("bytes=5-1000", 5, 9), ("BYTES=3-4", 3, 4),
    ]
}
