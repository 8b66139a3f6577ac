import Foundation

/// What refers to a manifest.
enum ReferrerRows {
    private static let subject = Content.image("subject")
    private static let path = "/v2/{repo}/referrers/\(subject.sha256)"
    private static let signature = Content.image(
        "signature", subject: subject.descriptor(), artifactType: "application/vnd.example.signature")
    private static let plain = Content.image("plain", subject: subject.descriptor())
    private static let index = Content.index([], subject: subject.descriptor())
    private static let typedIndex = Content.index(
        [], subject: subject.descriptor(), artifactType: "application/vnd.example.set")
    private static let oci: KeyValuePairs<String, HeaderRule> = [
        "Content-Type": .exactly(MediaTypes.index), "OCI-Filters-Applied": .absent, "Link": .absent,
    ]
    private static let given = Given.image(subject, tag: "subject")

    /// The descriptor that a referrer must have in the list.
    private static func entry(_ manifest: Content, type: String?, note: String?, of: String? = nil) -> String {
        let artifact = type.map { #","artifactType":"\#($0)""# } ?? ""
        let notes = note.map { #","annotations":{"org.example.note":"\#($0)"}"# } ?? ""
        let ofs = of.map { #","annotations":{"org.example.of":"\#($0)"}"# } ?? ""
        return manifest.descriptor(artifact + notes + ofs)
    }

    private static func list(_ entries: String...) -> BodyRule {
        .json(
            #"{"schemaVersion":2,"mediaType":"\#(MediaTypes.index)","manifests":[\#(entries.joined(separator: ","))]}"#)
    }

    private static let signatureEntry = entry(signature, type: "application/vnd.example.signature", note: "signature")

    @RowsBuilder static var all: [Row] {
        Row(
            "referrers.one", "A referrer with its artifact type and annotations, in an index",
            [
                "referrers", "referrers-body", "referrers-type", "referrers-artifact", "referrers-annotations",
                "new-referrers", "route-referrers", "trap-21",
            ],
            given: given,
            put("/v2/{repo}/manifests/\(signature.sha256)", signature).gives(
                201, ["OCI-Subject": .exactly(subject.sha256), "Docker-Content-Digest": .exactly(signature.sha256)]),
            get(path).gives(200, oci, list(signatureEntry)))
        Row(
            "referrers.config", "Without an artifact type it has its config's", ["referrers-config"],
            given: given + Given.manifest(plain, at: plain.sha256),
            get(path).gives(200, oci, list(entry(plain, type: MediaTypes.config, note: "plain"))))
        Row(
            "referrers.index", "An index without an artifact type is listed without",
            ["referrers-index", "referrers-annotations"],
            given: given + Given.manifest(index, at: index.sha256),
            get(path).gives(200, oci, list(entry(index, type: nil, note: nil, of: "index"))))
        Row(
            "referrers.index.typed", "and one with it with it", ["referrers-artifact"],
            given: given + Given.manifest(typedIndex, at: typedIndex.sha256),
            get(path).gives(
                200, oci, list(entry(typedIndex, type: "application/vnd.example.set", note: nil, of: "index"))))
        Row(
            "referrers.tagged", "One that was pushed by tag is one too", ["new-referrers"],
            given: given + Given.manifest(signature, at: "signature"), get(path).gives(200, oci, list(signatureEntry)))
        Row(
            "referrers.none", "No referrers, an unknown digest and an unknown repository are empty lists",
            ["referrers-none", "referrers-404", "referrers-type", "trap-21"], given: given,
            get(path).gives(200, oci, list()),
            get("/v2/{repo}/referrers/\(Content.zero)").gives(200, oci, list()),
            get("/v2/{other}/referrers/\(Content.zero)").gives(200, oci, list()))
        Row(
            "referrers.bad", "A digest that is none is 400",
            ["referrers-400", "route-referrers", "code-DIGEST_INVALID"],
            get("/v2/{repo}/referrers/sha256:abc").gives(400, [:], .error("DIGEST_INVALID")),
            get("/v2/{repo}/referrers/latest").gives(400, [:], .error("DIGEST_INVALID")),
            get("/v2/UPPER/referrers/\(Content.zero)").gives(400, [:], .error("NAME_INVALID")))
        Row(
            "referrers.filter", "A filter by artifact type, and what it leaves",
            ["filter", "filter-applied", "route-referrers", "header-oci-filters"],
            given: given + Given.manifest(signature, at: signature.sha256) + Given.manifest(plain, at: plain.sha256),
            get(path + "?artifactType=application/vnd.example.signature").gives(
                200, ["Content-Type": .exactly(MediaTypes.index), "OCI-Filters-Applied": "artifactType"],
                list(signatureEntry)),
            get(path + "?artifactType=application%2Fvnd.oci.image.config.v1%2Bjson").gives(
                200, ["OCI-Filters-Applied": "artifactType"], list(entry(plain, type: MediaTypes.config, note: "plain"))
            ),
            get(path + "?artifactType=application/vnd.nothing").gives(
                200, ["OCI-Filters-Applied": "artifactType"], list()))
        Row(
            "referrers.missing-subject", "The subject need not be there, neither before nor after",
            ["subject-first", "referrers"],
            given: Given.parts() + Given.manifest(signature, at: signature.sha256),
            get(path).gives(200, oci, list(signatureEntry)), put("/v2/{repo}/manifests/later", subject).gives(201),
            get(path).gives(200, oci, list(signatureEntry)))
        Row(
            "referrers.delete", "A referrer that is deleted is gone from the list",
            ["referrers", "delete-manifest-gone"],
            given: given + Given.manifest(signature, at: signature.sha256),
            delete("/v2/{repo}/manifests/\(signature.sha256)").gives(202), get(path).gives(200, oci, list()))
        Row(
            "referrers.other", "Those of another repository are not listed", ["referrers-body"],
            given: given + Given.image(subject, tag: "s", in: "{other}")
                + Given.manifest(signature, at: signature.sha256, in: "{other}"),
            get(path).gives(200, oci, list()))
        Row(
            "referrers.fallback", "What a fallback tag lists too is listed once", ["trap-22", "trap-35"],
            given: given + Given.manifest(signature, at: signature.sha256)
                + Given.manifest(.index([signatureEntry]), at: fallback),
            get(path).gives(200, oci, list(signatureEntry)))
        Row(
            "referrers.pages", "What is more than four megabytes together comes in pages, by Links to the end",
            ["referrers-pages", "referrers-link"],
            given: given + huge.flatMap { Given.manifest($0, at: $0.sha256) },
            get(path).gives(
                200, ["Content-Type": .exactly(MediaTypes.index), "Link": .like("<[^>]+>; rel=\"next\"")],
                list(entry(huge[0], type: MediaTypes.config, note: notes[huge[0].sha256]))),
            get("{next}").gives(200, oci, list(entry(huge[1], type: MediaTypes.config, note: notes[huge[1].sha256]))))
        Row(
            "referrers.sha512", "A subject named by its SHA-512", ["referrers", "oci-subject"],
            given: Given.parts() + Given.manifest(subject, at: subject.sha512),
            put("/v2/{repo}/manifests/signature", signature512).gives(201, ["OCI-Subject": .exactly(subject.sha512)]),
            get("/v2/{repo}/referrers/\(subject.sha512)").gives(
                200, oci, list(entry(signature512, type: MediaTypes.config, note: "signature512"))))
        Row(
            "referrers.post", "Only reading is possible", ["route-referrers", "route-methods"],
            post(path).gives(405, ["Allow": .list(["GET", "HEAD"])], .error("UNSUPPORTED")),
            head(path).gives(200, [:], .empty))
    }

    /// Two referrers whose annotations alone are five megabytes, in the order of the list.
    private static let huge = hugeNotes.map { Content.image($0, subject: subject.descriptor()) }
        .sorted { $0.sha256 < $1.sha256 }
    private static let hugeNotes = ["a", "b"].map { String(repeating: $0, count: 2_500_000) }
    /// By the digest of the manifest that has it.
    private static let notes = Dictionary(
        uniqueKeysWithValues: hugeNotes.map { (Content.image($0, subject: subject.descriptor()).sha256, $0) })
    private static let signature512 = Content.image("signature512", subject: subject.descriptor(digest: subject.sha512))
    private static let fallback = subject.sha256.replacing(":", with: "-")
}
