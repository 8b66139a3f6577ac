import Foundation

/// Manifests, pushed.
enum ManifestRows {
    private static let image = Content.image()
    private static let path = "/v2/{repo}/manifests/"
    static func created(_ digest: String) -> KeyValuePairs<String, HeaderRule> {
        [
            "Location": .exactly("{base}/v2/{repo}/manifests/\(digest)"), "Docker-Content-Digest": .exactly(digest),
            "Content-Length": "0",
        ]
    }

    @RowsBuilder static var all: [Row] {
        Row(
            "manifest.tag", "By tag: 201 with the Location and digest of the manifest",
            [
                "put-manifest", "put-manifest-digest", "route-manifest", "header-location", "header-digest", "trap-8",
                "trap-3",
            ],
            given: Given.parts(), put(path + "v1", image).gives(201, created(image.sha256), .empty),
            get("{location}").gives(200, [:], .content(image)), get(path + "v1").gives(200, [:], .content(image)))
        Row(
            "manifest.digest", "By digest", ["put-manifest", "put-manifest-digest", "reference"], given: Given.parts(),
            put(path + image.sha256, image).gives(201, created(image.sha256), .empty),
            get(path + image.sha256).gives(200, [:], .content(image)),
            get("/v2/{repo}/tags/list").gives(200, [:], .json(#"{"name":"{repo}","tags":[]}"#)))
        Row(
            "manifest.sha512", "By SHA-512, answered with that", ["put-manifest-digest", "trap-3"],
            given: Given.parts(),
            put(path + image.sha512, image).gives(201, created(image.sha512), .empty),
            get("{location}").gives(200, ["Docker-Content-Digest": .exactly(image.sha512)], .content(image)))
        Row(
            "manifest.tags", "By digest with twelve tags at once", ["ten-tags", "oci-tag", "trap-3"],
            given: Given.parts(),
            put(path + image.sha256 + "?" + tags.map { "tag=\($0)" }.joined(separator: "&"), image).gives(
                201, ["OCI-Tag": .list(tags), "Docker-Content-Digest": .exactly(image.sha256)]),
            get("/v2/{repo}/tags/list").gives(200, [:], .json(#"{"name":"{repo}","tags":\#(tags.sorted())}"#)),
            get(path + "t12").gives(200, ["Docker-Content-Digest": .exactly(image.sha256)], .content(image)))
        Row(
            "manifest.tags.bad", "A tag among them that is none is refused, and nothing is tagged", ["oci-tag", "tag"],
            given: Given.parts(),
            put(path + image.sha256 + "?tag=good&tag=.bad", image).gives(400, [:], .error("TAG_INVALID")),
            get(path + "good").gives(404))
        Row(
            "manifest.tags.sha512", "By SHA-512 with tags, the tag is answered with that", ["oci-tag", "trap-3"],
            given: Given.parts(),
            put(path + image.sha512 + "?tag=v1", image).gives(
                201, ["OCI-Tag": .list(["v1"]), "Docker-Content-Digest": .exactly(image.sha512)]),
            head(path + "v1").gives(200, ["Docker-Content-Digest": .exactly(image.sha512)]))
        Row(
            "manifest.move", "A tag moves, and the old manifest stays by digest", ["get-manifest", "trap-26"],
            given: Given.image(.image("old")), put(path + "v1", .image("new")).gives(201),
            get(path + "v1").gives(200, [:], .content(.image("new"))),
            get(path + Content.image("old").sha256).gives(200, [:], .content(.image("old"))))
        Row(
            "manifest.parameters", "Parameters of the content type are ignored", ["type-parameters", "type-plain"],
            given: Given.parts(), put(path + "v1", image, type: MediaTypes.manifest + "; charset=utf-8").gives(201),
            get(path + "v1").gives(200, ["Content-Type": .exactly(MediaTypes.manifest)]))
        Row(
            "manifest.bytes", "White space, unknown members and order stay", ["bytes", "trap-25"],
            given: Given.blob(.config), put(path + "v1", odd).gives(201, created(odd.sha256)),
            get(path + "v1").gives(200, [:], .content(odd)))
        Row(
            "manifest.no-media-type", "`mediaType` may be missing", ["trap-25", "type-as-pushed"], given: Given.parts(),
            put(path + "v1", .image(mediaType: false)).gives(201),
            get(path + "v1").gives(
                200, ["Content-Type": .exactly(MediaTypes.manifest)], .content(.image(mediaType: false))))
        Row(
            "manifest.no-layers", "Layers may be none", ["no-blobs", "trap-25"], given: Given.blob(.config),
            put(path + "v1", .image(layers: [])).gives(201),
            get(path + "v1").gives(200, [:], .content(.image(layers: []))))
        Row(
            "manifest.empty-blob", "A layer may have no bytes, and a config any type", ["trap-25"],
            given: Given.blob(.empty) + Given.blob(.config),
            put(path + "v1", .image(layers: [.empty], config: Content("{}", "application/vnd.unheard.of"))).gives(201))
        Row(
            "manifest.artifact", "An artifact of any type", ["trap-25"],
            given: Given.blob(.config) + Given.blob(.layer),
            put(path + "v1", artifact).gives(201), get(path + "v1").gives(200, [:], .content(artifact)))
        Row(
            "manifest.docker", "A Docker manifest of schema 2, and a list of it", ["type-as-pushed", "types"],
            given: Given.parts(), put(path + "v1", .docker()).gives(201, created(Content.docker().sha256)),
            get(path + "v1").gives(200, ["Content-Type": .exactly(MediaTypes.dockerManifest)], .content(.docker())),
            put(path + "list", .dockerList(.docker())).gives(201),
            get(path + "list", ("Accept", MediaTypes.dockerList)).gives(
                200, ["Content-Type": .exactly(MediaTypes.dockerList)], .content(.dockerList(.docker()))))
        Row(
            "manifest.index", "An index, one inside another, and an empty one", ["types", "trap-25"],
            given: Given.image(image),
            put(path + "index", index).gives(201, created(index.sha256)),
            get(path + "index").gives(200, ["Content-Type": .exactly(MediaTypes.index)], .content(index)),
            put(path + "nested", .index([index.descriptor()])).gives(201), put(path + "empty", .index([])).gives(201),
            get(path + "empty").gives(200, [:], .content(.index([]))))
        Row(
            "manifest.sparse", "With `validation` so set, children of an index may be missing", ["sparse", "trap-26"],
            server: .sparse, put(path + "sparse", .index([image.descriptor()])).gives(201),
            get(path + "sparse").gives(200, [:], .content(.index([image.descriptor()]))))
        Row(
            "manifest.foreign", "Layers that may not be distributed need not be there", ["foreign", "trap-28"],
            given: Given.blob(.config) + Given.blob(.layer), server: .sparse,
            put(path + "v1", foreign).gives(201), get(path + "v1").gives(200, [:], .content(foreign)))
        Row(
            "manifest.subject.first", "A subject may come later",
            ["subject-first", "oci-subject", "header-oci-subject", "trap-22"],
            given: Given.parts(),
            put(path + "v1", .image(subject: Content.missing.descriptor(type: MediaTypes.manifest))).gives(
                201, ["OCI-Subject": .exactly(Content.missing.sha256)]))
        Row(
            "manifest.subject.index", "An index may have one", ["oci-subject", "trap-22"], given: Given.image(image),
            put(path + "v2", .index([], subject: image.descriptor())).gives(
                201, ["OCI-Subject": .exactly(image.sha256)]))
        Row(
            "manifest.subject.none", "Without a subject there is no `OCI-Subject`", ["oci-subject"],
            given: Given.parts(),
            put(path + "v1", image).gives(201, ["OCI-Subject": .absent, "OCI-Tag": .absent]))
        Row(
            "manifest.four-megabytes", "Four megabytes are a manifest", ["four-megabytes", "trap-25"],
            given: Given.parts(),
            put(path + "v1", large).gives(201), head(path + "v1").gives(200, ["Content-Length": .length(large)]))
    }

    private static let tags = (1...12).map { "t\($0)" }
    private static let index = Content.index([image.descriptor(#","platform":{"os":"linux","architecture":"amd64"}"#)])
    private static let large = Content.image(ofSize: 4 * 1024 * 1024)
    private static let odd = Content(
        "{ \"unknown\" : {\"x\":[1,null,1e9]} ,\n\"layers\":[], \"schemaVersion\" : 2 , \"config\":\(Content.config.descriptor())}\n\n",
        MediaTypes.manifest)
    private static let artifact = Content.image(
        layers: [Content(Content.layer.bytes, "application/vnd.example+json")],
        config: Content(Content.config.bytes, MediaTypes.empty), artifactType: "application/vnd.example.thing")
    private static let foreign = Content.docker(layers: [
        Content.missing.descriptor(type: MediaTypes.dockerForeign, #","urls":["https://example.com/layer"]"#),
        Content.layer.descriptor(type: MediaTypes.dockerLayer),
    ])
}
