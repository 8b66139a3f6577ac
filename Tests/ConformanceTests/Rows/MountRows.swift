/// Blobs from another repository.
enum MountRows {
    private static let digits = Content.digits
    private static let start = "/v2/{repo}/blobs/uploads/"
    private static let end = "{location}&digest=\(Content.digits.sha256)"

    @RowsBuilder static var all: [Row] {
        Row(
            "mount", "A blob of another repository is there without being sent",
            ["mount", "route-uploads", "header-digest", "trap-3"], given: Given.blob(digits, to: "{other}"),
            get("/v2/{repo}/blobs/\(digits.sha256)").gives(404),
            post(start + "?mount=\(digits.sha256)&from={other}").gives(201, UploadRows.created, .empty),
            get("/v2/{repo}/blobs/\(digits.sha256)").gives(200, [:], .content(digits)))
        Row(
            "mount.sha512", "by SHA-512, too, answered with that", ["mount", "trap-3"],
            given: Given.blob(digits, to: "{other}", as: digits.sha512),
            post(start + "?mount=\(digits.sha512)&from={other}").gives(
                201, ["Docker-Content-Digest": .exactly(digits.sha512)]),
            get("/v2/{repo}/blobs/\(digits.sha512)").gives(200, [:], .content(digits)))
        Row(
            "mount.origin", "Unknown parameters are ignored", ["trap-29"], given: Given.blob(digits, to: "{other}"),
            post(start + "?mount=\(digits.sha256)&from={other}&origin=docker.io").gives(201, UploadRows.created))
        Row(
            "mount.escaped", "Names and digests may be escaped", ["mount"], given: Given.blob(digits, to: "{other}/x"),
            post(start + "?from={other}%2Fx&mount=\(digits.sha256.replacing(":", with: "%3A"))").gives(
                201, UploadRows.created))
        for (number, query) in [
            "mount=\(digits.sha256)&from={other}", "mount=\(digits.sha256)&from=", "mount=\(digits.sha256)&from=UPPER",
            "mount=\(digits.sha256)&from={repo}", "mount=garbage&from={other}", "mount=&from={other}", "from={other}",
            "mount=sha512:abc&from={other}", "mount=%00&from=%00",
        ].enumerated() {
            Row(
                "mount.202-\(number + 1)", "A mount that cannot be is 202 with an upload: `\(query.prefix(40))`",
                ["mount-202", "route-uploads", "trap-9"], given: Given.blob(.layer, to: "{other}"),
                post(start + "?" + query).gives(202, UploadRows.accepted, .empty),
                put(end, body: digits.text).gives(201, UploadRows.created))
        }
        Row(
            "mount.cancel", "and that upload can be cancelled", ["trap-10"],
            post(start + "?mount=\(digits.sha256)&from={other}").gives(202), delete("{location}").gives(204))
        Row(
            "mount.itself", "From the repository itself: it is there", ["mount", "trap-9"], given: Given.blob(digits),
            post(start + "?mount=\(digits.sha256)&from={repo}").gives(201, UploadRows.created))
        Row(
            "mount.no-from", "Without `from`: 202 with an upload, or 201 where the registry finds it",
            ["mount-anywhere", "trap-9"],
            post(start + "?mount=\(Content("nowhere at all").sha256)").gives(202, UploadRows.accepted),
            put(end, body: digits.text).gives(201, UploadRows.created))
        Row(
            "mount.manifest", "A manifest is no blob that could be mounted", ["mount-202"],
            given: Given.image(.image(), in: "{other}"),
            post(start + "?mount=\(Content.image().sha256)&from={other}").gives(202))
    }
}
