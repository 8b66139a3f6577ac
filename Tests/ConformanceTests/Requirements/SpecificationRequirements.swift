/// What the OCI Distribution Spec asks of a registry: 1.1 and the development text after it. Where the later text is
/// stricter, it counts.
enum SpecificationRequirements {
    static let general: [Requirement] = [
        .init("categories", "Requirements", .must, "all of Pull is there"),
        .init("categories-more", "Requirements", .should, "Push, Content Discovery and Content Management as well"),
        .init(
            "whole-category", "Requirements", .must, "a category that is there is there as a whole",
            without: "no single row can; it is what all requirements of the sections below say together"),
        .init("base", "Determining Support", .must, "`GET /v2/` is 200"),
        .init("http", "API", .should, "what the text leaves open follows RFC 9110: methods, conditions, HEAD, types"),
    ]

    static let pull: [Requirement] = [
        .init("reference", "Pulling manifests", .must, "a reference is a digest or a tag and nothing else"),
        .init("name", "Pulling manifests", .must, "names of repositories follow the grammar"),
        .init("tag", "Pulling manifests", .must, "tags follow the grammar and have at most 128 characters"),
        .init("type-plain", "Pulling manifests", .should, "the type of a manifest comes without parameters"),
        .init("type-as-pushed", "Pulling manifests", .should, "a manifest comes with the type it was pushed with"),
        .init("get-manifest", "Pulling manifests", .must, "a manifest that is there is 200 with its bytes"),
        .init("get-manifest-digest", "Pulling manifests", .must, "its digest is in `Docker-Content-Digest`"),
        .init("get-manifest-404", "Pulling manifests", .must, "one that the repository does not have is 404"),
        .init("get-blob", "Pulling blobs", .must, "a blob that is there is 200 with its bytes"),
        .init("get-blob-digest", "Pulling blobs", .must, "its digest is in `Docker-Content-Digest`"),
        .init("get-blob-digest-fits", "Pulling blobs", .must, "that digest fits the body"),
        .init("get-blob-404", "Pulling blobs", .must, "one that the repository does not have is 404"),
        .init("range", "Pulling blobs", .should, "`Range` as in RFC 9110, section 14"),
        .init("head", "Checking if content exists", .must, "HEAD of what is there is 200"),
        .init("head-digest", "Checking if content exists", .must, "with the digest in `Docker-Content-Digest`"),
        .init("head-length", "Checking if content exists", .must, "and the size in `Content-Length`"),
        .init("head-404", "Checking if content exists", .must, "HEAD of what is not there is 404"),
    ]

    static let pushBlobs: [Requirement] = [
        .init("bad-digest", "Pushing blobs", .should, "a digest that is none, or of an unknown algorithm, is 400"),
        .init("post", "POST then PUT", .must, "an upload begins with 202 and a `Location`"),
        .init("post-id", "POST then PUT", .must, "which holds an id that no other upload has"),
        .init(
            "put", "POST then PUT", .must, "the end is 201 with the `Location` of the blob, from where it can be had"),
        .init("single-post", "Single POST", .must, "a blob in one POST is 201 with its `Location`"),
        .init(
            "single-post-fits", "Single POST", .must, "length and digest must fit the content; what does not is refused"
        ),
        .init(
            "single-post-202", "Single POST", .should, "a registry without it answers 202",
            without: "blobs in one POST are supported"),
        .init("post-empty", "Pushing a blob in chunks", .must, "a chunked upload begins with `Content-Length: 0`"),
        .init("digest-algorithm", "Pushing a blob in chunks", .should, "`digest-algorithm=` tells the digest to come"),
        .init(
            "chunk-minimum", "Pushing a blob in chunks", .should, "a least size of chunks is announced",
            without: "chunks may have any size, so there is nothing to announce"),
        .init("chunk-range", "Pushing a blob in chunks", .must, "`Content-Range` is two numbers, inclusive, from 0"),
        .init("patch", "Pushing a blob in chunks", .must, "a chunk is answered 202 with `Location` and `Range`"),
        .init("chunk-order", "Pushing a blob in chunks", .must, "a chunk out of order is 416"),
        .init("close", "Pushing a blob in chunks", .must, "a session ends with a PUT"),
        .init("close-digest", "Pushing a blob in chunks", .must, "which has the digest of the whole blob"),
        .init("close-201", "Pushing a blob in chunks", .must, "and is 201 with the `Location` of the blob"),
        .init("close-order", "Pushing a blob in chunks", .must, "a last chunk out of order is 416"),
        .init("status", "Pushing a blob in chunks", .must, "GET of an upload is 204 with `Location` and `Range`"),
        .init("cancel", "Cancel a blob upload", .should, "DELETE of an upload is 204"),
        .init(
            "upload-timeout", "Cancel a blob upload", .should, "unfinished uploads end by themselves some day",
            without:
                "it takes time; `Tests/EndToEndTests/LeftoverTests.swift` shows `storage.maintenance.uploadpurging`"),
        .init("mount", "Mounting a blob", .must, "a mount is 201 with the `Location` of the blob"),
        .init("mount-202", "Mounting a blob", .should, "a mount that cannot be is 202 with an upload"),
        .init("mount-anywhere", "Mounting a blob", .may, "without `from` the registry may look for the blob itself"),
    ]

    static let pushManifests: [Requirement] = [
        .init("subject-first", "Push", .must, "a manifest may come before its subject"),
        .init("blob-unknown", "Push", .must, "what is refused for a missing reference says MANIFEST_BLOB_UNKNOWN"),
        .init("type-parameters", "Pushing Manifests", .should, "parameters of `Content-Type` are ignored"),
        .init("no-blobs", "Pushing Manifests", .may, "a manifest may refer to no blobs"),
        .init("bytes", "Pushing Manifests", .must, "a manifest is kept byte for byte"),
        .init(
            "put-manifest", "Pushing Manifests", .must, "it is answered 201 with a `Location` from where it can be had"),
        .init(
            "put-manifest-digest", "Pushing Manifests", .must,
            "`Docker-Content-Digest` is the digest that the client gave"),
        .init("ten-tags", "Pushing Manifests", .should, "by digest with `tag=`, ten times at least"),
        .init("oci-tag", "Pushing Manifests", .must, "each tag that was set is in `OCI-Tag`"),
        .init("no-repository", "Pushing Manifests", .must, "a pull from a repository that does not exist is 404"),
        .init("manifest-limit", "Pushing Manifests", .should, "the size of manifests has a limit"),
        .init("manifest-413", "Pushing Manifests", .should, "above which the answer is 413"),
        .init("four-megabytes", "Pushing Manifests", .should, "four megabytes are below it"),
        .init(
            "oci-subject", "Pushing Manifests with Subject", .must,
            "a manifest with a subject is answered with `OCI-Subject`"),
    ]

    static let discovery: [Requirement] = [
        .init("tags", "Listing Tags", .must, "the tags of a repository are 200"),
        .init("tags-order", "Listing Tags", .must, "in the order of their bytes"),
        .init("tags-body", "Listing Tags", .must, "as an object of `name` and `tags`"),
        .init("tags-n", "Listing Tags", .must, "`n` gives so many, fewer only at the end or with a `Link`"),
        .init("tags-link", "Listing Tags", .must, "`Link` has the form of RFC 5988 with `rel=\"next\"`"),
        .init("tags-zero", "Listing Tags", .must, "`n=0` is an empty list without `Link`"),
        .init("tags-last", "Listing Tags", .must, "`last` begins behind that tag, in the same order"),
        .init("referrers", "Listing Referrers", .must, "the referrers of a digest are 200"),
        .init("referrers-404", "Listing Referrers", .must, "and never 404"),
        .init("referrers-400", "Listing Referrers", .must, "a digest that is none is 400"),
        .init("referrers-body", "Listing Referrers", .must, "the body is an image index of descriptors"),
        .init("referrers-type", "Listing Referrers", .must, "and has its type"),
        .init("referrers-artifact", "Listing Referrers", .must, "a descriptor has the `artifactType` of its manifest"),
        .init("referrers-config", "Listing Referrers", .must, "or, where that is missing, the type of its config"),
        .init("referrers-index", "Listing Referrers", .must, "an index without `artifactType` is listed without"),
        .init("referrers-annotations", "Listing Referrers", .must, "a descriptor has the annotations of its manifest"),
        .init("referrers-none", "Listing Referrers", .must, "no referrers are an empty list"),
        .init("referrers-pages", "Listing Referrers", .must, "what one answer cannot hold goes on by `Link`"),
        .init("referrers-link", "Listing Referrers", .must, "in the form of RFC 5988 with `rel=\"next\"`"),
        .init("filter", "Listing Referrers", .should, "`artifactType=` filters"),
        .init("filter-applied", "Listing Referrers", .must, "and is told by `OCI-Filters-Applied: artifactType`"),
        .init(
            "filters-applied", "Listing Referrers", .must, "several filters are told as a list",
            without: "there is one filter"),
    ]

    static let management: [Requirement] = [
        .init("delete-tag", "Deleting tags", .must, "a tag is deleted with 202"),
        .init("delete-tag-off", "Deleting tags", .must, "and 400 or 405 where that is disabled"),
        .init("delete-manifest", "Deleting Manifests", .must, "a manifest is deleted with 202"),
        .init("delete-manifest-404", "Deleting Manifests", .must, "and 404 where there is no such repository"),
        .init("delete-manifest-off", "Deleting Manifests", .must, "and 400 or 405 where that is disabled"),
        .init("delete-manifest-gone", "Deleting Manifests", .must, "then it is gone by digest and by every tag"),
        .init("delete-blob", "Deleting Blobs", .must, "a blob is deleted with 202"),
        .init("delete-blob-404", "Deleting Blobs", .must, "and 404 where there is none"),
        .init("delete-blob-off", "Deleting Blobs", .must, "and 400 or 405 where that is disabled"),
    ]

    static let rest: [Requirement] = [
        .init("ns", "Registry Proxying", .may, "`ns=` may be ignored"),
        .init(
            "oci-namespace", "Registry Proxying", .should, "who uses `ns=` says so in `OCI-Namespace`",
            without: "`ns=` is not used"),
        .init(
            "fallback-tags", "Enabling the Referrers API", .must, "what fallback tags list is among the referrers",
            without:
                "a client of this registry cannot push a referrer that is not listed anyway; "
                + "`Tests/EndToEndTests/ReferrerHandOverTests.swift` does it in a root that Distribution wrote"),
        .init("new-referrers", "Enabling the Referrers API", .must, "and so is whatever is pushed from now on"),
        .init("error-json", "Error Codes", .must, "errors in JSON have the form of the envelope"),
        .init("error-code", "Error Codes", .must, "codes are capitals and underscores"),
        .init(
            "error-code-list", "Error Codes", .must,
            "codes are those of the list; Distribution's own (`RANGE_INVALID`, `TAG_INVALID`, `UNKNOWN`, `UNAVAILABLE`, "
                + "`PAGINATION_NUMBER_INVALID`), which its clients know, are kept where the list has none that fits"),
        .init("error-message", "Error Codes", .should, "messages are for people"),
        .init(
            "retry-after", "Error Codes", .should, "429 has `Retry-After`",
            without:
                "a client cannot bring it about; `Tests/RegistryHTTPTests/ErrorTests.swift` does it with a storage "
                + "that throttles"),
        .init(
            "warnings", "Warnings", .must, "`Warning` has code 299, agent `-` and no date",
            without: "the registry sends no `Warning`; every answer to a row is checked, should one appear"),
        .init(
            "warnings-size", "Warnings", .must, "4096 bytes of them at most",
            without: "the registry sends no `Warning`; every answer to a row is checked, should one appear"),
    ]
}
