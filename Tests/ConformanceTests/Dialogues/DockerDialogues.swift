import Foundation

/// The Docker daemon with its classic store, which uses Distribution's client.
enum DockerDialogues {
    private static let layer = Content.layer
    private static let agent = ("User-Agent", "docker/27.3.1 go/go1.22.7 git-commit/41ca978 os/linux arch/amd64")
    private static let gzip = ("Accept-Encoding", "gzip")
    private static let manifestTypes = [
        MediaTypes.dockerManifest, MediaTypes.dockerList, MediaTypes.manifest, MediaTypes.index, MediaTypes.schema1,
        "application/json",
    ].map { ("Accept", $0) }

    /// HEAD, POST, one PATCH in chunked coding, an empty PUT, and a HEAD that must tell the length.
    private static func upload(_ blob: Content) -> [Exchange] {
        let path = "/v2/{repo}/blobs/\(blob.sha256)"
        return [
            head(path, agent).gives(404),
            post("/v2/{repo}/blobs/uploads/?from={other}&mount=\(Dialogues.escaped(blob.sha256))", agent, gzip).gives(
                202, ["Location": .session, "Docker-Upload-UUID": .uuidOnly]),
            Request("PATCH", "{location}", [agent, gzip], .stream([blob.bytes])).gives(
                202, ["Location": .session, "Range": .exactly("0-\(blob.size - 1)")]),
            Request("PUT", "{location}&digest=\(Dialogues.escaped(blob.sha256))", [agent, gzip], .bytes(Data())).gives(
                201),
            head(path, agent).gives(200, ["Content-Length": .length(blob)]),
        ]
    }

    @RowsBuilder static var all: [Row] {
        Row(
            "dockerd.push", "dockerd pushes an image", ["dialogue-dockerd", "trap-5", "trap-4", "trap-12"],
            steps: [get("/v2/", agent).gives(200, ["Docker-Distribution-API-Version": "registry/2.0"])] + upload(layer)
                + upload(.config) + [
                    Request(
                        "PUT", "/v2/{repo}/manifests/latest", [agent, ("Content-Type", MediaTypes.dockerManifest)],
                        .bytes(Dialogues.docker.bytes)
                    ).gives(201, ["Docker-Content-Digest": .exactly(Dialogues.docker.sha256)])
                ])
        Row(
            "dockerd.push.mounted", "dockerd finds a layer in another repository", ["dialogue-dockerd"],
            given: Given.blob(layer, to: "{other}"),
            post("/v2/{repo}/blobs/uploads/?from={other}&mount=\(Dialogues.escaped(layer.sha256))", agent).gives(201),
            head("/v2/{repo}/blobs/\(layer.sha256)", agent).gives(200, ["Content-Length": .length(layer)]))
        Row(
            "dockerd.pull", "dockerd pulls by tag, and goes on where a layer broke off",
            ["dialogue-dockerd", "trap-14", "trap-15"],
            given: Given.parts() + Given.manifest(Dialogues.docker, at: "latest"),
            get("/v2/", agent).gives(200),
            Request("GET", "/v2/{repo}/manifests/latest", manifestTypes + [agent, gzip]).gives(
                200,
                [
                    "Content-Type": .exactly(MediaTypes.dockerManifest),
                    "Docker-Content-Digest": .exactly(Dialogues.docker.sha256),
                ], .content(Dialogues.docker)),
            get("/v2/{repo}/blobs/\(Content.config.sha256)", agent, ("Accept-Encoding", "identity")).gives(
                200, [:], .content(.config)),
            get("/v2/{repo}/blobs/\(layer.sha256)", agent, ("Accept-Encoding", "identity")).gives(
                200, ["Content-Length": .length(layer)], .content(layer)),
            get("/v2/{repo}/blobs/\(layer.sha256)", agent, ("Range", "bytes=7-")).gives(
                206, ["Content-Range": .exactly("bytes 7-\(layer.size - 1)/\(layer.size)")],
                .exactly(Data(layer.bytes.dropFirst(7)))))
        Row(
            "dockerd.mirror", "dockerd pulls through a mirror: `library/` comes from it",
            ["dialogue-dockerd", "trap-30"],
            given: Given.parts(of: "library/{repo}")
                + Given.manifest(Dialogues.docker, at: "latest", in: "library/{repo}"),
            Request("GET", "/v2/library/{repo}/manifests/latest?ns=docker.io", manifestTypes + [agent]).gives(
                200, [:], .content(Dialogues.docker)))
    }
}
