/// Manifests, read.
enum PullRows {
    private static let image = Content.image()
    private static let digestHeaders: KeyValuePairs<String, HeaderRule> = [
        "Content-Type": .exactly(MediaTypes.manifest), "Content-Length": .length(image),
        "Docker-Content-Digest": .exactly(image.sha256), "Etag": .exactly("\"\(image.sha256)\""),
        "Content-Encoding": .absent,
    ]

    @RowsBuilder static var all: [Row] {
        Row(
            "pull.manifest.tag", "A manifest by tag: its bytes, type, length and digest",
            [
                "get-manifest", "get-manifest-digest", "type-plain", "type-as-pushed", "route-manifest",
                "header-digest", "header-etag",
            ],
            given: Given.image(image), get("/v2/{repo}/manifests/v1").gives(200, digestHeaders, .content(image)))
        Row(
            "pull.manifest.digest", "A manifest by digest is the same",
            ["get-manifest", "get-manifest-digest", "reference"],
            given: Given.image(image),
            get("/v2/{repo}/manifests/\(image.sha256)").gives(200, digestHeaders, .content(image)))
        Row(
            "pull.manifest.sha512", "A manifest by its SHA-512 is answered with that",
            ["get-manifest-digest", "trap-3"],
            given: Given.parts() + Given.manifest(image, at: image.sha512),
            get("/v2/{repo}/manifests/\(image.sha512)").gives(
                200, ["Docker-Content-Digest": .exactly(image.sha512), "Etag": .exactly("\"\(image.sha512)\"")],
                .content(image)),
            head("/v2/{repo}/manifests/\(image.sha512)").gives(
                200, ["Docker-Content-Digest": .exactly(image.sha512), "Content-Length": .length(image)]))
        Row(
            "pull.manifest.head", "HEAD has everything but the body",
            ["head", "head-digest", "head-length", "trap-11"],
            given: Given.image(image), head("/v2/{repo}/manifests/v1").gives(200, digestHeaders, .empty),
            head("/v2/{repo}/manifests/\(image.sha256)").gives(200, digestHeaders, .empty))
        Row(
            "pull.manifest.404", "A tag, a digest or a repository that is not there is 404",
            ["get-manifest-404", "head-404", "no-repository", "code-MANIFEST_UNKNOWN", "trap-12"],
            given: Given.image(image),
            get("/v2/{repo}/manifests/v2").gives(404, [:], .error("MANIFEST_UNKNOWN")),
            get("/v2/{repo}/manifests/\(Content.zero)").gives(404, [:], .error("MANIFEST_UNKNOWN")),
            get("/v2/{other}/manifests/v1").gives(404, [:], .error("MANIFEST_UNKNOWN")),
            head("/v2/{repo}/manifests/v2").gives(404), head("/v2/{repo}/manifests/\(Content.zero)").gives(404),
            head("/v2/{other}/manifests/v1").gives(404))
        Row(
            "pull.manifest.other", "A manifest of another repository is 404 in this one", ["get-manifest-404"],
            given: Given.image(image, in: "{other}") + Given.image(.image("another")),
            get("/v2/{repo}/manifests/\(image.sha256)").gives(404, [:], .error("MANIFEST_UNKNOWN")),
            get("/v2/{other}/manifests/\(image.sha256)").gives(200))
        Row(
            "pull.manifest.kind", "A blob is no manifest, and the other way round", ["trap-13"],
            given: Given.image(image),
            get("/v2/{repo}/manifests/\(Content.layer.sha256)").gives(404, [:], .error("MANIFEST_UNKNOWN")),
            get("/v2/{repo}/blobs/\(image.sha256)").gives(404, [:], .error("BLOB_UNKNOWN")))
        for (number, value) in [
            "\"\(image.sha256)\"", image.sha256, "W/\"\(image.sha256)\"", "\"x\", \"\(image.sha256)\"", "*",
        ]
        .enumerated() {
            Row(
                "pull.manifest.304-\(number + 1)", "`If-None-Match` is 304 if it fits, in any of its forms",
                ["http", "route-manifest", "header-etag"], given: Given.image(image),
                get("/v2/{repo}/manifests/v1", ("If-None-Match", value)).gives(
                    304, ["Etag": .exactly("\"\(image.sha256)\"")], .empty),
                head("/v2/{repo}/manifests/v1", ("If-None-Match", value)).gives(304, [:], .empty),
                get("/v2/{repo}/manifests/v1", ("If-None-Match", "\"\(Content.zero)\"")).gives(
                    200, [:], .content(image)))
        }
        for (number, accept) in [
            MediaTypes.manifest, "*/*", "application/*", "\(MediaTypes.manifest), */*",
            "\(MediaTypes.index),\(MediaTypes.manifest);q=0.5",
            MediaTypes.index, "application/json",
        ].enumerated() {
            Row(
                "pull.manifest.accept-\(number + 1)", "`Accept` never makes an OCI manifest disappear",
                ["trap-14", "type-plain"], given: Given.image(image),
                get("/v2/{repo}/manifests/v1", ("Accept", accept)).gives(200, digestHeaders, .content(image)))
        }
        Row(
            "pull.list.kept", "A Docker list goes as it is to who accepts it, or asks by digest", ["accept-list"],
            given: dockerGiven,
            get("/v2/{repo}/manifests/list", ("Accept", "\(MediaTypes.dockerManifest), \(MediaTypes.dockerList)"))
                .gives(
                    200, ["Content-Type": .exactly(MediaTypes.dockerList)], .content(list)),
            get("/v2/{repo}/manifests/list", ("Accept", "*/*")).gives(200, [:], .content(list)),
            get("/v2/{repo}/manifests/\(list.sha256)", ("Accept", MediaTypes.dockerManifest)).gives(
                200, [:], .content(list)))
        Row(
            "pull.list.amd64", "A Docker list by tag becomes linux/amd64 for who does not accept lists",
            ["accept-list"],
            given: dockerGiven,
            get("/v2/{repo}/manifests/list", ("Accept", MediaTypes.dockerManifest)).gives(
                200,
                [
                    "Content-Type": .exactly(MediaTypes.dockerManifest),
                    "Docker-Content-Digest": .exactly(Content.docker().sha256),
                ], .content(.docker())),
            get("/v2/{repo}/manifests/list").gives(200, [:], .content(.docker())))
        Row(
            "pull.list.none", "and is 404 where there is none", ["accept-list"],
            given: Given.parts() + Given.manifest(.docker(), at: "child") + Given.manifest(armList, at: "list"),
            get("/v2/{repo}/manifests/list", ("Accept", MediaTypes.dockerManifest)).gives(
                404, [:], .error("MANIFEST_UNKNOWN")))
        Row(
            "pull.list.index", "An OCI index is served to everybody", ["accept-list"],
            given: Given.image(image) + Given.manifest(.index([image.descriptor()]), at: "index"),
            get("/v2/{repo}/manifests/index", ("Accept", MediaTypes.manifest)).gives(
                200, ["Content-Type": .exactly(MediaTypes.index)], .content(.index([image.descriptor()]))))
        Row(
            "pull.manifest.encoding", "Nothing is encoded, whatever a client offers", ["trap-16"],
            given: Given.image(image),
            get("/v2/{repo}/manifests/v1", ("Accept-Encoding", "zstd, gzip, deflate, br")).gives(
                200, digestHeaders, .content(image)),
            get("/v2/{repo}/blobs/\(Content.layer.sha256)", ("Accept-Encoding", "zstd, gzip")).gives(
                200, ["Content-Encoding": .absent, "Content-Length": .length(.layer)], .content(.layer)))
        Row(
            "pull.query", "Unknown parameters, `ns=` among them, are ignored", ["ns", "trap-29"],
            given: Given.image(image),
            get("/v2/{repo}/manifests/v1?ns=docker.io").gives(200, ["OCI-Namespace": .absent], .content(image)),
            head("/v2/{repo}/manifests/v1?ns=docker.io&x=%20").gives(200),
            get("/v2/{repo}/blobs/\(Content.layer.sha256)?ns=docker.io&&=").gives(200, [:], .content(.layer)))
        Row(
            "pull.tag.case", "Tags differ by case", ["tag", "trap-32"],
            given: Given.image(.image("lower"), tag: "tag") + Given.manifest(.image("upper"), at: "TAG"),
            get("/v2/{repo}/manifests/tag").gives(200, [:], .content(.image("lower"))),
            get("/v2/{repo}/manifests/TAG").gives(200, [:], .content(.image("upper"))),
            get("/v2/{repo}/manifests/Tag").gives(404))
        Row(
            "pull.library", "Names stay as clients give them", ["trap-30"],
            given: Given.image(image, in: "library/{repo}"),
            get("/v2/library/{repo}/manifests/v1").gives(200), get("/v2/{repo}/manifests/v1").gives(404))
    }

    private static let list = Content.dockerList(.docker())
    private static let armList = Content.dockerList(.docker(), architecture: "arm64")
    private static let dockerGiven =
        Given.parts() + Given.manifest(.docker(), at: "child") + Given.manifest(list, at: "list")
}
