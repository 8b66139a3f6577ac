/// Distribution's behaviour, as its clients and tools depend on it, and where this registry differs on purpose.
enum DistributionRequirements {
    static let all = routes + headers + codes

    private static let place = "Routes and methods"
    private static let routes: [Requirement] = [
        .init("route-base", place, .kept, "`/v2/`: 200 and `{}` to every method"),
        .init("route-catalog", place, .kept, "`/v2/_catalog`: pages, `n` and `last`; 400 for a bad `n`"),
        .init("route-tags", place, .kept, "`/v2/<name>/tags/list`: all, or pages by `n` and `last`; 400, 404"),
        .init("route-manifest", place, .kept, "`/v2/<name>/manifests/<reference>`: 200, 304, 404; 201; 202"),
        .init("route-blob", place, .kept, "`/v2/<name>/blobs/<digest>`: 200, 206, 304, 404, 416; 202"),
        .init("route-uploads", place, .kept, "`/v2/<name>/blobs/uploads/`: POST 202 or 201"),
        .init("route-upload", place, .kept, "`/v2/<name>/blobs/uploads/<id>`: 204, 202, 201, 204; 404"),
        .init("route-referrers", place, .ours, "`/v2/<name>/referrers/<digest>`, which Distribution lacks"),
        .init(
            "route-methods", place, .ours,
            "another method is 405 with `Allow`, in the envelope; OPTIONS is 200 with `Allow`; HEAD wherever GET is"),
        .init("route-unknown", place, .ours, "what has no route is 404 `UNSUPPORTED` in the envelope, not plain text"),
        .init("route-alive", place, .kept, "`/` is 200, empty, not to be cached"),
        .init("route-slash", place, .kept, "GET with a slash too many or too few is 301 to the right path"),
        .init("route-ambiguous", place, .kept, "keywords within names, read from the end of the path"),
        .init("route-prefix", place, .kept, "`http.prefix` before every path"),
        .init("route-read-only", place, .kept, "read-only: 405 to every write, in the envelope"),
        .init("accept-list", place, .kept, "a Docker list by tag becomes linux/amd64 for who does not accept lists"),
        .init(
            "types", place, .kept,
            "types of manifests: OCI manifest and index, Docker schema 2 and list; schema 1 is refused"),
        .init("sparse", place, .kept, "`validation.manifests.indexes` says which children must be there"),
        .init("foreign", place, .kept, "layers with URLs that may not be distributed need not be there"),
        .init("multirange", place, .kept, "several ranges: `multipart/byteranges`"),
        .init(
            "catalog-order", place, .ours,
            "one order of repositories whatever the driver: by component, a repository before those below it"),
        .init("catalog-maximum", place, .kept, "`n` above `catalog.maxentries` is an error"),
        .init("catalog-members", place, .kept, "repositories are listed from their first manifest on, and stay"),
        .init("tags-maximum", place, .kept, "`n` above `tags.maxtags` is that"),
        .init("location-relative", place, .kept, "`http.relativeurls`: Locations without a host"),
        .init("location-host", place, .kept, "`http.host` before everything"),
        .init(
            "location-forwarded", place, .kept,
            "`Forwarded` before `X-Forwarded-Proto` and `-Host`, the first of a list; `-Port` ignored"),
        .init("better-400", place, .ours, "malformed ranges, names and types are 4xx once, never 500 or twice"),
        .init("better-413", place, .ours, "a manifest that is too large is 413"),
        .init("better-416", place, .ours, "416 has `Location` and `Range` for the way on, in the closing PUT too"),
    ]

    private static let part = "Headers"
    private static let headers: [Requirement] = [
        .init(
            "header-api-version", part, .kept,
            "`Docker-Distribution-API-Version: registry/2.0` on every answer but `/`; checked on every answer"),
        .init("header-digest", part, .kept, "`Docker-Content-Digest` on GET, HEAD and every 201"),
        .init("header-uuid", part, .kept, "`Docker-Upload-UUID` on 202 and on 204 of uploads"),
        .init("header-range", part, .kept, "`Range: 0-<last>` without a unit; `0-0` for nothing and for one byte"),
        .init("header-location", part, .kept, "absolute Locations"),
        .init("header-etag", part, .kept, "quoted `Etag` of manifests and blobs; 304 also for the bare digest"),
        .init("header-cache", part, .kept, "`Cache-Control: max-age=31536000` on blobs"),
        .init("header-link", part, .kept, "`Link: <path?last=x&n=N>; rel=\"next\"`, relative, `last` and `n` alone"),
        .init("header-configured", part, .ours, "`http.headers` on every answer, 404 too"),
        .init("header-oci-subject", part, .ours, "`OCI-Subject`, which Distribution never sends"),
        .init("header-oci-filters", part, .ours, "`OCI-Filters-Applied`, likewise"),
        .init(
            "header-authenticate", part, .kept, "`WWW-Authenticate` on 401",
            without: "no authentication yet; a configuration with `auth` does not start"),
    ]

    private static let table = "Error codes"
    private static let codes: [Requirement] = [
        .init(
            "code-UNKNOWN", table, .kept, "`UNKNOWN` 500",
            without:
                "no request may bring it about; `Tests/RegistryHTTPTests/ErrorTests.swift` does it with a storage that fails"
        ),
        .init("code-UNSUPPORTED", table, .kept, "`UNSUPPORTED` 405: deletion disabled, read-only, another method"),
        .init("code-UNAUTHORIZED", table, .kept, "`UNAUTHORIZED` 401", without: "no authentication yet"),
        .init("code-DENIED", table, .kept, "`DENIED` 403", without: "no policies yet"),
        .init(
            "code-UNAVAILABLE", table, .kept, "`UNAVAILABLE` 503",
            without:
                "no health checks yet; `Tests/RegistryHTTPTests/ErrorTests.swift` does it with a storage that is away"),
        .init(
            "code-TOOMANYREQUESTS", table, .kept, "`TOOMANYREQUESTS` 429",
            without: "`Tests/RegistryHTTPTests/ErrorTests.swift` does it with a storage that throttles"),
        .init("code-DIGEST_INVALID", table, .kept, "`DIGEST_INVALID` 400: a digest that is none, or does not hold"),
        .init("code-SIZE_INVALID", table, .kept, "`SIZE_INVALID` 400: `Content-Range` and `Content-Length` disagree"),
        .init("code-RANGE_INVALID", table, .kept, "`RANGE_INVALID` 416: a chunk or a range elsewhere"),
        .init("code-NAME_INVALID", table, .ours, "`NAME_INVALID` 400, which Distribution only promises"),
        .init("code-TAG_INVALID", table, .ours, "`TAG_INVALID` 400: a tag that is none, when written"),
        .init("code-NAME_UNKNOWN", table, .kept, "`NAME_UNKNOWN` 404: tags of a repository that is none"),
        .init("code-MANIFEST_UNKNOWN", table, .kept, "`MANIFEST_UNKNOWN` 404"),
        .init("code-MANIFEST_INVALID", table, .kept, "`MANIFEST_INVALID` 400"),
        .init(
            "code-MANIFEST_UNVERIFIED", table, .kept, "`MANIFEST_UNVERIFIED` 400",
            without: "of schema 1 alone, which is refused as such"),
        .init(
            "code-MANIFEST_BLOB_UNKNOWN", table, .kept, "`MANIFEST_BLOB_UNKNOWN` 400, one for each missing reference"),
        .init("code-BLOB_UNKNOWN", table, .kept, "`BLOB_UNKNOWN` 404, with the digest"),
        .init("code-BLOB_UPLOAD_UNKNOWN", table, .kept, "`BLOB_UPLOAD_UNKNOWN` 404"),
        .init("code-BLOB_UPLOAD_INVALID", table, .kept, "`BLOB_UPLOAD_INVALID` 404: a forged state"),
        .init("code-PAGINATION_NUMBER_INVALID", table, .kept, "`PAGINATION_NUMBER_INVALID` 400"),
    ]
}
