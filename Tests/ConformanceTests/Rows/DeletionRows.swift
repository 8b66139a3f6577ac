/// Tags, manifests and blobs, removed.
enum DeletionRows {
    private static let image = Content.image()
    private static let path = "/v2/{repo}/manifests/"
    private static let layer = "/v2/{repo}/blobs/\(Content.layer.sha256)"

    @RowsBuilder static var all: [Row] {
        Row(
            "delete.tag", "A tag goes with 202, its manifest stays",
            ["delete-tag", "route-manifest", "trap-8", "trap-23"],
            given: Given.image(image, tag: "v1") + Given.manifest(image, at: "v2"),
            delete(path + "v1").gives(202, ["Content-Length": "0"], .empty),
            get(path + "v1").gives(404, [:], .error("MANIFEST_UNKNOWN")),
            get(path + "v2").gives(200), get(path + image.sha256).gives(200),
            delete(path + "v1").gives(404, [:], .error("MANIFEST_UNKNOWN")))
        Row(
            "delete.manifest", "A manifest goes with 202, and every tag of it",
            ["delete-manifest", "delete-manifest-gone", "route-manifest", "trap-8"],
            given: Given.image(image, tag: "v1") + Given.manifest(image, at: "v2")
                + Given.manifest(.image("other"), at: "v3"),
            delete(path + image.sha256).gives(202, [:], .empty), get(path + image.sha256).gives(404),
            get(path + "v1").gives(404),
            head(path + "v2").gives(404), get(path + "v3").gives(200),
            get("/v2/{repo}/tags/list").gives(
                200, [:], .json(#"{"name":"{repo}","tags":["v3"]}"#)))
        Row(
            "delete.manifest.sha512", "by its SHA-512, too", ["delete-manifest", "trap-3"],
            given: Given.parts() + Given.manifest(image, at: image.sha512),
            delete(path + image.sha512).gives(202), get(path + image.sha512).gives(404),
            get(path + image.sha256).gives(404))
        Row(
            "delete.manifest.404", "What is not there is 404",
            ["delete-manifest-404", "code-MANIFEST_UNKNOWN", "route-manifest"],
            delete(path + image.sha256).gives(404, [:], .error("MANIFEST_UNKNOWN")),
            delete(path + "v1").gives(404, [:], .error("MANIFEST_UNKNOWN")))
        Row(
            "delete.child", "A child of an index may go", ["delete-manifest"],
            given: Given.image(image) + Given.manifest(.index([image.descriptor()]), at: "index"),
            delete(path + image.sha256).gives(202), get(path + "index").gives(200))
        Row(
            "delete.push-again", "What was deleted can be pushed again", ["delete-manifest", "bytes"],
            given: Given.image(image), delete(path + image.sha256).gives(202), put(path + "v1", image).gives(201),
            get(path + "v1").gives(200, [:], .content(image)))
        Row(
            "delete.blob", "A blob goes with 202", ["delete-blob", "route-blob", "trap-8"], given: Given.parts(),
            delete(layer).gives(202, ["Content-Length": "0"], .empty),
            get(layer).gives(404, [:], .error("BLOB_UNKNOWN")),
            head(layer).gives(404), delete(layer).gives(404, [:], .error("BLOB_UNKNOWN")))
        Row(
            "delete.blob.elsewhere", "and stays in other repositories", ["delete-blob"],
            given: Given.parts() + Given.parts(of: "{other}"), delete(layer).gives(202),
            get("/v2/{other}/blobs/\(Content.layer.sha256)").gives(200, [:], .content(.layer)))
        Row(
            "delete.blob.404", "One that is not there is 404", ["delete-blob-404", "code-BLOB_UNKNOWN"],
            delete(layer).gives(404, [:], .error("BLOB_UNKNOWN")))
        for server in [ServerKind.deletesOff, .readOnly] {
            Row(
                "delete.off.\(server)", "With `\(server)` nothing can be deleted: 405, and everything stays",
                ["delete-tag-off", "delete-manifest-off", "delete-blob-off", "code-UNSUPPORTED", "trap-23"],
                given: Given.image(image), server: server,
                delete(path + "v1").gives(405, [:], .error("UNSUPPORTED")),
                delete(path + image.sha256).gives(405, [:], .error("UNSUPPORTED")),
                delete(layer).gives(405, [:], .error("UNSUPPORTED")),
                get(path + "v1").gives(200, [:], .content(image)), get(layer).gives(200))
        }
        Row(
            "read-only", "With `readOnly` every write is 405", ["route-read-only", "code-UNSUPPORTED", "trap-23"],
            given: Given.image(image), server: .readOnly,
            put(path + "v1", image).gives(405, [:], .error("UNSUPPORTED")),
            post("/v2/{repo}/blobs/uploads/").gives(405, [:], .error("UNSUPPORTED")),
            post("/v2/{repo}/blobs/uploads/?mount=\(Content.layer.sha256)&from={repo}").gives(
                405, [:], .error("UNSUPPORTED")),
            patch("/v2/{repo}/blobs/uploads/0193b5a0-0000-7000-8000-000000000000", body: "x").gives(
                405, [:], .error("UNSUPPORTED")),
            put("/v2/{repo}/blobs/uploads/0193b5a0-0000-7000-8000-000000000000?digest=\(image.sha256)", body: "x")
                .gives(
                    405, [:], .error("UNSUPPORTED")), get(path + "v1").gives(200, [:], .content(image)))
    }
}
