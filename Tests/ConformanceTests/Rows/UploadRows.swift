/// Blobs, pushed whole.
enum UploadRows {
    private static let digits = Content.digits
    private static let start = "/v2/{repo}/blobs/uploads/"
    private static let blob = "/v2/{repo}/blobs/\(Content.digits.sha256)"
    static let created: KeyValuePairs<String, HeaderRule> = [
        "Location": .exactly("{base}/v2/{repo}/blobs/\(Content.digits.sha256)"),
        "Docker-Content-Digest": .exactly(Content.digits.sha256), "Content-Length": "0",
    ]
    static let accepted: KeyValuePairs<String, HeaderRule> = [
        "Location": .session, "Range": "0-0", "Docker-Upload-UUID": .uuidOnly, "Content-Length": "0",
        "OCI-Chunk-Min-Length": .absent,
    ]
    private static let another: KeyValuePairs<String, HeaderRule> = [
        "Location": .like("{base}/v2/{repo}/blobs/uploads/{uuid}\\?[^ #]+"), "Docker-Upload-UUID": .other("{earlier}"),
    ]

    @RowsBuilder static var all: [Row] {
        Row(
            "push.post", "An upload begins with 202, a Location with an id of its own and an empty range",
            ["post", "post-id", "route-uploads", "header-location", "header-range", "header-uuid", "trap-8", "trap-4"],
            post(start).gives(202, accepted, .empty), post(start).gives(202, another, .empty))
        Row(
            "push.post.types", "whatever the content type of the POST", ["trap-7", "post"],
            post(start, ("Content-Type", "application/json")).gives(202, accepted, .empty),
            post(start, ("Content-Type", "application/x-www-form-urlencoded")).gives(202, accepted, .empty),
            Request("POST", start).gives(202, accepted, .empty))
        Row(
            "push.post.algorithm", "`digest-algorithm=` begins an upload like any other", ["digest-algorithm"],
            post(start + "?digest-algorithm=sha512").gives(202, accepted),
            put("{location}&digest=\(digits.sha512)", body: digits.text).gives(
                201, ["Docker-Content-Digest": .exactly(digits.sha512)]),
            post(start + "?digest-algorithm=sha256").gives(202, accepted))
        Row(
            "push.post.algorithm-unknown", "An algorithm that nobody knows is 400", ["bad-digest", "digest-algorithm"],
            post(start + "?digest-algorithm=md5").gives(400, [:], .error("DIGEST_INVALID")))
        Row(
            "push.put", "POST, then PUT with the whole blob",
            ["put", "close", "trap-6", "trap-8", "trap-3", "header-digest", "route-upload"],
            post(start).gives(202, accepted),
            put("{location}&digest=\(digits.sha256)", ("Content-Type", MediaTypes.octets), body: digits.text).gives(
                201, created, .empty),
            get(blob).gives(200, [:], .content(digits)), get("{location}").gives(200, [:], .content(digits)))
        Row(
            "push.put.sha512", "The same with SHA-512, answered with that", ["put", "trap-3"],
            given: Given.session(),
            put("{location}&digest=\(digits.sha512)", body: digits.text).gives(
                201,
                [
                    "Location": .exactly("{base}/v2/{repo}/blobs/\(digits.sha512)"),
                    "Docker-Content-Digest": .exactly(digits.sha512),
                ]),
            get("{location}").gives(200, ["Docker-Content-Digest": .exactly(digits.sha512)], .content(digits)))
        Row(
            "push.put.stream", "PUT without a length", ["put"], given: Given.session(),
            Request("PUT", "{location}&digest=\(digits.sha256)", [], .stream([digits.bytes])).gives(201, created),
            get(blob).gives(200, [:], .content(digits)))
        Row(
            "push.put.empty", "A blob without bytes", ["put", "trap-25"], given: Given.session(),
            put("{location}&digest=\(Content.empty.sha256)").gives(
                201, ["Docker-Content-Digest": .exactly(Content.empty.sha256)]),
            get("/v2/{repo}/blobs/\(Content.empty.sha256)").gives(200, ["Content-Length": "0"]))
        Row(
            "push.put.again", "What is there already is taken once more", ["put", "trap-27"],
            given: Given.blob(digits) + Given.session(),
            put("{location}&digest=\(digits.sha256)", body: digits.text).gives(201, created))
        Row(
            "push.put.form", "No body is a form", ["trap-7"], given: Given.session(),
            put(
                "{location}&digest=\(form.sha256)", ("Content-Type", "application/x-www-form-urlencoded"),
                body: form.text
            )
            .gives(201), get("/v2/{repo}/blobs/\(form.sha256)").gives(200, [:], .content(form)))
        Row(
            "push.put.query", "The digest may stand anywhere in the query, escaped or not", ["trap-2"],
            given: Given.session(),
            put("{location}&digest=\(digits.sha256.replacing(":", with: "%3A"))", body: digits.text).gives(
                201, created),
            post(start).gives(202),
            put("{location}&x=y&digest=\(digits.sha256)&z", body: digits.text).gives(201, created))
        Row(
            "push.single", "A blob in one POST", ["single-post", "single-post-fits", "trap-8"],
            Request(
                "POST", start + "?digest=\(digits.sha256)", [("Content-Type", MediaTypes.octets)], .bytes(digits.bytes)
            )
            .gives(201, created, .empty), get(blob).gives(200, [:], .content(digits)))
        Row(
            "push.single.stream", "without a length", ["single-post"],
            Request("POST", start + "?digest=\(digits.sha256)", [], .stream([digits.bytes])).gives(201, created),
            get(blob).gives(200, [:], .content(digits)))
        Row(
            "push.single.sha512", "by SHA-512", ["single-post", "trap-3"],
            post(start + "?digest=\(digits.sha512)", body: digits.text).gives(
                201, ["Docker-Content-Digest": .exactly(digits.sha512)]),
            get("/v2/{repo}/blobs/\(digits.sha512)").gives(200, [:], .content(digits)))
        Row(
            "push.single.wrong", "What does not fit its digest is 400 and leaves nothing",
            ["single-post-fits", "code-DIGEST_INVALID"],
            post(start + "?digest=\(digits.sha256)", body: "012345678").gives(400, [:], .error("DIGEST_INVALID")),
            get(blob).gives(404))
        for (number, digest) in badDigests.enumerated() {
            Row(
                "push.bad-digest-\(number + 1)",
                "`\(digest.prefix(24))` is no digest: 400 wherever a blob's digest stands",
                ["bad-digest", "code-DIGEST_INVALID", "close-digest"], given: Given.session(),
                put("{location}&digest=\(digest)", body: "x").gives(400, [:], .error("DIGEST_INVALID")),
                post(start + "?digest=\(digest)", body: "x").gives(400, [:], .error("DIGEST_INVALID")))
        }
        for (number, digest) in badDigests.filter({ !$0.isEmpty }).enumerated() {
            Row(
                "pull.bad-digest-\(number + 1)", "nor can a blob be had or removed by `\(digest.prefix(24))`",
                ["code-DIGEST_INVALID", "route-blob"],
                get("/v2/{repo}/blobs/\(digest)").gives(400, [:], .error("DIGEST_INVALID")),
                head("/v2/{repo}/blobs/\(digest)").gives(400),
                delete("/v2/{repo}/blobs/\(digest)").gives(400, [:], .error("DIGEST_INVALID")))
        }
        Row(
            "push.put.wrong", "A digest that does not hold is 400, and the upload goes on",
            ["code-DIGEST_INVALID", "trap-19"],
            given: Given.session(),
            put("{location}&digest=\(digits.sha256)", body: "something else").gives(400, [:], .error("DIGEST_INVALID")),
            get(blob).gives(404), put("{location}&digest=\(digits.sha256)", body: digits.text).gives(201, created))
        Row(
            "push.put.no-digest", "A PUT without a digest is 400, and the upload goes on",
            ["close-digest", "code-DIGEST_INVALID"], given: Given.session(),
            put("{location}", body: digits.text).gives(400, [:], .error("DIGEST_INVALID")),
            put("{location}&digest=\(digits.sha256)", body: digits.text).gives(201, created))
        Row(
            "push.put.unknown", "An upload that does not exist is 404", ["code-BLOB_UPLOAD_UNKNOWN", "route-upload"],
            put(unknown + "?digest=\(digits.sha256)", body: "x").gives(404, [:], .error("BLOB_UPLOAD_UNKNOWN")),
            patch(unknown, body: "x").gives(404, [:], .error("BLOB_UPLOAD_UNKNOWN")),
            get(unknown).gives(404, [:], .error("BLOB_UPLOAD_UNKNOWN")), head(unknown).gives(404),
            delete(unknown).gives(404, [:], .error("BLOB_UPLOAD_UNKNOWN")))
        Row(
            "push.put.forged", "A forged state is 404, and the upload goes on",
            ["code-BLOB_UPLOAD_INVALID", "route-upload"],
            given: Given.session(),
            put("{session}?_state=Zm9yZ2Vk&digest=\(digits.sha256)", body: digits.text).gives(
                404, [:], .error("BLOB_UPLOAD_INVALID")),
            patch("{session}?_state=Zm9yZ2Vk", body: "x").gives(404, [:], .error("BLOB_UPLOAD_INVALID")),
            put("{location}&digest=\(digits.sha256)", body: digits.text).gives(201, created))
        Row(
            "push.put.ended", "An upload that has ended is 404", ["code-BLOB_UPLOAD_UNKNOWN"], given: Given.session(),
            delete("{location}").gives(204),
            put("{location}&digest=\(digits.sha256)", body: digits.text).gives(404, [:], .error("BLOB_UPLOAD_UNKNOWN")))
        Row(
            "push.locations.relative", "With `http.relativeurls` Locations have no host", ["location-relative"],
            server: .relativeURLs,
            post(start).gives(202, ["Location": .like("/v2/{repo}/blobs/uploads/[0-9a-f-]{36}\\?.+")]),
            put("{location}&digest=\(digits.sha256)", body: digits.text).gives(
                201, ["Location": .exactly("/v2/{repo}/blobs/\(digits.sha256)")]))
        Row(
            "push.locations.host", "With `http.host` that comes first, whatever the request says", ["location-host"],
            server: .fixedHost,
            post(start, ("X-Forwarded-Proto", "http"), ("X-Forwarded-Host", "elsewhere")).gives(
                202, ["Location": .like("https://registry\\.example/v2/{repo}/blobs/uploads/.+")]))
        Row(
            "push.locations.proxy", "Behind a proxy they have its scheme and host, `Forwarded` before `X-Forwarded-*`",
            ["location-forwarded", "trap-1"],
            post(start, ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "a.example:8443, b.example")).gives(
                202, ["Location": .like("https://a\\.example:8443/v2/{repo}/blobs/uploads/.+")]),
            post(
                start, ("Forwarded", "for=1.2.3.4;proto=https;host=\"c.example\", host=d.example"),
                ("X-Forwarded-Host", "e.example")
            )
            .gives(202, ["Location": .like("https://c\\.example/v2/{repo}/blobs/uploads/.+")]),
            post(start, ("X-Forwarded-Port", "9"), ("X-Forwarded-Host", "a.example"), ("X-Forwarded-Proto", "https"))
                .gives(
                    202, ["Location": .like("https://a\\.example/v2/{repo}/blobs/uploads/.+")]))
    }

    private static let form = Content("digest=sha256:0&_state=x&a=b")
    private static let unknown = "/v2/{repo}/blobs/uploads/0193b5a0-0000-7000-8000-000000000000"
    /// Digests that are none, and one of an algorithm that is not supported.
    static let badDigests = [
        "", "sha256:abc", "sha256:" + String(repeating: "A", count: 64), "md5:d41d8cd98f00b204e9800998ecf8427e",
        "sha256", "sha512:" + String(repeating: "a", count: 64), "nothing",
    ]
}
