import Foundation

/// go-containerregistry (crane, ko, kaniko), containers/image (podman, skopeo, buildah) and regclient (regctl, regsync).
enum LibraryDialogues {
    private static let layer = Content.layer
    private static let digits = Content.digits
    private static let image = Dialogues.image
    private static let crane = ("User-Agent", "crane/0.20.2 go-containerregistry/0.20.2")
    private static let podman = ("User-Agent", "containers/5.32.2 (github.com/containers/image)")
    private static let regctl = ("User-Agent", "regclient/regctl (v0.7.2)")
    private static let start = "/v2/{repo}/blobs/uploads/"

    /// HEAD, POST as JSON, one PATCH with its length, an empty PUT that must be 201.
    private static func craneUpload(_ blob: Content, query: String = "") -> [Exchange] {
        [
            head("/v2/{repo}/blobs/\(blob.sha256)", crane).gives(404),
            post(start + query, ("Content-Type", "application/json"), crane).gives(202, ["Location": .session]),
            Request("PATCH", "{location}", [crane], .bytes(blob.bytes)).gives(202, ["Location": .session]),
            Request("PUT", "{location}&digest=\(Dialogues.escaped(blob.sha256))", [crane], .bytes(Data())).gives(201),
        ]
    }

    /// HEAD, POST, one PATCH as a stream, an empty PUT that must be 201.
    private static func podmanUpload(_ blob: Content) -> [Exchange] {
        [
            head("/v2/{repo}/blobs/\(blob.sha256)", podman).gives(404),
            post(start, podman).gives(202, ["Location": .session]),
            Request("PATCH", "{location}", [("Content-Type", MediaTypes.octets), podman], .stream([blob.bytes])).gives(
                202),
            Request(
                "PUT", "{location}&digest=\(Dialogues.escaped(blob.sha256))",
                [("Content-Type", MediaTypes.octets), podman],
                .bytes(Data())
            ).gives(201),
        ]
    }

    @RowsBuilder static var all: [Row] {
        Row(
            "crane.push", "crane pushes an image", ["dialogue-crane", "trap-5", "trap-7", "trap-8"],
            steps: [get("/v2/", crane).gives(200)]
                + craneUpload(
                    layer, query: "?mount=\(Dialogues.escaped(layer.sha256))&from={other}&origin=index.docker.io")
                + craneUpload(.config) + [
                    head("/v2/{repo}/manifests/1", crane).gives(404),
                    Request(
                        "PUT", "/v2/{repo}/manifests/1", [("Content-Type", MediaTypes.manifest), crane],
                        .bytes(image.bytes)
                    )
                    .gives(201),
                ])
        Row(
            "crane.pull", "crane pulls, and asks for referrers", ["dialogue-crane", "trap-14", "trap-21"],
            given: Given.image(image, tag: "1"), get("/v2/", crane).gives(200),
            get(
                "/v2/{repo}/manifests/1", ("Accept", [MediaTypes.index, MediaTypes.manifest].joined(separator: ",")),
                crane
            ).gives(
                200, ["Content-Type": .exactly(MediaTypes.manifest)], .content(image)),
            get("/v2/{repo}/blobs/\(layer.sha256)", crane).gives(200, [:], .content(layer)),
            get("/v2/{repo}/referrers/\(image.sha256)", ("Accept", MediaTypes.index), crane).gives(
                200, ["Content-Type": .exactly(MediaTypes.index)]),
            get("/v2/{repo}/tags/list?n=1000", crane).gives(200, [:], .jsonWith(#"{"tags":["1"]}"#)),
            get("/v2/_catalog?n=100&last=", crane).gives(200))
        Row(
            "podman.push", "podman pushes an image", ["dialogue-podman", "trap-5", "trap-8"],
            steps: [get("/v2/", podman).gives(200)] + podmanUpload(layer) + podmanUpload(.config) + [
                Request(
                    "PUT", "/v2/{repo}/manifests/1", [("Content-Type", MediaTypes.manifest), podman],
                    .bytes(image.bytes)
                )
                .gives(201)
            ])
        Row(
            "podman.push.mount", "podman gives up an upload that a mount became", ["dialogue-podman", "trap-10"],
            post(start + "?from={other}&mount=\(Dialogues.escaped(layer.sha256))", podman).gives(
                202, ["Location": .session]),
            Request("DELETE", "{location}", [podman]).gives(204))
        Row(
            "podman.pull", "podman pulls, looks for signatures, lists and deletes", ["dialogue-podman", "trap-14"],
            given: Given.image(image, tag: "1"), get("/v2/", podman).gives(200),
            Request(
                "GET", "/v2/{repo}/manifests/1",
                [
                    MediaTypes.manifest, MediaTypes.dockerManifest, MediaTypes.schema1, MediaTypes.dockerList,
                    MediaTypes.index,
                ].map {
                    ("Accept", $0)
                } + [podman]
            ).gives(200, ["Docker-Content-Digest": .exactly(image.sha256)], .content(image)),
            get("/v2/{repo}/manifests/\(image.sha256.replacing(":", with: "-")).sig", podman).gives(404),
            get("/v2/{repo}/blobs/\(layer.sha256)", podman).gives(
                200, ["Content-Length": .length(layer)], .content(layer)),
            get("/v2/{repo}/tags/list", podman).gives(200, [:], .jsonWith(#"{"tags":["1"]}"#)),
            Request("DELETE", "/v2/{repo}/manifests/\(image.sha256)", [podman]).gives(202),
            get("/v2/{repo}/manifests/1", podman).gives(404))
        Row(
            "regctl.push", "regctl begins with a mount without `from`, and puts into that answer's upload",
            ["dialogue-regctl", "trap-6", "trap-9"],
            post(start + "?mount=\(Dialogues.escaped(Content("only regctl has this").sha256))", regctl).gives(
                202, ["Location": .session]),
            Request(
                "PUT", "{location}&digest=\(Dialogues.escaped(digits.sha256))",
                [("Content-Type", MediaTypes.octets), regctl],
                .bytes(digits.bytes)
            ).gives(201))
        Row(
            "regctl.push.retried", "After a PUT that failed regctl sends chunks from 0 into the same upload",
            ["dialogue-regctl", "trap-19", "trap-6"],
            post(start + "?mount=\(Dialogues.escaped(Content("nor this").sha256))", regctl).gives(202),
            Request(
                "PUT", "{location}&digest=\(Dialogues.escaped(digits.sha256))", [regctl], .bytes(Data("01234".utf8))
            ).gives(
                400, [:], .error("DIGEST_INVALID")),
            Request("PATCH", "{location}", [("Content-Range", "0-4"), regctl], .bytes(Data("01234".utf8))).gives(
                202, ["Range": "0-4"]),
            Request("PATCH", "{location}", [("Content-Range", "5-9"), regctl], .bytes(Data("56789".utf8))).gives(
                202, ["Range": "0-9"]),
            Request(
                "PUT", "{location}&digest=\(Dialogues.escaped(digits.sha256))", [("Content-Range", "10-10"), regctl],
                .bytes(Data())
            ).gives(201))
        Row(
            "regctl.lost", "When it does not know how far a chunk came, it asks, and goes on there",
            ["dialogue-regctl", "trap-4"],
            given: Given.session(),
            Request("PATCH", "{location}", [("Content-Range", "0-4")], .bytes(Data("01234".utf8))).gives(202),
            Request("PATCH", "{location}", [("Content-Range", "0-4"), regctl], .bytes(Data("01234".utf8))).gives(
                416, ["Range": "0-4", "Location": .session]),
            get("{location}", regctl).gives(204, ["Range": "0-4", "Location": .session]),
            Request("PATCH", "{location}", [("Content-Range", "5-9"), regctl], .bytes(Data("56789".utf8))).gives(202),
            put("{location}&digest=\(digits.sha256)").gives(201))
        Row(
            "regctl.tags", "regctl lists and deletes tags", ["dialogue-regctl", "trap-23", "trap-24"],
            given: Given.image(image, tag: "1") + Given.manifest(image, at: "2"),
            get("/v2/{repo}/tags/list", ("Accept", "application/json"), regctl).gives(
                200, [:], .jsonWith(#"{"tags":["1","2"]}"#)),
            Request("DELETE", "/v2/{repo}/manifests/1", [regctl]).gives(202),
            head("/v2/{repo}/manifests/1", regctl).gives(404), head("/v2/{repo}/manifests/2", regctl).gives(200))
        Row(
            "regctl.cancel", "and cancels uploads by their path alone", ["dialogue-regctl", "trap-33"],
            given: Given.session(), Request("DELETE", "{session}", [regctl]).gives(204))
    }
}
