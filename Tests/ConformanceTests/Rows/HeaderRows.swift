/// Headers and bodies of requests that clients get wrong or send in odd forms.
enum HeaderRows {
    private static let image = Content.image()

    @RowsBuilder static var all: [Row] {
        Row(
            "http.absolute", "A target in absolute form is its path", ["http"],
            given: Given.image(image), reach: .http1,
            get("http://elsewhere/v2/{repo}/manifests/v1").gives(200, [:], .content(image)))
        Row(
            "http.escapes", "Escapes in a path are read once", ["http"], given: Given.image(image),
            get("/v2/{repo}/%6Danifests/v1").gives(200, [:], .content(image)),
            get("/v2/{repo}/manifests/v%31").gives(200, [:], .content(image)),
            get("/v2/{repo}/manifests/v%2531").gives(404, [:], .error("MANIFEST_UNKNOWN")))
        Row(
            "http.broken-escapes", "and broken ones are 404", ["http", "route-unknown"],
            get("/v2/{repo}/manifests/%zz").gives(404, [:], .error("UNSUPPORTED")),
            get("/v2/{repo}/manifests/%ff").gives(404, [:], .error("UNSUPPORTED")))
        Row(
            "http.traversal", "No path leads out of a repository", ["name", "better-400"],
            get("/v2/../../etc/manifests/v1").gives(400, [:], .error("NAME_INVALID")),
            get("/v2/a/..%2f..%2fb/manifests/v1").gives(400, [:], .error("NAME_INVALID")),
            get("/v2/{repo}/manifests/..").gives(404, [:], .error("MANIFEST_UNKNOWN")),
            get("/v2/{repo}/blobs/..").gives(400, [:], .error("DIGEST_INVALID")))
        Row(
            "http.get-body", "A body that a GET brings is passed over", ["http"], given: Given.image(image),
            Request("GET", "/v2/{repo}/manifests/v1", [], .bytes(image.bytes)).gives(200, [:], .content(image)),
            get("/v2/").gives(200))
        Row(
            "http.close", "`Connection: close` is done, and said", ["http"], reach: .http1,
            get("/v2/", ("Connection", "close")).gives(200, ["Connection": "close"], .text("{}")),
            get("/v2/").gives(200))
    }
}
