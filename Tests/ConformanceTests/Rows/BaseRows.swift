/// The base, the probe of load balancers, and what has no route.
enum BaseRows {
    @RowsBuilder static var all: [Row] {
        Row(
            "base.get", "The base is 200 with an empty object",
            ["base", "route-base", "header-api-version"],
            get("/v2/").gives(200, ["Content-Type": "application/json", "Content-Length": "2"], .text("{}")))
        Row(
            "base.head", "HEAD of the base is its head", ["http", "route-base"],
            head("/v2/").gives(200, ["Content-Type": "application/json", "Content-Length": "2"], .empty))
        Row(
            "base.redirect", "`/v2` leads to `/v2/`", ["route-slash"],
            get("/v2").gives(301, ["Location": .like("({base})?/v2/")]))
        Row(
            "base.slash", "A slash too many at the end leads to the path without it", ["route-slash"],
            given: Given.image(),
            get("/v2/{repo}/tags/list/").gives(301, ["Location": .like("({base})?/v2/{repo}/tags/list")]),
            get("/v2/{repo}/manifests/v1/?ns=x").gives(
                301, ["Location": .like("({base})?/v2/{repo}/manifests/v1\\?ns=x")]),
            get("/v2/_catalog/").gives(301, ["Location": .like("({base})?/v2/_catalog")]),
            get("/v2/{repo}/blobs/uploads").gives(301, ["Location": .like("({base})?/v2/{repo}/blobs/uploads/")]))
        Row(
            "base.alive", "`/` is 200 without a body, for load balancers", ["route-alive"],
            get("/").gives(200, ["Cache-Control": "no-cache"], .empty))
        Row(
            "base.unknown", "What has no route is 404 in the envelope", ["route-unknown", "trap-36", "error-json"],
            get("/v2/{repo}").gives(404, [:], .error("UNSUPPORTED")),
            get("/v2/{repo}/nothing/here").gives(404, [:], .error("UNSUPPORTED")),
            get("/v1/").gives(404, [:], .error("UNSUPPORTED")),
            post("/v2/{repo}/tags").gives(404, [:], .error("UNSUPPORTED")))
        Row(
            "base.options", "OPTIONS lists the methods", ["http", "route-methods"],
            Request("OPTIONS", "/v2/{repo}/manifests/v1").gives(
                200, ["Allow": .list(["GET", "HEAD", "PUT", "DELETE"])], .empty),
            Request("OPTIONS", "/v2/{repo}/blobs/\(Content.zero)").gives(
                200, ["Allow": .list(["GET", "HEAD", "DELETE"])], .empty))
        Row(
            "base.prefix", "With `http.prefix` the API lies below it, and Locations too", ["route-prefix"],
            server: .prefixed,
            get("/hub/v2/").gives(200, [:], .text("{}")), get("/v2/").gives(404, [:], .error("UNSUPPORTED")),
            post("/hub/v2/{repo}/blobs/uploads/").gives(
                202, ["Location": .like("{base}/hub/v2/{repo}/blobs/uploads/.+")]))
        Row(
            "base.headers", "`http.headers` are on every answer", ["header-configured"], server: .headers,
            get("/v2/").gives(200, ["X-Content-Type-Options": "nosniff"]),
            get("/v2/{repo}/manifests/v1").gives(404, ["X-Content-Type-Options": "nosniff"]),
            get("/v2/nothing").gives(404, ["X-Content-Type-Options": "nosniff"]))
        for (name, reads) in ambiguous {
            Row(
                "base.ambiguous.\(name)", "Keywords in names are read from the path's end: `\(reads)`",
                ["route-ambiguous"],
                given: Given.parts(of: "{repo}/\(name)")
                    + Given.manifest(.image(), at: "list", in: "{repo}/\(name)"),
                get("/v2/{repo}/\(name)/manifests/list").gives(
                    200, ["Content-Type": .exactly(MediaTypes.manifest)], .content(.image())),
                get("/v2/{repo}/\(name)/tags/list").gives(
                    200, [:], .json(#"{"name":"{repo}/\#(name)","tags":["list"]}"#)))
        }
    }

    private static let ambiguous = [
        ("manifests", "/v2/a/manifests/tags/list"), ("tags/list", "/v2/a/tags/list/tags/list"),
        ("blobs/uploads", "/v2/a/blobs/uploads/manifests/list"), ("v2", "/v2/a/v2/tags/list"),
        ("referrers", "/v2/a/referrers/manifests/list"),
    ]
}
