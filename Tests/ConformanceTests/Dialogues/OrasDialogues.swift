import Foundation

/// oras-go (oras, Helm, notation), and the signatures of cosign.
enum OrasDialogues {
    private static let layer = Content.layer
    private static let image = Dialogues.image
    private static let agent = ("User-Agent", "oras-go")
    private static let fallback = image.sha256.replacing(":", with: "-")
    private static let signature = Content.image(
        "signed", subject: image.descriptor(), artifactType: "application/vnd.cncf.notary.signature")
    private static let entry = signature.descriptor(#","artifactType":"application/vnd.cncf.notary.signature""#)
    private static let first = Content.index([entry])
    private static let second = Content.index([])

    /// HEAD, POST that must be 202, and one PUT that must be 201.
    private static func upload(_ blob: Content) -> [Exchange] {
        [
            head("/v2/{repo}/blobs/\(blob.sha256)", agent).gives(404),
            post("/v2/{repo}/blobs/uploads/", agent).gives(202, ["Location": .session]),
            Request(
                "PUT", "{location}&digest=\(Dialogues.escaped(blob.sha256))",
                [("Content-Type", MediaTypes.octets), agent],
                .bytes(blob.bytes)
            ).gives(201, ["Docker-Content-Digest": .exactly(blob.sha256)]),
        ]
    }

    private static func manifest(
        _ content: Content, at reference: String, _ headers: KeyValuePairs<String, HeaderRule> = [:]
    ) -> Exchange {
        Request(
            "PUT", "/v2/{repo}/manifests/\(reference)", [("Content-Type", content.type), agent], .bytes(content.bytes)
        )
        .gives(201, headers)
    }

    @RowsBuilder static var all: [Row] {
        Row(
            "oras.push", "oras pushes an artifact", ["dialogue-oras", "trap-3", "trap-8"],
            steps: upload(layer) + upload(.config) + [
                head("/v2/{repo}/manifests/\(image.sha256)", ("Accept", MediaTypes.manifest), agent).gives(404),
                manifest(image, at: "v1", ["Docker-Content-Digest": .exactly(image.sha256)]),
                head("/v2/{repo}/manifests/v1", ("Accept", MediaTypes.manifest), agent).gives(
                    200,
                    [
                        "Content-Type": .exactly(MediaTypes.manifest), "Content-Length": .length(image),
                        "Docker-Content-Digest": .exactly(image.sha256),
                    ]),
            ])
        Row(
            "oras.pull", "oras pulls by exactly one type, and parts of blobs", ["dialogue-oras", "trap-14", "trap-15"],
            given: Given.image(image, tag: "v1"),
            get("/v2/{repo}/manifests/v1", ("Accept", MediaTypes.manifest), agent).gives(
                200, ["Content-Type": .exactly(MediaTypes.manifest), "Docker-Content-Digest": .exactly(image.sha256)],
                .content(image)),
            get("/v2/{repo}/blobs/\(layer.sha256)", agent).gives(
                200, ["Content-Length": .length(layer), "Accept-Ranges": "bytes"], .content(layer)),
            get("/v2/{repo}/blobs/\(layer.sha256)", ("Range", "bytes=3-19"), agent).gives(
                206, ["Content-Length": "17"], .exactly(layer.bytes[3...])))
        Row(
            "oras.attach", "oras attaches a signature: the ping, and no fallback tag, as `OCI-Subject` says so",
            ["dialogue-oras", "trap-21", "trap-22"], given: Given.image(image, tag: "v1"),
            get("/v2/{repo}/referrers/\(Content.zero)", agent).gives(
                200, ["Content-Type": .exactly(MediaTypes.index)], .jsonWith(#"{"manifests":[]}"#)),
            manifest(signature, at: signature.sha256, ["OCI-Subject": .exactly(image.sha256)]),
            get(
                "/v2/{repo}/referrers/\(image.sha256)?artifactType=application%2Fvnd.cncf.notary.signature",
                ("Accept", MediaTypes.index), agent
            )
            .gives(200, ["Content-Type": .exactly(MediaTypes.index), "OCI-Filters-Applied": "artifactType"]),
            get("/v2/{repo}/manifests/\(fallback)", ("Accept", MediaTypes.index), agent).gives(404))
        Row(
            "oras.fallback", "An older oras keeps a fallback tag up: a new index, and the old one deleted by digest",
            ["dialogue-oras", "trap-35"],
            given: Given.image(image, tag: "v1") + Given.manifest(signature, at: signature.sha256),
            get("/v2/{repo}/manifests/\(fallback)", ("Accept", MediaTypes.index), agent).gives(404),
            manifest(first, at: fallback),
            get("/v2/{repo}/manifests/\(fallback)", ("Accept", MediaTypes.index), agent).gives(
                200, ["Content-Type": .exactly(MediaTypes.index)], .content(first)),
            manifest(second, at: fallback),
            Request("DELETE", "/v2/{repo}/manifests/\(first.sha256)", [agent]).gives(202),
            get("/v2/{repo}/manifests/\(fallback)", ("Accept", MediaTypes.index), agent).gives(
                200, [:], .content(second)))
        Row(
            "helm.push", "Helm pushes a chart with a config of its own and an empty list of nothing else",
            ["dialogue-oras", "trap-25"],
            given: Given.parts(), manifest(chart, at: "1.2.3"),
            get("/v2/{repo}/tags/list", agent).gives(200, [:], .jsonWith(#"{"tags":["1.2.3"]}"#)),
            get("/v2/{repo}/manifests/1.2.3", ("Accept", MediaTypes.manifest), agent).gives(200, [:], .content(chart)))
        Row(
            "cosign.sign", "cosign keeps signatures under a tag that names the digest", ["dialogue-cosign", "trap-25"],
            given: Given.image(image, tag: "v1"),
            head("/v2/{repo}/manifests/v1").gives(200, ["Docker-Content-Digest": .exactly(image.sha256)]),
            get("/v2/{repo}/manifests/\(fallback).sig", ("Accept", MediaTypes.manifest)).gives(404),
            put("/v2/{repo}/manifests/\(fallback).sig", .image("a signature")).gives(201),
            get("/v2/{repo}/manifests/\(fallback).sig", ("Accept", MediaTypes.manifest)).gives(
                200, [:], .content(.image("a signature"))),
            get("/v2/{repo}/referrers/\(image.sha256)").gives(200))
    }

    private static let chart = Content.image(
        layers: [Content(Content.layer.bytes, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")],
        config: Content(Content.config.bytes, "application/vnd.cncf.helm.config.v1+json"))
}
