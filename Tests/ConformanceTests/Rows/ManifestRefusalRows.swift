import Foundation

/// Manifests that are refused.
enum ManifestRefusalRows {
    private static let image = Content.image()
    private static let path = "/v2/{repo}/manifests/"

    @RowsBuilder static var all: [Row] {
        Row(
            "refuse.missing-layer", "A missing layer, named", ["blob-unknown", "code-MANIFEST_BLOB_UNKNOWN"],
            given: Given.blob(.config),
            put(path + "v1", image).gives(
                400, [:], .error("MANIFEST_BLOB_UNKNOWN", detail: "\"\(Content.layer.sha256)\"")),
            get(path + "v1").gives(404), get(path + image.sha256).gives(404))
        Row(
            "refuse.missing-all", "One error for each missing blob", ["blob-unknown", "code-MANIFEST_BLOB_UNKNOWN"],
            put(path + "v1", image).gives(400, [:], .errors(["MANIFEST_BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN"])))
        Row(
            "refuse.elsewhere", "A blob of another repository is missing here", ["blob-unknown"],
            given: Given.parts(of: "{other}"),
            put(path + "v1", image).gives(400, [:], .errors(["MANIFEST_BLOB_UNKNOWN", "MANIFEST_BLOB_UNKNOWN"])))
        Row(
            "refuse.missing-child", "A missing child of an index", ["blob-unknown", "trap-26"],
            put(path + "v1", .index([image.descriptor()])).gives(
                400, [:], .error("MANIFEST_BLOB_UNKNOWN", detail: "\"\(image.sha256)\"")))
        Row(
            "refuse.digest", "A body of another digest", ["code-DIGEST_INVALID"], given: Given.parts(),
            put(path + Content.zero, image).gives(400, [:], .error("DIGEST_INVALID")),
            put(path + Content.image("other").sha512, image).gives(400, [:], .error("DIGEST_INVALID")))
        for (number, digest) in UploadRows.badDigests.filter({ $0.contains(":") }).enumerated() {
            Row(
                "refuse.bad-digest-\(number + 1)", "`\(digest.prefix(24))` is no digest, reading or writing",
                ["reference", "code-DIGEST_INVALID", "better-400"], given: Given.parts(),
                put(path + digest, image).gives(400, [:], .error("DIGEST_INVALID")),
                get(path + digest).gives(400, [:], .error("DIGEST_INVALID")),
                delete(path + digest).gives(400, [:], .error("DIGEST_INVALID")))
        }
        for (number, tag) in [".a", "-a", "a%20b", "a+b", String(repeating: "a", count: 129)].enumerated() {
            Row(
                "refuse.tag-\(number + 1)", "`\(tag.prefix(8))` is no tag: refused when written, 404 when read",
                ["tag", "reference", "code-TAG_INVALID", "code-MANIFEST_UNKNOWN"], given: Given.parts(),
                put(path + tag, image).gives(400, [:], .error("TAG_INVALID")),
                get(path + tag).gives(404, [:], .error("MANIFEST_UNKNOWN")), head(path + tag).gives(404))
        }
        for (number, tag) in ["_manifests", "latest.", "A.b-c_D", "0", String(repeating: "a", count: 128)].enumerated()
        {
            Row(
                "accept.tag-\(number + 1)", "`\(tag.prefix(12))` is a tag", ["tag", "route-ambiguous"],
                given: Given.parts(),
                put(path + tag, image).gives(201), get(path + tag).gives(200, [:], .content(image)))
        }
        for (number, (type, body)) in invalid.enumerated() {
            Row(
                "refuse.invalid-\(number + 1)", "No manifest: `\(body.prefix(50))` as `\(type.suffix(24))`",
                ["code-MANIFEST_INVALID", "types"], given: Given.parts(),
                put(path + "v1", ("Content-Type", type), body: body).gives(400, [:], .error("MANIFEST_INVALID")),
                get(path + "v1").gives(404))
        }
        Row(
            "accept.urls", "A layer with a URL, where the configuration has no rules for URLs", ["foreign"],
            given: Given.parts(), put(path + "v1", foreign("https://example.com/x")).gives(201))
        for (number, url) in ["https://example.org/x", "ftp://example.com/x", "https://example.com/x#y"].enumerated() {
            Row(
                "refuse.url-\(number + 1)", "`\(url)` where only `https://example.com/` is allowed",
                ["foreign", "trap-28", "code-MANIFEST_INVALID", "better-400"],
                given: Given.parts(), server: .sparse,
                put(path + "v1", foreign(url)).gives(400, [:], .error("MANIFEST_INVALID")),
                put(path + "v1", foreign("https://example.com/x")).gives(201))
        }
        Row(
            "refuse.no-type", "Without a content type", ["code-MANIFEST_INVALID"], given: Given.parts(),
            put(path + "v1", body: image.text).gives(400, [:], .error("MANIFEST_INVALID")))
        Row(
            "refuse.schema1", "Schema 1 is refused with a reason", ["types", "code-MANIFEST_INVALID"],
            given: Given.parts(),
            put(path + "v1", ("Content-Type", MediaTypes.schema1), body: #"{"schemaVersion":1,"name":"a","tag":"b"}"#)
                .gives(
                    400, [:], .like(".*\"MANIFEST_INVALID\".*schema.*\\n?")))
        Row(
            "refuse.large", "More than four megabytes are 413",
            ["manifest-limit", "manifest-413", "better-413", "code-MANIFEST_INVALID"],
            given: Given.parts(), put(path + "v1", tooLarge).gives(413, [:], .error("MANIFEST_INVALID")),
            get(path + "v1").gives(404))
        Row(
            "refuse.large.stream", "also when their length is not told", ["manifest-413"], given: Given.parts(),
            Request("PUT", path + "v1", [("Content-Type", MediaTypes.manifest)], .stream([tooLarge.bytes])).gives(
                413, [:], .error("MANIFEST_INVALID")))
    }

    private static func foreign(_ url: String) -> Content {
        .docker(layers: [Content.missing.descriptor(type: MediaTypes.dockerForeign, #","urls":["\#(url)"]"#)])
    }

    private static let tooLarge = Content.image(ofSize: 4 * 1024 * 1024 + 1)
    private static let invalid = [
        (MediaTypes.manifest, "not JSON"), (MediaTypes.manifest, ""), (MediaTypes.manifest, "[]"),
        (MediaTypes.manifest, "{}"), (MediaTypes.manifest, image.text + "x"),
        ("application/json", image.text), ("text/plain", image.text), ("application/vnd.example", image.text),
        (MediaTypes.index, image.text), (MediaTypes.manifest, Content.index([]).text),
        (MediaTypes.dockerManifest, image.text), (MediaTypes.manifest, Content.docker().text),
        (MediaTypes.dockerManifest, Content.image(mediaType: false).text),
        (MediaTypes.manifest, image.text.replacing("\"schemaVersion\":2", with: "\"schemaVersion\":1")),
        (MediaTypes.manifest, image.text.replacing("sha256:", with: "sha256:x")),
        (MediaTypes.manifest, String(repeating: "[", count: 10_000)),
    ]
}
