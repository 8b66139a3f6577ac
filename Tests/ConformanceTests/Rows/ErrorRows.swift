/// Names that are none, on every route.
enum ErrorRows {
    private static let paths = [
        ("GET", "tags/list"), ("GET", "manifests/v1"), ("HEAD", "manifests/v1"), ("PUT", "manifests/v1"),
        ("DELETE", "manifests/v1"), ("GET", "blobs/\(Content.zero)"), ("DELETE", "blobs/\(Content.zero)"),
        ("POST", "blobs/uploads/"), ("PATCH", "blobs/uploads/x"), ("GET", "referrers/\(Content.zero)"),
    ]

    @RowsBuilder static var all: [Row] {
        for (number, name) in [
            "UPPER", "a.", ".a", "_a", "a..b", "a___b", "a//b", "-a", "a-", "a%20b", "%C3%A9", "a%00",
            "LOCALHOST:5000/a", String(repeating: "a", count: 256),
        ].enumerated() {
            Row(
                "name.refused-\(number + 1)", "`\(name.prefix(20))` is no name: 400 on every route, once",
                ["name", "code-NAME_INVALID", "better-400"],
                steps: paths.map { method, path in
                    Request(method, "/v2/\(name)/\(path)").gives(
                        400, [:], method == "HEAD" ? .empty : .error("NAME_INVALID"))
                })
        }
        for (number, name) in ["a", "0", "a.b_c__d---e/f", "a--b", String(repeating: "a", count: 255)].enumerated() {
            Row(
                "name.accepted-\(number + 1)", "`\(name.prefix(20))` is a name", ["name"],
                given: name.utf8.count < 100 ? Given.image(in: name) : [],
                post("/v2/\(name)/blobs/uploads/").gives(202),
                get("/v2/\(name)/manifests/v1").gives(name.utf8.count < 100 ? 200 : 404))
        }
        Row(
            "error.detail", "An unknown manifest is named",
            ["code-MANIFEST_UNKNOWN", "error-json", "error-code", "error-message"],
            get("/v2/{repo}/manifests/v1").gives(
                404, [:], .error("MANIFEST_UNKNOWN", detail: #"{"Name":"{repo}","Tag":"v1"}"#)))
        Row(
            "error.envelope", "The envelope is one JSON object on every refusal",
            ["error-json", "error-code", "error-code-list", "error-message", "trap-20"],
            get("/v2/{repo}/blobs/\(Content.zero)").gives(
                404, ["Content-Type": "application/json"],
                .like(#"\{"errors":\[\{"code":"BLOB_UNKNOWN","message":"[^"]+","detail":"\#(Content.zero)"\}\]\}\n"#)),
            head("/v2/{repo}/blobs/\(Content.zero)").gives(404, ["Content-Type": "application/json"], .empty),
            post("/v2/{repo}/tags/list").gives(405, ["Content-Type": "application/json"], .error("UNSUPPORTED")))
        Row(
            "error.after", "An early refusal leaves the connection usable", ["trap-20", "trap-18"], reach: .http1,
            put("/v2/UPPER/manifests/v1", Content.image(ofSize: 300_000)).gives(400, [:], .error("NAME_INVALID")),
            get("/v2/").gives(200),
            put("/v2/{repo}/blobs/uploads/x?digest=\(Content.zero)", body: String(repeating: "x", count: 500_000))
                .gives(
                    404, [:], .error("BLOB_UPLOAD_UNKNOWN")), get("/v2/").gives(200))
        Row(
            "categories", "Pull, push, discovery and management, one after the other",
            ["categories", "categories-more"], given: Given.image(image),
            get("/v2/{repo}/manifests/v1").gives(200, [:], .content(image)),
            get("/v2/{repo}/manifests/\(image.sha256)").gives(200, [:], .content(image)),
            head("/v2/{repo}/manifests/v1").gives(200, ["Docker-Content-Digest": .exactly(image.sha256)]),
            get(layer).gives(200, [:], .content(.layer)), head(layer).gives(200, ["Content-Length": .length(.layer)]),
            post("/v2/{repo}/blobs/uploads/").gives(202), patch("{location}", body: "01234").gives(202),
            put("{location}&digest=\(Content.digits.sha256)", body: "56789").gives(201),
            put("/v2/{repo}/manifests/v2", image).gives(201),
            get("/v2/{repo}/tags/list").gives(200, [:], .json(#"{"name":"{repo}","tags":["v1","v2"]}"#)),
            get("/v2/{repo}/referrers/\(Content.zero)").gives(200),
            delete("/v2/{repo}/manifests/v2").gives(202), delete("/v2/{repo}/manifests/\(image.sha256)").gives(202),
            delete(layer).gives(202), get("/v2/{repo}/manifests/v1").gives(404), get(layer).gives(404))
    }

    private static let image = Content.image()
    private static let layer = "/v2/{repo}/blobs/\(Content.layer.sha256)"
}
