/// What real clients depend on and newcomers get wrong, by number.
enum TrapRequirements {
    static let all: [Requirement] = texts.enumerated().map { index, text in
        Requirement("trap-\(index + 1)", "Traps", .must, text, without: pending[index + 1])
    }

    /// Traps that are about what does not exist yet.
    private static let pending: [Int: String] = [
        17:
            "redirects come with the drivers that can sign URLs; `Tests/RegistryHTTPTests/BlobHandlerTests.swift` shows the 307 itself"
    ]

    private static let texts = [
        "Locations keep the client's scheme and host",
        "Locations have a query, to which clients add by parsing or by `&`; each answer's Location replaces the last",
        "`Docker-Content-Digest` on every 201, in the client's algorithm",
        "`Range: 0-N` of an upload: no unit, inclusive, also when empty",
        "PATCH without `Content-Range` or length appends",
        "POST and PUT without a PATCH; an empty PUT; a useless range on it",
        "content types of uploads mean nothing; no body is a form",
        "exact codes: 202, 202, 201, 202, 204, 204, 200",
        "a mount that cannot be is 202 with an upload that works",
        "the upload that a failed mount leaves can be cancelled",
        "HEAD has the real length; of manifests digest and type",
        "HEAD is 200 or 404, never from what was true before",
        "a digest of the other kind is a clean 404",
        "`Accept` as list, `*/*` or one type; the answer's type without parameters",
        "open ranges, many at once, closed by the client in the middle",
        "nothing is ever encoded",
        "redirects are 307 for GET and HEAD",
        "an early refusal does not wait for the whole body",
        "a failed PUT or a lost connection leaves the upload where it was",
        "the envelope on every error; the connection is not reset",
        "referrers: 200 with the exact type; the all-zero digest is an empty index",
        "`OCI-Subject` only with a working API; fallback tags are merged",
        "deletion of a tag is 202, or 405 with what clients try next",
        "tags are an array; Links advance to an end; nothing is cut without `n`",
        "manifests byte for byte up to four megabytes; everything legal is taken",
        "sparse indexes as configured; children stay when tags move",
        "the same digest or tag from many clients at once",
        "layers that may not be distributed need not be pushed",
        "unknown parameters are ignored",
        "names stay as clients give them",
        "a slow body has all the time it needs as long as bytes come",
        "tags are case-sensitive",
        "an upload can be cancelled by its path alone",
        "HEAD of lists is 200",
        "fallback tags can be kept up: a new index by tag, the old one deleted by digest",
        "unknown paths are 404 in the envelope",
    ]
}
