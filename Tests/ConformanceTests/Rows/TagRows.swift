/// The tags of a repository.
enum TagRows {
    private static let path = "/v2/{repo}/tags/list"
    private static let three = Given.image(tag: "b") + tagged("a") + tagged("B")
    private static func tagged(_ tag: String) -> [Exchange] { Given.manifest(.image(), at: tag) }
    private static func list(_ tags: String...) -> BodyRule {
        .json(#"{"name":"{repo}","tags":[\#(tags.map { "\"\($0)\"" }.joined(separator: ","))]}"#)
    }

    @RowsBuilder static var all: [Row] {
        Row(
            "tags.all", "All tags, in the order of their bytes, without Link",
            ["tags", "tags-order", "tags-body", "route-tags", "trap-24"], given: three,
            get(path).gives(200, ["Content-Type": "application/json", "Link": .absent], list("B", "a", "b")))
        Row(
            "tags.head", "HEAD is 200, for probes", ["trap-34", "route-tags", "http"], given: three,
            head(path).gives(200, ["Content-Type": "application/json"], .empty))
        Row(
            "tags.n", "`n` gives so many and a Link to the rest, which leads to the end",
            ["tags-n", "tags-link", "header-link", "trap-24", "route-tags"], given: three,
            get(path + "?n=2").gives(200, ["Link": "</v2/{repo}/tags/list?last=a&n=2>; rel=\"next\""], list("B", "a")),
            get(path + "?last=a&n=2").gives(200, ["Link": .absent], list("b")))
        Row(
            "tags.n-more", "`n` above what there is gives all", ["tags-n"], given: three,
            get(path + "?n=3").gives(200, [:], list("B", "a", "b")),
            get(path + "?n=900").gives(200, ["Link": .absent], list("B", "a", "b")))
        Row(
            "tags.zero", "`n=0` is an empty list without Link", ["tags-zero", "route-tags"], given: three,
            get(path + "?n=0").gives(200, ["Link": .absent], list()))
        Row(
            "tags.last", "`last` begins behind that tag, there or not, with `n` or without", ["tags-last"],
            given: three,
            get(path + "?last=B").gives(200, ["Link": .absent], list("a", "b")),
            get(path + "?last=aa").gives(200, [:], list("b")), get(path + "?last=a&n=1").gives(200, [:], list("b")),
            get(path + "?last=z").gives(200, ["Link": .absent], list()), get(path + "?last=%00%F0").gives(200),
            get(path + "?last=..%2F..").gives(200))
        Row(
            "tags.link.query", "The Link keeps the path, and `last` and `n` alone", ["tags-link", "header-link"],
            given: three,
            get(path + "?x=y&n=1").gives(200, ["Link": "</v2/{repo}/tags/list?last=B&n=1>; rel=\"next\""]))
        Row(
            "tags.clamped", "`n` above `tags.maxtags` is that, and the Link says so",
            ["tags-n", "tags-maximum", "route-tags"],
            given: three + tagged("c"), server: .smallPages,
            get(path + "?n=900").gives(
                200, ["Link": "</v2/{repo}/tags/list?last=b&n=3>; rel=\"next\""], list("B", "a", "b")),
            get(path).gives(200, ["Link": .absent], list("B", "a", "b", "c")))
        for (number, n) in ["x", "-1", "1.5", "99999999999999999999", "%20"].enumerated() {
            Row(
                "tags.bad-n-\(number + 1)", "`n=\(n)` is 400", ["code-PAGINATION_NUMBER_INVALID", "route-tags"],
                given: three,
                get(path + "?n=" + n).gives(400, [:], .error("PAGINATION_NUMBER_INVALID")))
        }
        Row(
            "tags.unknown", "A repository that is none is 404, with its name", ["code-NAME_UNKNOWN", "route-tags"],
            get(path).gives(404, [:], .error("NAME_UNKNOWN", detail: #"{"name":"{repo}"}"#)),
            get(path + "?last=a").gives(404, [:], .error("NAME_UNKNOWN")))
        Row(
            "tags.none", "One whose tags are gone has none, as an array", ["tags-body", "trap-24"],
            given: Given.image(), delete("/v2/{repo}/manifests/v1").gives(202), get(path).gives(200, [:], list()))
        Row(
            "tags.prefixes", "Tags that begin with other tags are all there", ["tags"],
            given: Given.image(tag: "0.1.2") + tagged("0.1.20") + tagged("0.1") + tagged("0.1.2-rc"),
            get(path).gives(200, [:], list("0.1", "0.1.2", "0.1.2-rc", "0.1.20")),
            get(path + "?n=2&last=0.1").gives(200, [:], list("0.1.2", "0.1.2-rc")))
    }
}
