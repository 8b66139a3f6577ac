import Foundation

/// containerd, and with it BuildKit, nerdctl and newer Dockers.
enum ContainerdDialogues {
    private static let layer = Content.layer
    private static let image = Dialogues.image
    private static let agent = ("User-Agent", "containerd/v2.0.1")

    private static func accept(_ type: String) -> (String, String) { ("Accept", "\(type), */*") }

    /// HEAD, POST, and one PUT; the digest in the answer must be there and equal.
    private static func upload(_ blob: Content, query: String = "") -> [Exchange] {
        [
            head("/v2/{repo}/blobs/\(blob.sha256)", accept(blob.type), agent).gives(404),
            post("/v2/{repo}/blobs/uploads/" + query, agent).gives(202, ["Location": .session]),
            Request(
                "PUT", "{location}&digest=\(Dialogues.escaped(blob.sha256))",
                [("Content-Type", MediaTypes.octets), agent],
                .bytes(blob.bytes)
            ).gives(201, ["Docker-Content-Digest": .exactly(blob.sha256)]),
        ]
    }

    @RowsBuilder static var all: [Row] {
        Row(
            "containerd.push", "containerd pushes an image", ["dialogue-containerd", "trap-3", "trap-6", "trap-12"],
            steps: [head("/v2/{repo}/manifests/1.0", accept(MediaTypes.manifest), agent).gives(404)] + upload(layer)
                + upload(.config, query: "?from={other}&mount=\(Dialogues.escaped(Content.config.sha256))") + [
                    Request(
                        "PUT", "/v2/{repo}/manifests/1.0", [("Content-Type", MediaTypes.manifest), agent],
                        .bytes(image.bytes)
                    ).gives(201, ["Docker-Content-Digest": .exactly(image.sha256)]),
                    head("/v2/{repo}/manifests/1.0", accept(MediaTypes.manifest), agent).gives(
                        200, ["Docker-Content-Digest": .exactly(image.sha256)]),
                ])
        Row(
            "containerd.push.sha512", "with SHA-512", ["dialogue-containerd", "trap-3"], given: Given.session(),
            Request(
                "PUT", "{location}&digest=\(Dialogues.escaped(layer.sha512))",
                [("Content-Type", MediaTypes.octets), agent],
                .bytes(layer.bytes)
            ).gives(201, ["Docker-Content-Digest": .exactly(layer.sha512)]))
        Row(
            "containerd.push.existing", "and finds what is there already", ["dialogue-containerd", "trap-11"],
            given: Given.image(image, tag: "1.0"),
            head("/v2/{repo}/manifests/1.0", accept(MediaTypes.manifest), agent).gives(
                200, ["Docker-Content-Digest": .exactly(image.sha256), "Content-Length": .length(image)]),
            head("/v2/{repo}/blobs/\(layer.sha256)", accept(layer.type), agent).gives(
                200, ["Content-Length": .length(layer)]))
        Row(
            "containerd.pull", "containerd resolves a tag by HEAD and pulls by digest, with `ns=`",
            ["dialogue-containerd", "trap-11", "trap-13", "trap-14", "trap-29"], given: Given.image(image, tag: "1.0"),
            head("/v2/{repo}/manifests/1.0?ns=registry.example", ("Accept", types), agent).gives(
                200,
                [
                    "Content-Type": .exactly(MediaTypes.manifest), "Content-Length": .length(image),
                    "Docker-Content-Digest": .exactly(image.sha256),
                ]),
            get(
                "/v2/{repo}/manifests/\(image.sha256)?ns=registry.example", accept(MediaTypes.manifest), agent,
                encodings
            ).gives(
                200, ["Content-Encoding": .absent], .content(image)),
            get("/v2/{repo}/blobs/\(layer.sha256)?ns=registry.example", accept(layer.type), agent, encodings).gives(
                200, ["Content-Encoding": .absent, "Content-Length": .length(layer), "Accept-Ranges": "bytes"],
                .content(layer)),
            get(
                "/v2/{repo}/blobs/\(layer.sha256)?ns=registry.example", accept(layer.type), agent, ("Range", "bytes=5-")
            ).gives(
                206, ["Content-Range": .exactly("bytes 5-\(layer.size - 1)/\(layer.size)")],
                .exactly(Data(layer.bytes.dropFirst(5)))))
        Row(
            "containerd.pull.kind", "and tries the other kind when a digest is not the first",
            ["dialogue-containerd", "trap-13"],
            given: Given.image(image, tag: "1.0"),
            get("/v2/{repo}/manifests/\(layer.sha256)", accept(layer.type), agent).gives(404),
            get("/v2/{repo}/blobs/\(layer.sha256)", accept(layer.type), agent).gives(200, [:], .content(layer)),
            get("/v2/{repo}/blobs/\(image.sha256)", accept(image.type), agent).gives(404),
            get("/v2/{repo}/manifests/\(image.sha256)", accept(image.type), agent).gives(200, [:], .content(image)))
    }

    private static let encodings = ("Accept-Encoding", "zstd;q=1.0, gzip;q=0.8, deflate;q=0.5")
    private static let types = [
        MediaTypes.dockerManifest, MediaTypes.dockerList, MediaTypes.manifest, MediaTypes.index, "*/*",
    ].joined(separator: ", ")
}
